"""The table covers the schema, agrees with the registries, and settings need no numpy."""

import subprocess
import sys

import pytest

from engine.errors import SettingsError
from engine.fusion.blends import BLENDS
from engine.fusion.combiners import COMBINERS
from engine.fusion.normalizers import NORMALIZERS
from engine.settings import knobs, table
from engine.settings.paths import join, line_of, parse_value, split, split_assignment
from engine.settings.schema import BudgetSettings, FeatureSettings, Settings
from engine.settings.shape import LEG_KINDS, patterns


def test_settings_import_no_numpy():
    code = (
        "import sys, engine.settings.load, engine.settings.save, engine.settings.document, engine.secrets\n"
        "heavy = {'numpy', 'textual', 'httpx', 'torch', 'tomlkit', 'rich', 'click'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_table_has_a_row_for_every_key_and_no_other():
    schema = {pattern for pattern, shape in patterns() if shape.form == "value"}
    maps = {pattern for pattern, shape in patterns() if shape.form == "map"}
    assert schema <= set(knobs.KNOBS)
    assert set(knobs.KNOBS) - schema <= maps


def test_choices_are_the_registries():
    assert tuple(NORMALIZERS) == table.NORMALIZERS
    assert tuple(COMBINERS) == table.COMBINERS
    assert ("auto", *BLENDS) == table.BLENDS
    assert knobs.KNOBS["legs.<lexical>.kind"].choices == tuple(LEG_KINDS)


def test_every_number_with_a_range_holds_its_default_and_can_be_turned():
    settings = Settings(features={"p": FeatureSettings(field="p")})
    for keys, value, shape in knobs.leaves(settings):
        knob = shape.knob
        if knob.minimum is not None:
            assert value >= knob.minimum, keys
            assert knob.step > 0, keys
            assert knob.slider or knob.maximum, keys
        if knob.maximum is not None:
            assert value <= knob.maximum, keys
        if knob.choices:
            assert value in knob.choices, keys


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("rerank.top_n", ("rerank", "top_n")),
        (' rerank . "top_n" ', ("rerank", "top_n")),
        ('legs.lexical.fields."meta.title"', ("legs", "lexical", "fields", "meta.title")),
        ("legs.lexical.fields.'a\"b'", ("legs", "lexical", "fields", 'a"b')),
        ("filter.größe", ("filter", "größe")),
    ],
)
def test_names_are_split_as_toml_does(path, keys):
    assert split(path) == keys
    assert split(join(keys)) == keys


@pytest.mark.parametrize("path", ["", "a..b", ".a", 'a."b', 'a = 1\n"b"', '"a" = 1\nb'])
def test_what_is_no_name_is_refused(path):
    with pytest.raises(SettingsError, match="not the name of a setting"):
        split(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("0.5", 0.5),
        ("true", True),
        ('"20"', "20"),
        ('["a", "b"]', ["a", "b"]),
        ("{ title = 2.0 }", {"title": 2.0}),
        ("Qwen/Qwen3", "Qwen/Qwen3"),
        ("a = b", "a = b"),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
    ],
)
def test_a_value_is_toml_else_text(text, value):
    parsed = parse_value(text)
    assert (type(parsed), parsed) == (type(value), value)


def test_an_assignment_is_split_at_the_first_equals_outside_quotes():
    assert split_assignment("rerank.top_n = 20") == (("rerank", "top_n"), "20")
    assert split_assignment('filter."a=b"=c=d') == (("filter", "a=b"), "c=d")
    with pytest.raises(SettingsError, match="no value"):
        split_assignment("rerank.top_n")


def test_line_of_finds_keys_headers_and_inline_tables():
    text = '# [rerank]\n[rerank]\ntop_n = 5\n[legs.lexical]\nfields = { title = 1 }\n"k1" = 2\n[legs."a b"] # x\n'
    assert line_of(text, ("rerank", "top_n")) == 3
    assert line_of(text, ("legs", "lexical", "fields", "title")) == 5
    assert line_of(text, ("legs", "lexical", "k1")) == 6
    assert line_of(text, ("legs", "a b", "k1")) == 7
    assert line_of(text, ("cut", "top_k")) == 0


