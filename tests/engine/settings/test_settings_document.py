"""The template loads as the defaults, and the schema accepts what the loader accepts."""

import re
import tomllib

import msgspec

from engine.settings import document
from engine.settings.load import decode
from engine.settings.schema import (
    FeatureSettings,
    GraphLeg,
    ProviderSettings,
    RerankSettings,
    RerankStage,
    Settings,
    SparseLeg,
)
from engine.settings.shape import patterns
from engine.settings.table import KNOBS


def test_the_template_sets_nothing():
    assert decode(tomllib.loads(document.template())) == Settings()


def test_every_line_of_the_template_can_be_taken_in():
    opened = re.sub(r"^#(?! )", "", document.template(), flags=re.MULTILINE)
    sample = {
        "legs": {**Settings().legs, "sparse": SparseLeg(), "graph": GraphLeg()},
        "weights": {**Settings().weights, "sparse": 0.0, "graph": 0.0},
        "features": {"pagerank": FeatureSettings(field="pagerank")},
        "rerank": RerankSettings(cascade={"large": RerankStage(provider="local", top_n=20)}),
        "filter": {"language": ["en", "de"]},
        "providers": {"my-server": ProviderSettings(base_url="http://localhost:8000")},
    }
    assert decode(tomllib.loads(opened)) == msgspec.structs.replace(Settings(), **sample)


def test_the_template_explains_every_key():
    text = " ".join(document.template().replace("\n# ", " ").split())
    for pattern, shape in patterns():
        if shape.form == "value" and not pattern.endswith(
            (".fields.*", ".analyzers.*", ".headers.*", ".extra.*", ".options.*", ".tags.*")
        ):
            assert KNOBS[pattern].help in text, pattern


def test_template_lines_are_short():
    assert max(map(len, document.template().splitlines())) <= 120


def test_the_schema_says_range_choices_default_and_meaning():
    schema = document.json_schema()
    msgspec.json.encode(schema)
    rerank = schema["properties"]["rerank"]
    assert rerank["additionalProperties"] is False
    assert rerank["properties"]["top_n"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 2048,
        "description": "How many of the fused list are reranked. (1 to 2048 documents)",
        "default": 50,
    }
    assert rerank["properties"]["fallback"]["enum"] == ["none", "term"]
    assert schema["properties"]["weights"]["additionalProperties"]["minimum"] == 0
    feature = schema["properties"]["features"]["additionalProperties"]
    assert feature["required"] == ["field"]
    leg = schema["$defs"]["leg-lexical"]
    assert leg["properties"]["fields"]["default"] == {"title": 1.0, "text": 1.0}
    assert leg["properties"]["fields"]["additionalProperties"]["maximum"] == 10


def test_the_schema_has_every_table():
    assert tuple(document.json_schema()["properties"]) == Settings.__struct_fields__
