"""A knob's arithmetic: steps, ranges, places on the track; and the panel's view of the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.views_knobs import Layout, greyed, knob_rows
from console.widgets.slider import KnobRow, SliderShape, share_of, stepped, typed, value_at, value_text
from engine.records import ScoreKind
from engine.settings import knobs
from engine.settings.schema import FeatureSettings, Settings
from engine.stores.base import StoreInfo

SETTINGS = Settings(features={"pagerank": FeatureSettings(field="pagerank")})


def rows(settings: Settings = SETTINGS, saved: Settings = SETTINGS) -> dict[str, KnobRow]:
    return {row.path: row for row in knob_rows(settings, saved, greyed(settings))}


def test_every_live_knob_is_there_under_its_heading() -> None:
    found = rows()
    for path in (
        "weights.lexical",
        "weights.dense",
        "features.pagerank.weight",
        "legs.lexical.fields.title",
        "legs.lexical.k1",
        "legs.lexical.b",
        "legs.dense.similarity_threshold",
        "fusion.combiner",
        "fusion.normalizer",
        "fusion.rank_constant",
        "rerank.enabled",
        "rerank.top_n",
        "rerank.blend",
        "rerank.weight",
        "cut.threshold",
    ):
        assert path in found
    headings = [line for line in Layout.of(list(found.values())).lines if isinstance(line, str)]
    assert headings == ["Leg weights", "Fusion", "Lexical", "Dense", "Rerank", "Cut"]


@given(st.sampled_from(sorted(rows())), st.integers(-40, 40))
def test_a_step_is_always_a_value_that_the_settings_take(path: str, steps: int) -> None:
    row = rows()[path]
    value = stepped(row, steps or 1)
    if path.startswith("weights.") and value == 0:
        value = 0.05
    assert knobs.get(knobs.replace(SETTINGS, path, value), path) == value


@given(st.sampled_from([p for p, row in rows().items() if row.kind == "slider"]), st.floats(-0.5, 1.5))
def test_every_place_on_a_track_is_a_value_in_range(path: str, share: float) -> None:
    row = rows()[path]
    value = value_at(row, share)
    assert row.low <= float(value) <= row.high
    assert 0.0 <= share_of(row, float(value)) <= 1.0


def test_steps_are_the_tables_and_whole_numbers_stay_whole() -> None:
    found = rows()
    assert stepped(found["weights.dense"], 1) == 0.75
    assert stepped(found["weights.dense"], -20) == 0
    assert stepped(found["rerank.top_n"], 1) == 53
    assert stepped(found["rerank.top_n"], -100) == 1
    assert stepped(found["rerank.enabled"], 1) is False
    assert stepped(found["rerank.blend"], -1) == "ragflow"


def test_typed_numbers_are_held_inside_the_range() -> None:
    found = rows()
    assert typed(found["weights.dense"], "0,42") == 0.42
    assert typed(found["legs.lexical.b"], "7") == 1
    assert typed(found["rerank.top_n"], "99999") == 2048
    with pytest.raises(ValueError, match=r"1\.2\.3"):
        typed(found["weights.dense"], "1.2.3")


def test_a_value_beyond_the_track_widens_it() -> None:
    row = rows(knobs.replace(SETTINGS, "weights.dense", 3.0))["weights.dense"]
    assert share_of(row, 3.0) == 1.0
    assert value_at(row, 1.0) == 3.0


def test_changed_knobs_know_their_saved_value() -> None:
    row = rows(knobs.replace(SETTINGS, "rerank.top_n", 80))["rerank.top_n"]
    assert (row.changed, row.saved) == (True, 50)
    assert not rows()["rerank.top_n"].changed


def test_knobs_that_make_no_difference_say_why() -> None:
    def reason(changes: dict[str, object], path: str) -> str:
        return greyed(knobs.replace_all(SETTINGS, changes)).get(path, "")

    assert reason({}, "weights.dense") == ""
    assert "without weights" in reason({"fusion.combiner": "comb-sum"}, "weights.dense")
    assert "rrf" in reason({"fusion.combiner": "rrf"}, "fusion.normalizer")
    assert reason({"fusion.combiner": "rrf"}, "fusion.rank_constant") == ""
    assert "rrf" in reason({}, "fusion.rank_constant")
    assert "off" in reason({"rerank.enabled": False}, "rerank.top_n")
    assert reason({"rerank.enabled": False}, "rerank.enabled") == ""
    assert "replace" in reason({"rerank.blend": "replace"}, "rerank.weight")
    assert "weights.lexical is 0" in reason({"weights.lexical": 0.0}, "legs.lexical.k1")
    assert "length" in reason({"legs.lexical.k1": 0.0}, "legs.lexical.b")


def test_an_engine_that_fixes_bm25_greys_its_knobs_with_its_reason() -> None:
    info = StoreInfo(
        "elasticsearch",
        "docs",
        1,
        1,
        ("text",),
        (),
        (),
        {},
        "",
        0,
        ScoreKind.COSINE,
        frozen_reason="set in the mapping",
    )
    found = greyed(SETTINGS, info)
    assert found["legs.lexical.k1"] == found["legs.lexical.fields.title"] == "set in the mapping"
    assert "weights.dense" not in found


def test_values_are_written_short() -> None:
    found = rows()
    assert [value_text(found["weights.dense"], value) for value in (0.7, 0.0, 2.5, 64, True, "rrf")] == [
        ".70",
        "0",
        "2.5",
        "64",
        "on",
        "rrf",
    ]


@given(st.integers(8, 120))
def test_the_parts_of_a_line_fit_it(width: int) -> None:
    shape = SliderShape.of(width, 14)
    assert shape.share(shape.begin) == 0.0
    assert shape.share(shape.begin + shape.track - 1) == 1.0
    if width >= 20:
        assert shape.begin + shape.track + shape.value <= width
