"""The application as a user meets it: keys in, screen out, on the real index."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.app import refuse_terminal
from console.launch import Launch
from console.ui import ConsoleApp
from engine.errors import IndexNotFoundError, UsageError
from engine.settings.load import Loaded, load
from engine.settings.schema import Settings
from tests.console.consoles import (
    QUERY,
    GatedReranker,
    answered,
    gated_pipeline,
    running,
    screen_text,
    until,
)
from tests.corpus import WatchedStore, changed, pipeline_on

GATED = changed(Settings(), rerank={"provider": "gated"})


async def test_keys_before_the_first_paint_are_the_query(store: WatchedStore) -> None:
    """Regression of a kind: lazily opened parts must not lose, or crash on, what is typed at once."""
    opened = asyncio.Event()
    loop = asyncio.get_running_loop()

    def open_late() -> object:
        asyncio.run_coroutine_threadsafe(opened.wait(), loop).result()
        return pipeline_on(store)

    app = ConsoleApp(Launch(Loaded(Settings()), open_late))  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*"threads", "enter", "1", "question_mark", "escape")
        assert app.main.session is None
        assert app.main.query_line.value.startswith("threads")
        opened.set()
        await until(pilot, lambda: app.main.session is not None)
        await answered(app, pilot)
        assert "threading" in screen_text(app)


async def test_the_first_frame_says_what_to_do(store: WatchedStore) -> None:
    async with running(pipeline_on(store)) as (app, _):
        text = screen_text(app)
        assert "Ask the index something" in text
        assert "10 docs" in text
        assert "Weights" in text


async def test_a_query_is_answered_in_both_lists(store: WatchedStore) -> None:
    async with running(pipeline_on(store)) as (app, pilot):
        await pilot.press(*"wait seconds", "enter")
        await answered(app, pilot)
        text = screen_text(app)
        assert "1 Fused" in text
        assert "2 Reranked" in text
        assert "reranked" in text
        assert text.count("queue.Queue.get") >= 2
        assert app.main.focused is app.main.panes.lists.reranked
        trace = app.main.session and app.main.session.trace
        assert trace is not None
        best = trace.documents[trace.pool.ids[int(trace.ranking.order[0])]]
        assert app.main.cursor_id == best.id


async def test_a_slider_moves_both_lists_and_no_stage_runs_again(store: WatchedStore) -> None:
    settings = changed(Settings(), rerank={"weight": 0.1})
    async with running(pipeline_on(store), settings, query=QUERY) as (app, pilot):
        await answered(app, pilot)
        fused, reranked = app.main.panes.lists.fused.view, app.main.panes.lists.reranked.view
        assert fused is not None
        assert reranked is not None
        calls, before = store.calls.copy(), screen_text(app)
        await pilot.press("3", "down", *["left"] * 12)  # dense .70 → .10
        await pilot.pause()
        assert app.main.session is not None
        assert app.main.session.settings.weights["dense"] == pytest.approx(0.1)
        for name, old in (("fused", fused), ("reranked", reranked)):
            new = app.main.panes.lists.by_name[name].view
            assert new is not None
            assert new.order.tolist() != old.order.tolist()
        assert screen_text(app) != before
        assert store.calls == calls
        assert len(app.main.session.tries) == 2


async def test_the_settled_screen_equals_a_headless_search(store: WatchedStore) -> None:
    settings = changed(Settings(), rerank={"top_n": 3}, weights={"dense": 0.0})
    async with running(pipeline_on(store), settings, query=QUERY) as (app, pilot):
        await answered(app, pilot)
        session = app.main.session
        assert session is not None
        app.main.perform("set", "weights.dense", "0.9")
        await until(pilot, lambda: not session.unsettled and not app.main.asking.busy)
        assert session.trace is not None
        fresh = await session.pipeline.search(QUERY, session.settings)
        assert session.trace.ranking.order.tolist() == fresh.ranking.order.tolist()
        assert store.calls["dense"] == 2


async def test_a_document_is_explained(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("1", "home", "enter")
        await until(pilot, lambda: app.main.cursor_id in app.main.asking.details)
        await pilot.pause()
        assert app.main.focused is app.main.panes.document
        text = screen_text(app)
        for word in ("Score", "lexical", "dense", "fused", "rerank", "Query terms"):
            assert word in text


async def test_nothing_found_has_a_useful_screen(store: WatchedStore) -> None:
    only_words = changed(Settings(), weights={"dense": 0.0})
    async with running(pipeline_on(store), only_words, query="zebrra") as (app, pilot):
        await answered(app, pilot)
        text = screen_text(app)
        assert not app.main.panes.lists.display
        assert "zebrra" in text
        assert "Try" in text


async def test_an_answer_to_an_older_query_never_paints(store: WatchedStore) -> None:
    async with running(pipeline_on(store)) as (app, pilot):
        store.delays["lexical"] = 0.2
        app.main.ask("zebra stripes animal")
        await pilot.pause(0.05)
        store.delays.clear()
        app.main.ask(QUERY)
        await answered(app, pilot)
        await pilot.pause(0.3)
        assert app.main.session is not None
        assert app.main.session.query == QUERY
        assert app.main.session.trace is not None
        assert app.main.session.trace.query.text == QUERY
        assert app.main.panes.lists.fused.view is not None
        assert app.main.panes.lists.fused.view.ids is app.main.session.trace.pool.ids


async def test_the_fused_list_stands_while_the_reranker_works_and_escape_stops_it(store: WatchedStore) -> None:
    gated = GatedReranker()
    gated.close_gate()
    async with running(gated_pipeline(store, gated), GATED, query=QUERY) as (app, pilot):
        await until(pilot, lambda: app.main.panes.lists.fused.view is not None)
        assert app.main.asking.busy
        gated.gate.release()
        await until(pilot, lambda: bool(app.main.asking.said))
        await pilot.pause()
        assert "reranking 2/" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not app.main.asking.busy)
        await pilot.pause()
        assert app.main.session is not None
        trace = app.main.session.trace
        assert trace is not None
        assert trace.stage("rerank") is not None
        assert trace.stage("rerank").outcome.status == "cancelled"  # type: ignore[union-attr]
        assert len(app.main.panes.lists.reranked.view or ()) == len(trace.ranking.order)


async def test_a_slider_moved_while_the_reranker_works_keeps_the_new_order(store: WatchedStore) -> None:
    gated = GatedReranker()
    gated.close_gate()
    async with running(gated_pipeline(store, gated), GATED, query=QUERY) as (app, pilot):
        await until(pilot, lambda: app.main.panes.lists.fused.view is not None)
        app.main.perform("set", "weights.dense", "0.05")
        for _ in range(20):
            gated.gate.release()
        session = app.main.session
        assert session is not None
        await until(pilot, lambda: not app.main.asking.busy and not session.unsettled)
        fresh = await session.pipeline.search(QUERY, session.settings)
        assert session.trace is not None
        assert session.trace.ranking.order.tolist() == fresh.ranking.order.tolist()


async def test_undo_and_redo_by_key(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        session = app.main.session
        assert session is not None
        await pilot.press("3", "down", "left", "left")
        assert session.settings.weights["dense"] == pytest.approx(0.6)
        await pilot.press("ctrl+z")
        assert session.settings.weights["dense"] == 0.7
        assert "undone: weights.dense 0.7→0.6" in screen_text(app)
        await pilot.press("ctrl+y")
        assert session.settings.weights["dense"] == pytest.approx(0.6)


async def test_an_action_that_does_not_apply_says_why(store: WatchedStore) -> None:
    async with running(pipeline_on(store)) as (app, pilot):
        await pilot.press("ctrl+z")
        await pilot.pause()
        assert "there is no change to undo" in screen_text(app)
        app.main.perform("pin")
        await pilot.pause()
        assert "there is no query yet" in screen_text(app)


async def test_the_cursor_is_on_the_same_document_in_both_lists(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("2", "down", "down")
        lists = app.main.panes.lists
        assert lists.fused.cursor_id == lists.reranked.cursor_id == app.main.cursor_id
        assert lists.reranked.place == 2


async def test_every_key_of_a_burst_moves_the_cursor(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        fused = app.main.panes.lists.fused
        start = fused.place
        for _ in range(3):
            fused.action_move(1)
        await pilot.pause()
        assert fused.place == start + 3
        assert app.main.cursor_id == fused.cursor_id


async def test_a_pinned_document_is_followed_in_a_line(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("2", "home", "p")
        await pilot.pause()
        assert app.main.panes.journey_line.display
        line = next(line for line in screen_text(app).splitlines() if "→ kept" in line)
        for stage in ("lexical", "dense", "fused", "reranked 1"):
            assert stage in line
        await pilot.press("p")
        assert not app.main.panes.journey_line.display


async def test_the_reranker_is_switched_by_a_key(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("r")
        await pilot.pause()
        assert "reranker off" in screen_text(app)
        view = app.main.panes.lists.reranked.view
        assert view is not None
        assert not len(view.delta)
        await pilot.press("r")
        await answered(app, pilot)
        assert app.main.panes.lists.reranked.view is not None
        assert len(app.main.panes.lists.reranked.view.delta)


async def test_eighty_by_twenty_four_shows_both_lists_timings_and_on_a_key_the_weights(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY, size=(80, 24)) as (app, pilot):
        await answered(app, pilot)
        text = screen_text(app)
        lines = text.splitlines()
        assert len(lines) == 24
        assert "1 Fused" in text
        assert "2 Reranked" in text
        assert " ms" in lines[2]
        assert "reranked" in lines[2]
        assert "4 Document" in text
        await pilot.press("3")
        await pilot.pause()
        text = screen_text(app)
        assert "3 Weights" in text
        assert "1 Fused" in text
        assert "4 Document" not in text
        await pilot.press("escape")
        await pilot.pause()
        assert "4 Document" in screen_text(app)


async def test_the_first_screen_tells_the_keys_that_work_there(store: WatchedStore) -> None:
    async with running(pipeline_on(store), size=(80, 24)) as (app, pilot):
        await pilot.pause()
        foot = screen_text(app).splitlines()[-1]
        assert "esc to the other keys" in foot
        assert "undo" not in foot
        await pilot.press("question_mark")
        await pilot.pause()
        assert "Actions" in screen_text(app)
        await pilot.press("escape", "a", "question_mark")
        assert app.main.query_line.value == "a?"
        await pilot.press("escape")
        await pilot.pause()
        assert app.main.focused is app.main.panes.empty
        assert "? all keys" in screen_text(app).splitlines()[-1]
        await pilot.press("C")
        await pilot.pause()
        assert "Connect to" in screen_text(app)


async def test_a_suggestion_that_was_run_leaves_the_cursor_in_the_list(store: WatchedStore) -> None:
    async with running(pipeline_on(store), size=(80, 24)) as (app, pilot):
        app.main.ask("title:zzqxv")
        await until(pilot, lambda: "No hits" in screen_text(app))
        app.main.query_line.focus()
        await until(pilot, lambda: "↓ chooses" in screen_text(app))
        await pilot.press("down")
        await until(pilot, lambda: "⏎ runs it" in screen_text(app))
        await pilot.press("down", "up", "enter")
        await until(pilot, lambda: app.main.panes.lists.display)
        await pilot.pause()
        assert app.main.focused is app.main.panes.lists.reranked


async def test_the_query_line_explains_how_queries_are_written(store: WatchedStore) -> None:
    async with running(pipeline_on(store), size=(80, 24)) as (app, pilot):
        await pilot.press("f1")
        await pilot.pause()
        text = screen_text(app)
        assert "In quotes" in text
        assert "Older query" in text
        assert "Page Left" not in text


@pytest.mark.parametrize("height", [24, 17])
async def test_the_waterfall_leaves_a_low_terminal_its_lists(store: WatchedStore, height: int) -> None:
    async with running(pipeline_on(store), query=QUERY, size=(80, height)) as (app, pilot):
        await answered(app, pilot)
        before = app.main.panes.lists.size.height
        await pilot.press("t")
        await pilot.pause()
        assert "in all" in screen_text(app)
        assert app.main.panes.lists.size.height >= 4
        assert height < 24 or app.main.panes.document.size.height >= 3
        await pilot.press("t")
        await pilot.pause()
        assert app.main.panes.lists.size.height == before


async def test_one_pane_takes_the_room_and_gives_it_back(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("1", "m")
        await pilot.pause()
        text = screen_text(app)
        assert "1 Fused" in text
        assert "2 Reranked" not in text
        await pilot.press("escape")
        await pilot.pause()
        assert "2 Reranked" in screen_text(app)


async def test_each_leg_has_a_list_where_there_is_room(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY, size=(220, 50)) as (app, pilot):
        await answered(app, pilot)
        assert [each.name for each in app.main.panes.lists.by_name.values() if each.view] == [
            "lexical",
            "dense",
            "fused",
            "reranked",
        ]
        await pilot.press("w")
        await pilot.pause()
        assert not app.main.panes.lists.panes["lexical"].display


async def test_four_lists_leave_their_titles_room_in_a_middling_terminal(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY, size=(120, 34)) as (app, pilot):
        await answered(app, pilot)
        panes = app.main.panes
        await pilot.press("w")
        await until(pilot, lambda: panes.lists.panes["lexical"].display and not panes.weights_pane.display)
        await until(pilot, lambda: screen_text(app).count("threading.T") >= 4)
        await pilot.press("3")
        await until(pilot, lambda: panes.weights_pane.display)


async def test_no_index_is_an_answer_and_not_a_crash() -> None:
    def nothing() -> object:
        raise IndexNotFoundError("there is no index at /nowhere", hint="`rankscope index` builds one")

    app = ConsoleApp(Launch(Loaded(Settings()), nothing))  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.main.asking.failed is not None)
        await pilot.pause()
        text = screen_text(app)
        assert "there is no index at /nowhere" in text
        assert "`rankscope index` builds one" in text


async def test_a_leg_that_fails_leaves_the_rest(store: WatchedStore) -> None:
    store.faults["dense"] = RuntimeError("the vectors are gone")
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        assert len(app.main.panes.lists.fused.view or ()) > 0
        assert "dense" in app.main.panes.chip.view.text


async def test_saving_by_key_writes_the_file(store: WatchedStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("# mine\n[weights]\nlexical = 0.3\ndense = 0.7\n")
    app = ConsoleApp(Launch(load(None, file), lambda: pipeline_on(store)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.main.session is not None)
        app.main.perform("set", "weights.dense", "0.5")
        await pilot.pause()
        assert "mine.toml*" in screen_text(app)
        await pilot.press("ctrl+s")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert "dense = 0.5" in file.read_text()
        assert "# mine" in file.read_text()
        assert "mine.toml*" not in screen_text(app)


async def test_leaving_with_unsaved_settings_takes_two_presses(store: WatchedStore) -> None:
    async with running(pipeline_on(store)) as (app, pilot):
        app.main.perform("set", "weights.dense", "0.5")
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert app.is_running
        assert "not saved" in screen_text(app)
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert not app.is_running or app.return_code == 0


async def test_queries_come_back_from_the_history(store: WatchedStore, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    async with running(pipeline_on(store), history=history) as (app, pilot):
        for query in ("threads", "zebra"):
            app.main.ask(query)
            await answered(app, pilot)
        await pilot.press("slash")
        await pilot.press(*"draft")
        await pilot.press("up")
        assert app.main.query_line.value == "zebra"
        await pilot.press("up")
        assert app.main.query_line.value == "threads"
        await pilot.press("down", "down")
        assert app.main.query_line.value == "draft"
    async with running(pipeline_on(store), history=history) as (app, pilot):
        assert app.main.history.queries == ["threads", "zebra"]


async def test_every_action_of_the_table_can_be_done() -> None:
    from console.actions import ACTIONS
    from console.screens.deeds import Deeds

    missing = [a.name for a in ACTIONS if not hasattr(Deeds, f"do_{a.name.replace('-', '_')}")]
    assert missing == []


@pytest.mark.parametrize("name", ["actions", "help", "palette", "presets", "copy", "status", "timings", "legs"])
async def test_windows_open_and_close(store: WatchedStore, name: str) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        app.main.perform(name)
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.main
        assert app.main._said[1] != "error"


def test_a_terminal_that_cannot_show_it_is_refused_with_the_way_out() -> None:
    refuse_terminal("xterm-256color", True, True)
    with pytest.raises(UsageError, match="draws on the terminal"):
        refuse_terminal("xterm-256color", True, True, stderr=False)
    for term, stdin, stdout in (("dumb", True, True), ("xterm", True, False), ("xterm", False, True)):
        with pytest.raises(UsageError) as caught:
            refuse_terminal(term, stdin, stdout)
        assert "rankscope search" in caught.value.hint
