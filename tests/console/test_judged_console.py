"""Judging as a user meets it: keys, marks, the footer's numbers, undo, and the query set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from textual.pilot import Pilot

from console.judging import HEADER, Judgments
from console.query_set import QuerySet
from console.screens.departures import BatchScreen
from console.screens.queries import QuerySetScreen
from console.screens.tuning import CHOOSING, TuningScreen
from console.session import Session
from console.ui import ConsoleApp
from console.views_judging import fused_rows, last_rows, measured
from console.views_queries import difference, gain_bar, signed
from engine.evaluation.dataset import load_dataset
from engine.evaluation.experiment import Contender, evaluate
from engine.evaluation.judged import gains_of
from engine.evaluation.metrics import parse
from engine.evaluation.scoring import score_contender
from engine.settings.schema import ProviderSettings, Settings
from tests.console.consoles import QUERY, answered, running, screen_text, until
from tests.corpus import WatchedStore, changed, pipeline_on

QUERIES = {"1": QUERY, "2": "join path components", "3": "json string", "4": "an animal"}
QRELS = {
    "1": {"sleep": 3, "timer": 2, "lock": 1, "json": 0},
    "2": {"join": 3, "queue": 1},
    "3": {"json": 2, "sleep": 1, "elsewhere": 3},
}
BM25_ONLY = changed(Settings(), weights={"dense": 0.0, "lexical": 1.0}, rerank={"enabled": False})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    rows = [f"{q}\t{d}\t{g}" for q, grades in QRELS.items() for d, g in grades.items()]
    (folder / "qrels/test.tsv").write_text("\n".join([HEADER, *rows]) + "\n")
    lines = [f'{{"_id": "{i}", "text": "{text}"}}\n' for i, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("".join(lines))
    return folder


@asynccontextmanager
async def judged(
    store: WatchedStore, data: Path | str, tmp_path: Path, settings: Settings | None = None, **more: Any
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None], Session]]:
    """The application with a data set, its query answered."""
    more = {"query": QUERY, "data": str(data), "judgments": tmp_path / "judgments"} | more
    async with running(pipeline_on(store), settings, **more) as (app, pilot):
        if more["query"]:
            await answered(app, pilot)
        session = app.main.session
        assert session is not None
        yield app, pilot, session


def qrels_lines(folder: Path) -> list[str]:
    return (folder / "qrels/test.tsv").read_text().splitlines()


async def test_keys_grade_and_go_on_and_are_saved(store: WatchedStore, tmp_path: Path) -> None:
    async with judged(store, "", tmp_path) as (app, pilot, session):
        assert session.trace is not None
        ids = [session.trace.pool.ids[row] for row in session.trace.ranking.order]
        await pilot.press("J")
        assert "no judgments for this query" in screen_text(app)
        assert "0 no  1 related  2 good  3 answer  . remove" in screen_text(app)
        await pilot.press("3", "0", "2")
        await pilot.pause()
        assert app.main.cursor_id == ids[3]
        folder = tmp_path / "judgments" / session.pipeline.store.info.name
        assert qrels_lines(folder) == [HEADER, f"1\t{ids[0]}\t3", f"1\t{ids[1]}\t0", f"1\t{ids[2]}\t2"]
        await pilot.press("up", "full_stop")
        assert app.main.cursor_id == ids[2]
        assert qrels_lines(folder) == [HEADER, f"1\t{ids[0]}\t3", f"1\t{ids[1]}\t0"]
        await pilot.press("u", "u")
        assert qrels_lines(folder) == [HEADER, f"1\t{ids[0]}\t3", f"1\t{ids[1]}\t0"]
        assert f"undone: grade of {ids[2]} –→2" in screen_text(app)
        await pilot.press("ctrl+y")
        assert qrels_lines(folder)[-1] == f"1\t{ids[2]}\t2"
        await pilot.press("escape")
        assert not app.main.judging
        assert str(folder) in screen_text(app)


async def test_the_digits_are_panes_again_once_judging_is_off(store: WatchedStore, tmp_path: Path) -> None:
    async with judged(store, "", tmp_path) as (app, pilot, session):
        await pilot.press("J", "1", "J", "1")
        assert app.main.focused is app.main.panes.lists.fused
        assert list(session.grades.values()) == [1]
        await pilot.press("J", "w", "3")  # the cursor's document, from the list that has the focus
        assert list(session.grades.values()) == [1, 3]
        await pilot.press("4", "2")  # in the document pane as well; then on in the list that had the focus
        assert list(session.grades.values()) == [1, 3, 2]
        app.main.set_focus(app.main.panes.knobs)
        await pilot.press("2")  # in the weights a digit goes to a pane
        assert app.main.focused is app.main.panes.lists.reranked
        assert len(session.grades) == 3


async def test_rows_show_grades_and_what_is_unjudged(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with judged(store, data, tmp_path) as (app, pilot, _):
        marks = {}
        for line in screen_text(app).splitlines()[4:14]:
            for title in ("time.sleep", "threading.Timer", "json.dumps", "queue.Queue.get"):
                if title in line:
                    marks[title] = line.split(title)[0].split()[-1]
        assert marks == {"time.sleep": "3", "threading.Timer": "2", "json.dumps": "0", "queue.Queue.get": "·"}
        await pilot.press("slash", *"zebra", "enter")
        await answered(app, pilot)
        assert "no judgments for this query" in screen_text(app)
        flags = app.main.panes.lists.fused.view
        assert flags is not None
        assert not (flags.flags >> 5).any()


@pytest.mark.parametrize("metric", ["ndcg@10", "ndcg@3", "map", "recall@5", "mrr"])
async def test_the_footer_says_what_trec_eval_says_of_the_lists(
    store: WatchedStore, data: Path, tmp_path: Path, metric: str
) -> None:
    names = {"ndcg@10": "ndcg_cut_10", "ndcg@3": "ndcg_cut_3", "recall@5": "recall_5", "mrr": "recip_rank"}
    name = names.get(metric, metric)
    async with judged(store, data, tmp_path) as (app, pilot, session):
        app.main.perform("metric", metric)
        app.main.perform("set", "weights.dense", "0.2")
        await until(pilot, lambda: not session.unsettled and not app.main.asking.busy)
        trace, shown = session.trace, app.main.panes.measured
        assert trace is not None
        assert shown is not None
        oracle = pytrec_eval.RelevanceEvaluator(
            {"q": QRELS["1"]}, {name.rstrip("0123456789").rstrip("_") or name, name}
        )
        found = []
        for order in (trace.ranking.fused_order, trace.ranking.order):
            run = {trace.pool.ids[row]: float(-place) for place, row in enumerate(order.tolist())}
            found.append(oracle.evaluate({"q": run})["q"][name])
        assert [shown.before, shown.after] == pytest.approx(found, abs=1e-9)
        assert f"{found[1]:.2f}".removeprefix("0") in screen_text(app).splitlines()[-1]


async def test_the_footer_follows_a_slider_in_the_same_frame(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    settings = changed(Settings(), rerank={"enabled": False})
    async with judged(store, data, tmp_path, settings) as (app, pilot, session):
        before = app.main.panes.measured
        session.turn("weights.dense", 0.0)
        app.main.turned("weights.dense")  # what a slider's message does; nothing has been awaited since
        after = app.main.panes.measured
        assert before is not None
        assert after is not None
        assert after.after is None  # no reranker, one number
        assert session.trace is not None
        order = session.trace.ranking.fused_order
        gains = gains_of([session.trace.pool.ids[row] for row in order], QRELS["1"])
        exact = parse("ndcg@10").scores(gains[None, :], np.array([3.0, 2.0, 1.0]))[0]
        assert after.before == pytest.approx(exact)
        await pilot.pause()


async def test_threshold_and_groups_count_as_evaluate_counts_them(store: WatchedStore, data: Path) -> None:
    for cut in ({"threshold": 0.4}, {"group": "section"}, {"offset": 2, "top_k": 3}):
        settings = changed(Settings(), cut=cut)
        pipeline = pipeline_on(store)
        found = await evaluate(load_dataset(str(data)), [Contender("one", settings, pipeline)])
        scores = score_contender(found, 0, [parse("ndcg@10")])
        trace = await pipeline.search(QUERY, settings, syntax=False)
        shown = measured(trace, gains_of(trace.pool.ids, QRELS["1"]), QRELS["1"], parse("ndcg@10"))
        assert shown.before == pytest.approx(scores["fused"][parse("ndcg@10")][0])
        assert shown.after == pytest.approx(scores["reranked"][parse("ndcg@10")][0])
        assert len(fused_rows(trace)) >= len(last_rows(trace)) > 0


async def test_bad_judgments_are_one_error_and_why_nothing_is_judged(
    store: WatchedStore, data: Path, tmp_path: Path
) -> None:
    (data / "qrels/test.tsv").write_text(f"{HEADER}\n1\tsleep\tmuch\n")
    async with judged(store, data, tmp_path, query="") as (app, pilot, _):
        assert "test.tsv:2: " in screen_text(app)
        await pilot.press("slash", *"join", "enter")
        await answered(app, pilot)
        await pilot.press("J")
        await pilot.pause()
        assert "judge: " in screen_text(app)
        assert "test.tsv:2: the grade 'much'" in screen_text(app)
        assert not app.main.judging


# ---- the query set


async def opened(app: ConsoleApp, pilot: Pilot[None]) -> QuerySetScreen:
    await pilot.press("Q")
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, QuerySetScreen)
    await until(pilot, lambda: all(worker.is_finished for worker in screen.workers))
    await pilot.pause()
    return screen


async def test_the_query_set_shows_what_evaluate_finds(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with judged(store, data, tmp_path) as (app, pilot, session):
        app.main.perform("set", "weights.dense", "0")
        await until(pilot, lambda: not session.unsettled and not app.main.asking.busy)
        screen = await opened(app, pilot)
        pipeline = session.pipeline
        sets = [Contender("saved", session.loaded.settings, pipeline), Contender("now", session.settings, pipeline)]
        found = await evaluate(load_dataset(str(data)), sets)
        ndcg = parse("ndcg@10")
        saved, now = (score_contender(found, each, [ndcg]) for each in (0, 1))
        rows = {row.id: row for row in screen.table.view.rows}
        for place, query in enumerate("123"):
            row = rows[query]
            assert row.saved == pytest.approx(saved["reranked"][ndcg][place])
            assert row.now == pytest.approx(now["reranked"][ndcg][place])
            assert row.fused == pytest.approx(now["fused"][ndcg][place])
        gains = [difference(row, "settings") for row in screen.table.view.rows[:3]]
        assert gains == sorted(gains, reverse=True)
        assert gains[0] != gains[-1]
        assert screen.table.view.rows[-1].id == "4"  # nothing is judged for it
        text = screen_text(app)
        assert "no judgments" in text
        assert "mean nDCG@10 saved" in text
        assert "3 queries" in text
        assert "the same" in text  # the paired test
        await pilot.press("o")
        gains = [difference(row, "settings") for row in screen.table.view.rows[:3]]
        assert gains == sorted(gains)


async def test_a_slider_moved_the_set_is_ranked_and_nothing_asked(
    store: WatchedStore, data: Path, tmp_path: Path
) -> None:
    async with judged(store, data, tmp_path, changed(Settings(), rerank={"weight": 0.05})) as (app, pilot, _):
        screen = await opened(app, pilot)
        first = {row.id: row.now for row in screen.table.view.rows}
        await pilot.press("escape")
        app.main.perform("set", "weights.dense", "0.05")
        await until(pilot, lambda: not app.main.asking.busy)
        calls = {name: store.calls[name] for name in ("lexical", "dense")}
        screen = await opened(app, pilot)
        assert {name: store.calls[name] for name in ("lexical", "dense")} == calls
        rows = screen.table.view.rows
        assert {row.id: row.saved for row in rows} == pytest.approx(first, nan_ok=True)
        assert any(abs(difference(row, "settings")) > 0 for row in rows)


async def test_one_key_leads_into_the_query(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with judged(store, data, tmp_path, query="") as (app, pilot, session):
        app.main.set_focus(None)
        screen = await opened(app, pilot)
        await pilot.press("slash", *"json", "enter")
        assert [row.id for row in screen.table.view.rows] == ["3"]
        await pilot.press("enter")
        await answered(app, pilot)
        assert app.screen is app.main
        assert session.query == QUERIES["3"]
        assert session.grades == QRELS["3"]


async def test_escape_stops_and_what_is_answered_stays(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with judged(store, data, tmp_path, settings=BM25_ONLY, query="") as (app, pilot, _):
        app.main.set_focus(None)
        store.delays["lexical"] = 60
        await pilot.press("Q")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, QuerySetScreen)
        await until(pilot, lambda: "asking 0/3" in screen_text(app))
        await pilot.press("escape")
        await pilot.pause()
        assert "stopped · r goes on" in screen_text(app)
        store.delays.clear()
        await pilot.press("r")
        await until(pilot, lambda: not screen.running)
        assert [row.judged for row in screen.table.view.rows if row.graded] != []
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.main


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_a_set_goes_to_a_service_once_it_was_agreed_to(
    store: WatchedStore, data: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    far = ProviderSettings(base_url="http://rerank.example.org/v1", models=["m"], price=20.0)
    settings = changed(Settings(providers={"far": far}), rerank={"provider": "far"})
    async with judged(store, data, tmp_path, settings, query="", size=size) as (app, pilot, _):
        app.main.set_focus(None)
        await pilot.press("Q")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, QuerySetScreen)
        assert "r asks 3 queries of far" in screen_text(app)
        for answer in ("n", "y"):
            await pilot.press("r")
            await until(pilot, lambda: isinstance(app.screen, BatchScreen))
            await pilot.pause()
            text = screen_text(app)
            assert all(word in text for word in ("rerank.example.org, on the internet", "3 requests", "tokens", "US$"))
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is screen and not screen.running)
            await pilot.pause()
            assert ("nothing was asked · r asks" in screen_text(app)) == (answer == "n")
            assert any(row.shown for row in screen.table.view.rows) == (answer == "y")
        await pilot.press("r")
        await until(pilot, lambda: not screen.running)
        assert app.screen is screen, "it is asked about once"
        await pilot.press("escape")
        app.main.perform("tune")
        await until(pilot, lambda: isinstance(app.screen, TuningScreen))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, BatchScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TuningScreen))
        assert app.screen.state == CHOOSING


async def test_closing_the_measurement_ends_its_searches(store: WatchedStore, data: Path) -> None:
    queries = QuerySet(pipeline_on(store), Judgments("set", data))
    store.delays["lexical"] = 60
    progress = queries.measure(BM25_ONLY, BM25_ONLY)
    assert await anext(progress) == 0
    waiting = asyncio.ensure_future(anext(progress))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await progress.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "query-set"]


def test_bars_and_signs() -> None:
    assert gain_bar(0.5, 1.0, 4) == ("    ", "██  ")
    assert gain_bar(-0.125, 1.0, 4) == ("   ▐", "    ")
    assert gain_bar(float("nan"), 1.0, 2) == ("  ", "  ")
    assert [signed(value) for value in (0.184, -0.05, 0.0, 0.002, float("nan"))] == ["+.18", "−.05", "=", "+.002", ""]
