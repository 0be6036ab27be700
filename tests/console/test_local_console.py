"""Local models, cascades and attribution in the console: the real application, worker process and pipes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from console.cascades import cascade_text, with_stage, without_stage
from console.screens.rerankers import RerankerScreen
from console.ui import ConsoleApp
from console.views_carried import AGAINST, LITTLE, MUCH, NONE, SOME, carried, grades, told
from console.views_local import bytes_text, worker_lines, worker_text
from console.views_status import status_view
from engine.executor import make_executor
from engine.loading import Loading
from engine.local.base import ModelInfo
from engine.local.host import LocalHost
from engine.local.state import HostState
from engine.pipeline import Pipeline
from engine.records import RerankerInfo, Status
from engine.rerankers.attribution import Attribution, Passage
from engine.rerankers.registry import RERANKERS
from engine.resources import Resources
from engine.settings.load import load
from engine.settings.save import save
from engine.settings.schema import RerankStage, Settings
from tests import workers
from tests.console.consoles import (
    QUERY,
    GatedReranker,
    answered,
    gated_pipeline,
    running,
    screen_text,
    session_on,
    until,
)
from tests.corpus import WatchedStore, changed

LOADED = ModelInfo(role="reranker", model="Qwen/Qwen3-Reranker-0.6B", dtype="bf16", device="cpu", backend="causal")
LARGE = {"large": RerankStage(provider="local", model="test/instructed", top_n=2)}


def by(model: str, **keys: object) -> Settings:
    return changed(Settings(), rerank={"provider": "local", "model": f"test/{model}", "top_n": 6, **keys})


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """For what the models wait that are told when to go on."""
    return tmp_path / "go"


@pytest.fixture
def go(gate: Path) -> Callable[[], None]:
    """Lets them go on."""
    return gate.touch


@pytest.fixture
async def pipeline(index_folder: Path, gate: Path) -> Pipeline:
    host = LocalHost(command=workers.command(), environment={workers.GO: str(gate)})
    return Pipeline(Resources(WatchedStore(index_folder), make_executor(), None, RERANKERS, local=host))


def host_of(app: ConsoleApp) -> LocalHost:
    host = app.main.session.pipeline.resources.local
    assert host is not None
    return host


def reranked(app: ConsoleApp) -> tuple[Status, int] | None:
    """How the rerank stage ended, and how many it scored."""
    report = app.main.session.trace.stage("rerank")
    return (report.outcome.status, report.outcome.done) if report else None


async def pressed(app: ConsoleApp, pilot: Pilot[None], key: str, text: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: text in screen_text(app))


# ---- loading, chip, unloading


async def test_loading_is_told_as_it_goes_and_the_chip_says_what_is_loaded(
    pipeline: Pipeline, go: Callable[[], None]
) -> None:
    async with running(pipeline, by("loads-when-told"), query=QUERY) as (app, pilot):
        await until(pilot, lambda: "downloading loads-when-told" in app.main.asking.busy_text)
        await until(pilot, lambda: "% " in screen_text(app).splitlines()[2])
        go()
        await answered(app, pilot)
        app.main.panes.paint_chip()
        await pilot.pause()
        line = screen_text(app).splitlines()[2]
        assert "6/6 in" in line
        assert "loads-when-told · cpu" in line
        parts = [part.name for part in app.main.session.trace.stage("rerank").parts]
        assert parts == ["load", "queue", "tokenise", "forward"]
        await pilot.press("Z")
        await until(pilot, lambda: host_of(app).state.phase == "off")
        await until(pilot, lambda: "freed" in screen_text(app))
        await pilot.press("Z")
        await until(pilot, lambda: "no local model is loaded" in screen_text(app))


async def test_a_worker_that_is_killed_is_one_sentence_and_the_next_query_works(
    pipeline: Pipeline, go: Callable[[], None]
) -> None:
    async with running(pipeline, by("scores-when-told"), query=QUERY) as (app, pilot):
        await until(
            pilot, lambda: host_of(app).state.phase == "busy" and app.main.asking.said.get("rerank", "s")[0].isdigit()
        )
        os.kill(host_of(app).state.pid, signal.SIGKILL)
        go()
        await answered(app, pilot)
        await until(pilot, lambda: "it was killed (signal 9)" in screen_text(app))
        await until(pilot, lambda: "the next query starts the worker again" in screen_text(app))
        await pilot.press("f5")
        await until(pilot, lambda: reranked(app) == (Status.OK, 6))


async def test_a_model_that_cannot_be_had_names_the_way_out_at_80_columns(pipeline: Pipeline) -> None:
    async with running(pipeline, by("none"), (80, 24), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await until(pilot, lambda: "there is no model none" in screen_text(app))
        assert "take another" in screen_text(app)


async def test_the_knobs_of_a_local_model_ask_only_the_reranker_again(pipeline: Pipeline) -> None:
    async with running(pipeline, by("instructed"), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        store = pipeline.store
        assert isinstance(store, WatchedStore)
        before = store.calls.copy()
        panes = app.main.panes
        panes.knobs.select("rerank.instruction")
        app.main.set_focus(panes.knobs)
        await pilot.press("right")
        await until(pilot, lambda: app.main.session.settings.rerank.instruction == "general")
        await until(pilot, lambda: app.main.session.unsettled is False and not app.main.asking.busy)
        assert app.main.session.trace.reranker.instruction.startswith("Given a web search query")
        assert (store.calls["lexical"], store.calls["dense"]) == (before["lexical"], before["dense"])


def test_the_worker_in_words() -> None:
    idle = HostState("idle", 7, (LOADED,), memory_bytes=812_400_000, ends_in_s=588.2)
    assert worker_text(idle) == "cpu 812 MB · unloads 9:48"
    assert worker_lines(idle)[0] == "local models: worker 7, idle, 812 MB · unloads 9:48 (Z: now)"
    assert "Qwen3-Reranker-0.6B: reranker, bf16 on cpu, causal" in worker_lines(idle)[1]
    noted = msgspec.structs.replace(LOADED, notes=("padded: the packed pass differed",))
    assert worker_lines(HostState("idle", 7, (noted,)))[2] == "    padded: the packed pass differed"
    assert worker_text(HostState("off")) == ""
    assert worker_lines(HostState("off", ended="idle")) == ("local models: none loaded (it was idle)",)
    loading = HostState("loading", 7, loading=Loading("x", "load"))
    assert status_view(None, "loading x 34 %", loading).text == "loading x 34 %"
    assert [bytes_text(size) for size in (0, 4_000, 1_530_000_000)] == ["", "1 MB", "1.5 GB"]


# ---- a cascade


async def test_a_cascade_has_bars_marks_knobs_and_an_account_of_each_stage(pipeline: Pipeline) -> None:
    async with running(pipeline, by("length", cascade=LARGE), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await until(pilot, lambda: "6 → 2 scored" in screen_text(app))
        text = screen_text(app)
        assert "rerank" in text.splitlines()[2]
        assert "large" in text.splitlines()[2]
        assert "6/6 → 2/2" in text
        rows = [line for line in text.splitlines() if "²" in line or "¹" in line]
        assert len([line for line in rows if "²" in line]) == 2
        await pilot.press("4", "m")
        await until(pilot, lambda: "⇅ large" in screen_text(app))
        assert "⇅ first" in screen_text(app)
        assert "first 1 → reranked 1" in screen_text(app)
        await pilot.press("m", "t")
        await until(pilot, lambda: "rerank.large" in screen_text(app))
        rows_shown = {row.path: row for row in _knobs(app)}
        assert rows_shown["rerank.cascade.large.top_n"].group == "Rerank: large"
        assert rows_shown["rerank.cascade.large.weight"].reason == "the blend replace does not weigh"


def _knobs(app: ConsoleApp) -> list:  # type: ignore[type-arg]
    from console.views_knobs import greyed, knob_rows

    settings = app.main.session.settings
    return list(knob_rows(settings, settings, greyed(settings)))


async def test_plus_adds_a_stage_and_minus_takes_it_away(pipeline: Pipeline) -> None:
    async with running(pipeline, by("length"), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RerankerScreen))
        await pilot.pause()
        await pilot.press("t", "e", "r", "m", "plus")  # as one finds it
        await until(pilot, lambda: "term" in app.main.session.settings.rerank.cascade)
        await until(pilot, lambda: app.main.session.trace.stage("rerank.term") is not None)
        await answered(app, pilot)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RerankerScreen))
        await until(pilot, lambda: "cascade: length (6) → term: term (1)" in screen_text(app))
        await pilot.press("minus")
        await until(pilot, lambda: not app.main.session.settings.rerank.cascade)
        await pressed(app, pilot, "u", "undone: without stage term")
        assert "term" in app.main.session.settings.rerank.cascade


def test_stages_get_names_of_their_own_and_are_saved(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[rerank] # mine\ntop_n = 50\n", encoding="utf-8")
    loaded = load(file)
    once, name = with_stage(loaded.settings, {"rerank.provider": "local", "rerank.model": "Qwen/Qwen3-Reranker-0.6B"})
    twice, again = with_stage(once, {"rerank.provider": "local", "rerank.model": "qwen3-reranker-0.6b"})
    assert (name, again) == ("qwen3-reranker-0-6b", "qwen3-reranker-0-6b-2")
    assert [stage.top_n for stage in twice.rerank.cascade.values()] == [10, 2]
    assert cascade_text(once) == "term (50) → qwen3-reranker-0-6b: Qwen3-Reranker-0.6B (10)"
    saved = save(loaded, twice).loaded
    assert load(file).settings == twice
    assert without_stage(twice) == (once, again)
    save(saved, loaded.settings)
    assert load(file).settings == loaded.settings
    assert without_stage(loaded.settings) == (loaded.settings, "")


# ---- what carried the score


async def test_sentences_are_marked_on_demand_and_moving_on_lets_go(pipeline: Pipeline) -> None:
    async with running(pipeline, by("length"), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        app.main.set_focus(app.main.panes.lists.reranked)
        await pressed(app, pilot, "a", "█ most ▌ much ▏ some")
        await until(pilot, lambda: any(line.startswith("█") for line in screen_text(app).splitlines()))
        assert "logit" in screen_text(app)
        await pilot.press("down")
        await until(pilot, lambda: "What carried the score" not in screen_text(app))
        await pressed(app, pilot, "a", "What carried the score")
        await pilot.press("a")
        await until(pilot, lambda: "What carried the score" not in screen_text(app))


async def test_escape_stops_the_asking_and_keeps_what_is_known(index_folder: Path) -> None:
    gated = GatedReranker()
    settings = changed(Settings(), rerank={"provider": "gated"})
    async with running(gated_pipeline(WatchedStore(index_folder), gated), settings, query=QUERY) as (app, pilot):
        await answered(app, pilot)
        app.main.set_focus(app.main.panes.lists.reranked)
        gated.close_gate()
        await pressed(app, pilot, "a", "0 of 2 by by-length … esc stops")
        gated.gate.release()  # one window of two: all of it, and without its title
        await until(pilot, lambda: "1 of 2 by by-length" in screen_text(app))
        await pressed(app, pilot, "escape", "stopped at 1 of 2")
        assert not app.main.attributing.running
        asked = len(gated.asked)
        gated.gate.release()
        await pilot.pause(0.05)
        assert len(gated.asked) == asked


async def test_without_a_score_there_is_nothing_to_take_apart(pipeline: Pipeline) -> None:
    async with running(pipeline, by("length", enabled=False), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        app.main.set_focus(app.main.panes.lists.reranked)
        await pressed(app, pilot, "a", "the document has no rerank score")


def test_grades_are_shares_of_the_largest_change() -> None:
    import numpy as np

    text = "One. Two. Three. Four. Five."
    spans = tuple(Passage("text", at, text.index(".", at) + 1) for at in (0, 5, 10, 17, 23))
    drops = np.array([3.0, 1.5, 0.6, 0.1, -2.0])
    found = Attribution(spans, 4.0, drops, 5, RerankerInfo("local", "a/model"))
    assert grades(found) == [MUCH, SOME, LITTLE, NONE, AGAINST]
    assert [(text[a:b], grade) for a, b, grade in carried(found, "text", text)] == [
        ("One.", MUCH), ("Two.", SOME), ("Three.", LITTLE), ("Five.", AGAINST),
    ]  # fmt: skip
    assert carried(found, "title", text) == ()
    assert told(found, running=True) == "5 of 5 by model … esc stops"
    assert told(found, running=False) == "unknown 4.00, 1.00 without the strongest"
    flat = Attribution(spans, 4.0, np.zeros(5), 3, RerankerInfo("local"))
    assert told(flat, running=False) == "no sentence carries it alone · stopped at 3 of 5"


def test_the_session_takes_whole_settings_as_one_try(pipeline: Pipeline) -> None:
    session = session_on(pipeline, Settings())
    session.put(with_stage(session.settings, {"rerank.provider": "term"})[0], "further stage term")
    assert session.last_change == "further stage term"
    session.undo()
    assert session.settings == Settings()
