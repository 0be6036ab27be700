"""Looking closer as a user does: strips under the weights, why one stands above another, comparing, tuning."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from console.judging import HEADER
from console.screens.compare import CompareScreen
from console.screens.main import REST_S
from console.screens.save import SaveScreen
from console.screens.tuning import CHOOSING, DONE, SEARCHING, TRYING, TuningScreen
from console.screens.why import WhyScreen
from console.session import Session
from console.ui import ConsoleApp
from console.views_judging import last_rows, measured
from console.views_tuning import TRIALS
from console.widgets.landscape_line import BLOCKS, Cells, StripRow, block, cells_of, count_text
from console.widgets.result_list import ResultList
from console.widgets.slider import value_at
from engine.evaluation.judged import gains_of
from engine.evaluation.landscape import Landscape
from engine.evaluation.metrics import parse
from engine.evaluation.tuning.tuner import Progress
from engine.settings import knobs
from engine.settings.schema import Settings
from tests.console.consoles import QUERY, answered, running, screen_text, until
from tests.corpus import WatchedStore, changed, pipeline_on

QUERIES = {"1": QUERY, "2": "join path components", "3": "json string", "4": "a lock of threads"}
QRELS = {"1": {"sleep": 3, "timer": 2, "json": 0}, "2": {"join": 3}, "3": {"json": 2}, "4": {"lock": 3, "wait": 1}}
SETTINGS = changed(Settings(), rerank={"provider": "term", "blend": "weighted", "top_n": 6}, cut={"top_k": 3})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    rows = [f"{query}\t{i}\t{grade}" for query, grades in QRELS.items() for i, grade in grades.items()]
    (folder / "qrels/test.tsv").write_text("\n".join([HEADER, *rows]) + "\n")
    (folder / "queries.jsonl").write_text(
        "".join(f'{{"_id": "{i}", "text": "{text}"}}\n' for i, text in QUERIES.items())
    )
    return folder


@asynccontextmanager
async def console(
    store: WatchedStore, data: Path | str, tmp_path: Path, **more: Any
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None], Session]]:
    """The application with the data set ('' for none), its query answered and at rest."""
    settings = more.pop("settings", SETTINGS)
    more = {"query": QUERY, "data": str(data), "judgments": tmp_path / "judgments", **more}
    async with running(pipeline_on(store), settings, **more) as (app, pilot):
        await answered(app, pilot)
        assert app.main.session is not None
        yield app, pilot, app.main.session


def strips(app: ConsoleApp) -> dict[str, StripRow]:
    return dict(app.main.panes.knobs._layout_of_rows.strips)


async def charted(app: ConsoleApp, pilot: Pilot[None]) -> dict[str, StripRow]:
    """The strips, once all of them hold."""
    await until(pilot, lambda: strips(app) and not any(row.stale for row in strips(app).values()))
    return strips(app)


def brute_force(session: Session, landscape: Landscape) -> Iterator[tuple[float, list[str]]]:
    """The metric, and the first 10, by turning the knob to every value of the strip."""
    assert session.search is not None
    metric, grades = parse(session.metric), session.grades
    for value in landscape.values.tolist():
        trace = session.search.turn(knobs.replace(session.settings, landscape.path, value))
        found = measured(trace, gains_of(trace.pool.ids, grades), grades, metric)
        assert found.after is not None
        yield found.after, [trace.pool.ids[row] for row in last_rows(trace)[:10]]
    session.search.turn(session.settings)


# ---- strips


async def test_a_strip_is_what_turning_the_knob_would_give(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path) as (app, pilot, session):
        rows = await charted(app, pilot)
        assert set(rows) == {"weights.lexical", "weights.dense", "rerank.weight"}
        calls = store.calls.copy()
        for row in rows.values():
            found = row.chart.landscape
            truth = list(brute_force(session, found))
            assert found.scores == pytest.approx([score for score, _ in truth], abs=1e-12)
            firsts = [first for _, first in truth]
            entered = [len(set(b) - set(a)) for a, b in pairwise(firsts)]
            assert found.entered.tolist() == entered
            cells = cells_of(row, 21)
            for cell in range(21):
                stop = int(np.abs(found.values - float(value_at(row.knob, cell / 20))).argmin())
                assert cells.scores[cell] >= found.scores[stop] - 1e-12
        assert store.calls == calls


async def test_a_strip_goes_stale_with_every_knob_but_its_own(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path) as (app, pilot, session):
        before = await charted(app, pilot)
        app.main.perform("weights")
        await pilot.press("right")
        now = strips(app)
        assert session.settings.weights["lexical"] > SETTINGS.weights["lexical"]
        assert {path for path, row in now.items() if row.stale} == {"weights.dense", "rerank.weight"}
        assert now["weights.lexical"].chart is before["weights.lexical"].chart
        await pilot.pause(REST_S)
        after = await charted(app, pilot)
        assert after["weights.dense"].chart is not before["weights.dense"].chart
        assert after["weights.lexical"].chart.landscape.scores == pytest.approx(
            [score for score, _ in brute_force(session, after["weights.lexical"].chart.landscape)]
        )


async def test_without_judgments_a_strip_counts_who_enters(store: WatchedStore, tmp_path: Path) -> None:
    settings = changed(SETTINGS, legs={name: replace_top(leg) for name, leg in SETTINGS.legs.items()})
    async with console(store, "", tmp_path, settings=settings) as (app, pilot, session):
        row = (await charted(app, pilot))["weights.lexical"]
        assert not row.judged
        assert "enter top 10" in screen_text(app)
        truth = [first for _, first in brute_force(session, row.chart.landscape)]
        counts = [len(set(b) - set(a)) for a, b in pairwise(truth)]
        assert sum(cells_of(row, 14).entered) == sum(counts)


def replace_top(leg: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(leg, top_k=4)


async def test_a_small_screen_has_strips_only_when_asked(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path, size=(80, 24)) as (app, pilot, _):
        await pilot.press("3")
        await pilot.pause(REST_S)
        assert not strips(app)
        await pilot.press("l")
        await charted(app, pilot)
        await pilot.pause()
        assert "nDCG@10" in screen_text(app).split("Weights")[1].split("/ search")[0]
        await pilot.press("l")
        assert not strips(app)


async def test_the_query_set_can_be_charted_once_it_is_searched(
    store: WatchedStore, data: Path, tmp_path: Path
) -> None:
    async with console(store, data, tmp_path) as (app, pilot, session):
        await charted(app, pilot)
        await pilot.press("Q")
        await until(pilot, lambda: app.main.deeds._query_set is not None)
        queries = app.main.deeds._query_set
        assert queries is not None
        await until(pilot, lambda: queries.searched(session.settings) is not None)
        await until(pilot, lambda: all(worker.is_finished for worker in app.workers))
        await pilot.press("escape", "l")
        await until(pilot, lambda: any(row.chart.landscape.queries == len(QRELS) for row in strips(app).values()))
        row = strips(app)["weights.dense"]
        searched = queries.searched(session.settings)
        assert searched is not None
        for at, value in enumerate(row.chart.landscape.values.tolist()):
            scores = []
            for item, search in searched:
                grades = queries.judgments.of_id(item.id)
                trace = search.turn(knobs.replace(session.settings, "weights.dense", value))
                found = measured(trace, gains_of(trace.pool.ids, grades), grades, parse(session.metric))
                scores.append(found.after)
            assert row.chart.landscape.scores[at] == pytest.approx(np.mean(np.array(scores, dtype=float)))
        assert f"×{len(QRELS)}" in screen_text(app)


def test_blocks_are_on_one_scale() -> None:
    assert block(0.0, 0.0, 1.0) == BLOCKS[0]
    assert block(1.0, 0.0, 1.0) == BLOCKS[-1]
    assert block(0.4, 0.4, 0.4) in BLOCKS[3:5]
    assert block(float("nan"), 0.0, 1.0) == "·"
    assert [count_text(n) for n in (0, 1, 9, 10)] == ["·", "1", "9", "+"]
    assert Cells((0.0,) * 3, (False,) * 3, (0, 2, 0)).ticks == {1}


# ---- why


async def why(app: ConsoleApp, pilot: Pilot[None]) -> WhyScreen:
    await pilot.press("x")
    screen = app.screen
    assert isinstance(screen, WhyScreen)
    await until(pilot, lambda: screen.account is not None)
    await pilot.pause()
    return screen


def ids_of(session: Session) -> list[str]:
    assert session.trace is not None
    return [session.trace.pool.ids[row] for row in session.trace.ranking.order]


async def test_one_change_turns_two_documents_round_and_is_a_try(store: WatchedStore, tmp_path: Path) -> None:
    settings = changed(SETTINGS, rerank={"enabled": False})
    async with console(store, "", tmp_path, settings=settings) as (app, pilot, session):
        order = ids_of(session)
        for place in range(1, len(order)):
            app.main.panes.lists.point_at(order[place])
            app.main.cursor_id = order[place]
            screen = await why(app, pilot)
            assert screen.account is not None
            assert (screen.account.why.above, screen.account.why.below) == (order[place - 1], order[place])
            if any(each.value is not None for each in screen.account.remedies):
                break
            await pilot.press("escape")
        else:
            pytest.fail("no two neighbours can be turned round")
        text = screen_text(app)
        assert "stands above" in text
        assert "One change that turns them round" in text
        nearest = next(each for each in screen.account.remedies if each.value is not None)
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is app.main
        assert knobs.get(session.settings, nearest.path) == nearest.value
        now = ids_of(session)
        assert now.index(order[place]) < now.index(order[place - 1])
        assert len(session.tries) == 2
        await pilot.press("u")
        assert ids_of(session) == order


async def test_a_pinned_document_has_its_place_along_each_weight(store: WatchedStore, tmp_path: Path) -> None:
    async with console(store, "", tmp_path) as (app, pilot, session):
        order = ids_of(session)
        session.pinned = order[4]
        app.main.cursor_id = order[1]
        screen = await why(app, pilot)
        account = screen.account
        assert account is not None
        assert (account.why.above, account.why.below) == (order[1], order[4])
        followed = account.followed
        assert followed is not None
        assert followed.rank == 5
        assert session.search is not None
        for curve in followed.curves:
            for value in np.linspace(0.03, 0.97, 7).tolist():
                trace = session.search.turn(knobs.replace(session.settings, curve.path, value))
                assert curve.at(value) == trace.ranking.rank[trace.pool.ids.index(order[4])]
        session.search.turn(session.settings)
        assert "★" in screen_text(app)


async def test_a_pinned_document_that_no_leg_returned_can_be_asked_for(store: WatchedStore, tmp_path: Path) -> None:
    settings = changed(SETTINGS, legs={name: replace_top(leg) for name, leg in SETTINGS.legs.items()})
    async with console(store, "", tmp_path, settings=settings) as (app, pilot, session):
        session.pinned = "zebra"
        screen = await why(app, pilot)
        assert screen.account is not None
        followed = screen.account.followed
        assert followed is not None
        assert followed.rank == 0
        assert "not among its 4" in screen_text(app)
        assert [each.path for each in followed.remedies] == ["legs.lexical.top_k", "legs.dense.top_k"]
        await pilot.press("end", "enter")
        await pilot.pause(REST_S)
        await answered(app, pilot)
        assert "zebra" in ids_of(session)


async def test_why_needs_two_documents(store: WatchedStore, tmp_path: Path) -> None:
    async with console(store, "", tmp_path) as (app, pilot, session):
        app.main.perform("why", "nobody")
        await pilot.pause()
        assert "not among the candidates" in app.main._said[0]
        screen = await why(app, pilot)  # the first is compared with the second
        assert screen.account is not None
        assert screen.account.why.above == ids_of(session)[0]


# ---- comparing


async def test_two_tries_stand_side_by_side(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path) as (app, pilot, session):
        before = ids_of(session)
        app.main.perform("set", "weights.lexical", "1.0")
        app.main.perform("set", "rerank.enabled", "false")
        await answered(app, pilot)
        after, settings, calls = ids_of(session), session.settings, store.calls.copy()
        await pilot.press("c")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        found = screen.comparison
        assert found is not None
        assert [found.lists[0].id_at(place) for place in range(len(found.lists[0]))] == before
        assert [found.lists[1].id_at(place) for place in range(len(found.lists[1]))] == after
        assert found.lists[0].ids is found.lists[1].ids
        assert {each.path for each in found.sides.differences} == {"weights.lexical", "rerank.enabled"}
        for place, moved in enumerate(found.lists[1].delta.tolist()):
            assert moved == before.index(after[place]) - place
        assert len(found.measures) == 2
        text = screen_text(app)
        assert "RBO" in text
        assert "weights.lexical" in text
        assert (store.calls, session.settings) == (calls, settings)

        await pilot.press("x")
        await pilot.pause()
        assert screen.comparison is not None
        assert screen.comparison.before.settings == settings
        await pilot.press("enter")  # the second side: as it was saved
        await pilot.pause()
        assert app.screen is app.main
        assert session.settings == SETTINGS
        assert ids_of(session) == before
        await pilot.press("u")
        assert ids_of(session) == after


async def test_what_a_side_has_not_asked_is_told_before_the_numbers(store: WatchedStore, tmp_path: Path) -> None:
    async with console(store, "", tmp_path, size=(80, 24)) as (app, pilot, session):
        session.change({"filter": {"section": "threading"}})
        await pilot.press("c")
        await until(pilot, lambda: "now: lexical and dense not asked yet" in screen_text(app))


async def test_a_file_can_be_a_side(store: WatchedStore, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[weights]\nlexical = 0.9\ndense = 0.1\n")
    async with console(store, "", tmp_path) as (app, pilot, session):
        await pilot.press("c")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        assert "the same settings" in screen_text(app)
        await pilot.press("o")
        screen.query_one(Input).value = str(tmp_path / "nothing.toml")
        await pilot.press("enter")
        assert screen.query_one(Input).has_focus
        screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await pilot.pause()
        assert screen.comparison is not None
        assert screen.comparison.after.settings.weights == {"lexical": 0.9, "dense": 0.1}
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert screen.comparison.after.name.startswith("try 1")
        await pilot.press("escape")
        assert app.screen is app.main
        assert len(session.tries) == 1


async def test_lists_scroll_with_the_flow_between_them(store: WatchedStore, tmp_path: Path) -> None:
    async with console(store, "", tmp_path, size=(80, 12)) as (app, pilot, session):
        await pilot.press("2", "end")
        await pilot.pause()
        reranked = app.main.panes.lists.reranked
        assert reranked.scroll_offset.y > 0
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        shown = app.screen.query(ResultList).last()
        assert shown.cursor_id == ids_of(session)[-1]


# ---- tuning


async def tuning(app: ConsoleApp, pilot: Pilot[None]) -> TuningScreen:
    await pilot.press("o")
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, TuningScreen)
    screen.wish = replace(screen.wish, trials=100, folds=2)
    return screen


def picture(screen: TuningScreen) -> str:
    return str(screen.query_one("#picture", Static).render())


async def test_tuning_ends_in_a_try_that_undo_takes_back(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path) as (app, pilot, session):
        screen = await tuning(app, pilot)
        assert screen.wish.over == ("weights", "blend")
        assert "4 judged queries" in screen_text(app)
        await pilot.press("t")
        await until(pilot, lambda: screen.state == DONE, 30)
        await pilot.pause()
        assert screen.tuning is not None
        assert "4 judged queries are few" in picture(screen)
        for said in ("as it was", "best trial", "plateau’s centre", "held out", "cannot be told from the best"):
            assert said in picture(screen)
        values = screen.tuning.trials.values(screen.tuning.best)
        await pilot.press("b")
        await pilot.pause()
        assert app.screen is app.main
        assert {path: knobs.get(session.settings, path) for path in values} == values
        await pilot.press("u")
        assert session.settings == SETTINGS


async def test_escape_keeps_what_was_found(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path) as (app, pilot, session):
        screen = await tuning(app, pilot)
        screen.wish = replace(screen.wish, trials=TRIALS[-1])
        tried, gate = screen._tried, threading.Event()

        def held(progress: Progress) -> None:
            tried(progress)
            assert gate.wait(20)

        screen._tried = held  # type: ignore[method-assign]  # so that the first batch is seen on any machine
        await pilot.press("t")
        await until(pilot, lambda: screen.state == TRYING and "best so far" in picture(screen), 30)
        await pilot.press("escape")
        gate.set()
        await until(pilot, lambda: screen.state == DONE, 30)
        assert screen.tuning is not None
        assert not screen.tuning.whole
        await pilot.press("escape")
        assert app.screen is app.main
        assert session.settings == SETTINGS


async def test_escape_while_searching_goes_back_to_the_choices(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path) as (app, pilot, _):
        screen = await tuning(app, pilot)
        store.delays = {"lexical": 5.0}
        await pilot.press("t")
        await until(pilot, lambda: screen.state == SEARCHING)
        await pilot.press("escape")
        assert screen.state == CHOOSING
        store.delays = {}
        screen.query_one(OptionList).highlighted = 0
        await pilot.press("space")
        chosen = screen.wish.over
        await pilot.press("space")
        assert (chosen, screen.wish.over) == (("blend",), ("weights", "blend"))


async def test_the_centre_is_saved_with_where_it_comes_from(store: WatchedStore, data: Path, tmp_path: Path) -> None:
    async with console(store, data, tmp_path, file=tmp_path / "new.toml") as (app, pilot, _):
        screen = await tuning(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: screen.state == DONE, 30)
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(app.screen, SaveScreen)
        await pilot.press("enter")
        await pilot.pause()
        assert (tmp_path / "new.toml").read_text().startswith("# Tuned by rankscope")


async def test_tuning_without_judgments_says_the_way_out(store: WatchedStore, tmp_path: Path) -> None:
    async with console(store, "", tmp_path) as (app, pilot, _):
        await pilot.press("o")
        await pilot.pause()
        assert app.screen is app.main
        assert "no query is judged yet" in app.main._said[0]
