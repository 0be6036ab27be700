"""A query body of the user's own is read when the settings are opened, and its faults are told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.executor import make_executor
from engine.settings.schema import LexicalLeg, Settings
from engine.stores.elastic.mapping import shape_of
from engine.stores.elastic.opening import check
from engine.stores.elastic.own_body import read_body
from engine.stores.ragflow.opening import check_words

OWN = Settings(legs={"words": LexicalLeg(body="own.json")}, weights={"words": 1.0})
SHAPE = shape_of("i", {"i": {"mappings": {"properties": {"text": {"type": "text"}}}}}, 1)
GOOD = '{"query": {"match": {"text": "the {{query}}"}}}'


def opened(folder: Path) -> None:
    check(OWN, SHAPE, make_executor(), folder, ())


@pytest.mark.parametrize(
    ("text", "told", "way"),
    [
        ('{\n  "query": {"match": {"text": "{{query}}",}}\n}', "own.json, line 2, column 43: no JSON", "json.tool"),
        ('{"query": {"match": {"text": {{query}}}}}', "line 1, column 31: no JSON", "quotation marks"),
        ('{"query": {"match_all": {}}}', "own.json has no place for the query", '"{{query}}"'),
        ('{"size": "{{query}}", "query": {"match_all": {}}}', "own.json has no place for the query", '"{{query}}"'),
        ('{"a": "{{query}}"}', "own.json has no query", "_search"),
        ('["{{query}}"]', "own.json holds no JSON object", "_search"),
        ("\xff", "own.json is no UTF-8 text: byte 0", ""),
        (None, "cannot read .*own.json: No such file", "beside the settings file"),
    ],
)
def test_a_faulty_body_is_found_when_the_settings_are_opened(
    text: str | None, told: str, way: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "own.json").write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=told) as caught:
        opened(tmp_path)
    assert caught.value.message.startswith("legs.words.body: ")
    assert way in caught.value.hint


def test_a_body_may_be_edited_while_its_leg_is_searched(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(GOOD, encoding="utf-8-sig")
    opened(tmp_path)
    (tmp_path / "own.json").write_text(GOOD.replace("the ", "a "))
    assert read_body(tmp_path, "own.json", "words")["query"] == {"match": {"text": "a {{query}}"}}


def test_ragflow_asks_its_own_query() -> None:
    with pytest.raises(SettingsError, match=r"legs.words.body is for Elasticsearch and OpenSearch"):
        check_words(OWN)
