"""The session: queries by generation, turns of knobs, numbered tries, undo and redo, saving."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from console.session import Session, shown
from engine.errors import SettingsError
from engine.settings.load import load
from engine.settings.schema import Settings
from engine.trace import Finished, Fused, RerankProgress
from tests.console.consoles import QUERY, GatedReranker, drained, gated_pipeline, session_on
from tests.corpus import WatchedStore, changed, pipeline_on


@pytest.fixture
def session(store: WatchedStore) -> Session:
    return session_on(pipeline_on(store))


def test_a_session_knows_no_user_interface() -> None:
    program = "import console.session, sys; print([m for m in ('textual', 'rich', 'click') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


async def test_a_query_ends_with_its_trace(session: Session) -> None:
    events = await drained(session.ask(QUERY))
    assert isinstance(events[-1], Finished)
    assert session.trace is events[-1].trace
    assert session.query == QUERY


async def test_a_turn_asks_nothing_and_ranks_as_a_fresh_search_would(session: Session, store: WatchedStore) -> None:
    await drained(session.ask(QUERY))
    before = store.calls.copy()
    trace = session.turn("weights.dense", 0.05)
    assert trace is not None
    assert store.calls == before
    fresh = await session.pipeline.search(QUERY, session.settings)
    assert trace.ranking.fused_order.tolist() == fresh.ranking.fused_order.tolist()


async def test_events_of_an_older_query_are_applied_nowhere(session: Session) -> None:
    older = session.ask("threads")
    first = await anext(older)
    assert first is not None
    await drained(session.ask(QUERY))
    trace = session.trace
    assert await drained(older) == []
    assert session.trace is trace
    assert session.query == QUERY


async def test_an_event_carries_the_settings_as_they_are_by_now(store: WatchedStore) -> None:
    gated = GatedReranker()
    settings = changed(Settings(), rerank={"provider": "gated"})
    session = session_on(gated_pipeline(store, gated), settings)
    gated.close_gate()
    events = session.ask(QUERY)
    async for event in events:
        if isinstance(event, Fused):
            break
    session.turn("weights.dense", 0.1)
    gated.gate.release()
    async for event in events:
        if isinstance(event, RerankProgress):
            assert event.trace.settings.weights["dense"] == 0.1
            assert event.trace is session.trace
            break
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_leg_raised_from_nothing_is_asked_once_the_slider_rests(store: WatchedStore) -> None:
    session = session_on(pipeline_on(store), changed(Settings(), weights={"dense": 0.0}))
    await drained(session.ask(QUERY))
    assert store.calls["dense"] == 0
    session.turn("weights.dense", 0.5)
    assert session.unsettled
    await drained(session.settle())
    assert store.calls["dense"] == 1
    assert not session.unsettled


async def test_newcomers_wait_for_a_key_where_auto_is_off(store: WatchedStore) -> None:
    settings = changed(Settings(), rerank={"auto": False, "top_n": 1})
    session = session_on(pipeline_on(store), settings)
    await drained(session.ask(QUERY))
    session.turn("rerank.top_n", 4)
    assert session.search is not None
    assert session.search.missing(session.settings).rerank == 3
    assert not session.unsettled


async def test_a_drag_is_one_try_and_a_rest_begins_the_next(session: Session) -> None:
    for value in (0.6, 0.5, 0.4):
        session.turn("weights.dense", value)
    assert [each.change for each in session.tries] == ["as loaded", "weights.dense 0.7→0.4"]
    session.rest()
    session.turn("weights.dense", 0.3)
    session.turn("weights.lexical", 0.9)
    assert [each.number for each in session.tries] == [1, 2, 3, 4]
    assert session.tries[2].change == "weights.dense 0.4→0.3"


async def test_a_try_is_told_without_secrets(session: Session) -> None:
    session.turn("rerank.base_url", "http://joe:hunter22@host/v1")
    session.turn("rerank.api_key", "sk-1234567")
    session.turn("rerank.api_key", "env:MY_KEY")
    session.rest()
    told = [each.change for each in session.tries]
    assert told == ["as loaded", "rerank.base_url →http://•••@host/v1", "rerank.api_key →env:MY_KEY"]


async def test_undo_and_redo_walk_the_tries(session: Session) -> None:
    await drained(session.ask(QUERY))
    original = session.trace
    assert original is not None
    session.turn("fusion.combiner", "rrf")
    session.turn("weights.dense", 0.1)
    turned = session.trace
    assert turned is not None
    session.undo()
    assert session.settings.fusion.combiner == "rrf"
    session.undo()
    assert session.settings == Settings()
    assert session.trace is not None
    assert session.trace.ranking.order.tolist() == original.ranking.order.tolist()
    assert not session.can_undo
    session.redo()
    session.redo()
    assert not session.can_redo
    assert session.trace.ranking.order.tolist() == turned.ranking.order.tolist()


async def test_a_turn_after_an_undo_ends_what_could_be_redone_but_keeps_its_number(session: Session) -> None:
    session.turn("cut.top_k", 3)
    session.undo()
    session.turn("cut.top_k", 5)
    assert not session.can_redo
    assert [each.number for each in session.tries] == [1, 2, 3]
    assert session.current.number == 3


async def test_a_refused_value_changes_nothing(session: Session) -> None:
    await drained(session.ask(QUERY))
    trace = session.trace
    with pytest.raises(SettingsError, match=r"rerank\.top_n"):
        session.turn("rerank.top_n", 99_999)
    assert session.settings == Settings()
    assert len(session.tries) == 1
    assert session.trace is trace


async def test_settings_that_cannot_rank_are_refused_before_they_are_a_try(session: Session) -> None:
    await drained(session.ask(QUERY))
    with pytest.raises(SettingsError, match="max needs scores"):
        session.turn("fusion.normalizer", "max")  # a cosine may be negative
    assert session.settings == Settings()
    assert not session.can_undo


async def test_the_last_leg_stops_at_its_least_step(session: Session) -> None:
    session.turn("weights.lexical", 0)
    session.turn("weights.dense", 0)
    assert session.settings.weights == {"lexical": 0.0, "dense": 0.05}


async def test_a_preset_is_one_try(session: Session) -> None:
    session.preset("elasticsearch-rrf")
    assert session.settings.fusion.combiner == "rrf"
    assert session.current.change == "preset elasticsearch-rrf"
    session.undo()
    assert session.settings == Settings()


async def test_saving_shows_the_difference_and_ends_dirty(store: WatchedStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("# my weights\n[weights]\nlexical = 0.3  # words\ndense = 0.7\n")
    session = Session(pipeline_on(store), load(None, file))
    session.turn("weights.dense", 0.55)
    assert session.dirty
    assert "+dense = 0.55" in session.difference()
    session.save()
    assert not session.dirty
    assert "# my weights" in file.read_text()
    assert "dense = 0.55" in file.read_text()
    assert session.difference() == ""
    session.undo()
    assert session.dirty


async def test_revert_goes_back_to_the_file_as_one_try(session: Session) -> None:
    session.turn("weights.dense", 0.1)
    session.turn("cut.top_k", 3)
    session.revert()
    assert not session.dirty
    session.undo()
    assert session.settings.cut.top_k == 3


async def test_cancelling_keeps_what_is_here(store: WatchedStore) -> None:
    gated = GatedReranker()
    settings = changed(Settings(), rerank={"provider": "gated"})
    session = session_on(gated_pipeline(store, gated), settings)
    gated.close_gate()
    events = session.ask(QUERY)
    async for event in events:
        if isinstance(event, Fused):
            break
    await events.aclose()  # type: ignore[attr-defined]
    trace = session.cancel()
    assert trace is not None
    assert len(trace.ranking.order) > 0


@pytest.mark.parametrize(("value", "text"), [(0.7, "0.7"), (True, "on"), (False, "off"), (50, "50"), ("rrf", "rrf")])
def test_values_are_written_as_a_person_would(value: object, text: str) -> None:
    assert shown(value) == text