@pytest.mark.parametrize(
    ("path", "value", "stored"),
    [
        ("weights.dense", 1, 1.0),
        ("legs.lexical.k1", 0.9, 0.9),
        ("legs.lexical.fields.title", 2, 2.0),
        ("legs.lexical.fields", {"a": 1}, {"a": 1.0}),
        ('legs.lexical.fields."x.y"', 3.0, 3.0),
        ("fusion.combiner", "rrf", "rrf"),
        ("rerank.enabled", False, False),
        ("filter.lang", ["en", "de"], ["en", "de"]),
        ("filter", {"year": 2024}, {"year": 2024}),
    ],
)
def test_replace_and_get(path, value, stored):
    before = Settings()
    after = knobs.replace(before, path, value)
    assert knobs.get(after, path) == stored
    assert type(knobs.get(after, path)) is type(stored)
    assert before == Settings()


@pytest.mark.parametrize(
    ("path", "value", "message", "hint"),
    [
        ("rerank.top_n", 4096, "rerank.top_n: 4096 is outside its range, 1 to 2048", "1 to 2048"),
        ("rerank.top_n", 0, "rerank.top_n: 0 is outside its range, 1 to 2048", "1 to 2048"),
        ("rerank.top_n", True, "rerank.top_n: expected a whole number, got true or false true", "1 to 2048"),
        ("rerank.topn", 5, "unknown setting rerank.topn", "did you mean rerank.top_n?"),
        ("rerank.k1", 1, "unknown setting rerank.k1", "did you mean legs.lexical.k1?"),
        ("fusion.combiner", "rff", "fusion.combiner: 'rff' is not one of convex, rrf", "did you mean 'rrf'?"),
        ("weights.dense", float("inf"), "weights.dense: inf is not a finite number", "at least 0"),
        ("weights.dense", -0.1, "weights.dense: -0.1 is outside its range, at least 0", "at least 0"),
        ("weights.dens", 1, "weights.dens: there is no leg of this name", "did you mean weights.dense?"),
        ("legs.splade.top_k", 1, "legs.splade.kind: unknown kind 'splade'", "lexical, dense, sparse"),
        ("legs.lexcal.k1", 1, "unknown leg 'lexcal'", "did you mean legs.lexical?"),
        ("features.p.weight", 1.0, "features.p is not set", "there are none yet"),
        ("rerank", {}, "rerank is a table", "one by one"),
        ("filter", 3, "filter: expected a table, got a whole number 3", "[filter]"),
    ],
)
def test_replace_refuses(path, value, message, hint):
    with pytest.raises(SettingsError, match=message) as caught:
        knobs.replace(Settings(), path, value)
    assert hint in caught.value.hint


def test_replace_checks_that_values_agree_only_at_the_end():
    with pytest.raises(SettingsError, match=r"budget.leg_ms: 10000 is not below budget.query_ms, 9000"):
        knobs.replace(Settings(), "budget.query_ms", 9000)
    lower = {"budget.query_ms": 900, "budget.leg_ms": 400, "budget.rerank_ms": 500}
    assert knobs.replace_all(Settings(), lower).budget == BudgetSettings(leg_ms=400, rerank_ms=500, query_ms=900)
    with pytest.raises(SettingsError, match="all of them are 0"):
        knobs.replace_all(Settings(), {"weights.dense": 0, "weights.lexical": 0})


def test_replace_text_reads_as_toml_else_text():
    assert knobs.replace_text(Settings(), "rerank.top_n", "20").rerank.top_n == 20
    assert knobs.replace_text(Settings(), "rerank.model", "2024").rerank.model == "2024"
    assert knobs.replace_text(Settings(), "rerank.model", '"a b"').rerank.model == "a b"
    assert knobs.replace_text(Settings(), "filter.lang", "en").filter == {"lang": "en"}


def test_paths_are_all_gettable_and_have_rows():
    settings = knobs.replace(Settings(), 'legs.lexical.fields."a.b"', 1.0)
    names = list(knobs.paths(settings))
    assert 'legs.lexical.fields."a.b"' in names
    assert names[0] == "store.kind"
    for name in names:
        knobs.get(settings, name)
        assert knobs.knob(settings, name).help
