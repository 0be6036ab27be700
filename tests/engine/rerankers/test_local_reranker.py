"""Provider ``local`` through whole searches: loading off the clock, streaming, superseding, crashes, the cache."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.executor import make_executor
from engine.loading import Loading, listener
from engine.local.base import ModelInfo, ModelSpec
from engine.local.host import LocalHost
from engine.local.instructions import INSTRUCTIONS
from engine.local.messages import Scores
from engine.pipeline import Pipeline
from engine.records import RanOn, ScoreKind, Status
from engine.rerankers.local import parts, scope
from engine.rerankers.registry import RERANKERS
from engine.rerankers.score_cache import ScoreCache
from engine.resources import Resources
from engine.settings.schema import BudgetSettings, Settings
from engine.stages import StageRecorder
from engine.trace import ModelLoading, RerankProgress, Trace
from tests import workers
from tests.corpus import WatchedStore, build, changed
from tests.tiny_models import tiny_reranker

QUERY = "wait some seconds on a thread"
ROOT = Path(__file__).resolve().parents[3]


def by(model: str, **keys: object) -> Settings:
    return changed(Settings(), rerank={"provider": "local", "model": f"test/{model}", "top_n": 6, **keys})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("index") / "index")


@pytest.fixture
async def host() -> AsyncIterator[LocalHost]:
    host = LocalHost(command=workers.command())
    yield host
    await host.close()


@pytest.fixture
async def pipeline(folder: Path, host: LocalHost) -> AsyncIterator[Pipeline]:
    store = WatchedStore(folder)
    pipeline = Pipeline(Resources(store, make_executor(), None, RERANKERS, local=host))
    yield pipeline
    await pipeline.close()


def scored(trace: Trace) -> dict[str, float]:
    return {i: raw for i, raw in zip(trace.pool.ids, trace.rerank.raw.tolist(), strict=True) if raw == raw}


async def test_scores_tokens_and_the_model_as_resolved(pipeline: Pipeline) -> None:
    trace = await pipeline.search(QUERY, by("length"))
    assert len(scored(trace)) == 6
    for i, raw in scored(trace).items():
        document = trace.documents[i]
        assert raw == len(f"{document.title}\n{document.text_of('text')}")
    row = next(row for row in trace.ranking.results if trace.rerank.raw[row] == trace.rerank.raw[row])
    assert trace.rerank.tokens[row] == trace.rerank.raw[row]
    info = trace.reranker
    assert info is not None
    assert (info.provider, info.model, info.revision, info.dtype, info.device) == (
        "local",
        "test/length",
        "r1",
        "fp32",
        "cpu",
    )
    assert (info.kind, info.ran_on, info.token_budget) == (ScoreKind.LOGIT, RanOn.WORKER, 100)
    stage = trace.stage("rerank")
    assert stage is not None
    assert [part.name for part in stage.parts] == ["load", "queue", "tokenise", "forward"]
    again = (await pipeline.search(QUERY, by("length"))).stage("rerank")
    assert again is not None
    assert [part.name for part in again.parts] == ["queue", "tokenise", "forward"]
    assert again.start_ms <= again.parts[0].start_ms <= again.parts[-1].end_ms <= again.end_ms


async def test_what_the_model_did_not_see_is_marked(pipeline: Pipeline) -> None:
    long = by("length", text="{title}\n{text}\n" + "x" * 600)
    trace = await pipeline.search(QUERY, long)
    rows = [row for row in trace.ranking.order if trace.rerank.raw[row] == trace.rerank.raw[row]]
    assert trace.rerank.truncated[rows].all()
    assert set(trace.rerank.tokens[rows].tolist()) == {512}
    assert all(trace.rerank.tokens_of(row)[1] > 600 for row in rows)


async def test_loading_counts_against_no_budget_and_is_told(pipeline: Pipeline) -> None:
    tight = msgspec.structs.replace(
        by("loads-slowly"), budget=BudgetSettings(leg_ms=2000, rerank_ms=300, query_ms=2400)
    )
    events = [event async for event in pipeline.run(QUERY, tight)]
    loading = [event for event in events if isinstance(event, ModelLoading)]
    texts = [event.loading.text for event in loading if event.loading]
    assert texts[0] == "starting the worker for loads-slowly"
    assert "downloading loads-slowly 50 %" in texts
    assert loading[-1] == ModelLoading("rerank", None)
    trace = events[-1].trace  # type: ignore[union-attr]
    stage = trace.stage("rerank")
    assert stage.outcome.ok
    assert stage.ms > 500


async def test_waiting_for_a_model_stretches_the_stage_and_the_query_alike() -> None:
    events: list[object] = []
    recorder = StageRecorder(events.append, query_ms=300)

    async def load(seconds: float) -> None:
        tell = listener()
        assert tell is not None
        tell(Loading("m", "load"))
        await asyncio.sleep(seconds)
        tell(None)

    async with recorder.within("rerank", 200):
        await load(0.5)
    assert recorder.budget_ms(200) > 0
    assert recorder.loading_ms >= 500
    assert events == [ModelLoading("rerank", Loading("m", "load")), ModelLoading("rerank", None)]

    async def too_long() -> None:
        async with recorder.within("rerank", 50):
            await load(0.1)
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await too_long()


async def test_the_budget_runs_once_the_model_is_there(pipeline: Pipeline) -> None:
    await pipeline.search(QUERY, by("slower", top_n=1))
    each_a_pass = by("slower", text="{title}\n{text}" + "x" * 100, max_chars=100)
    tight = msgspec.structs.replace(each_a_pass, budget=BudgetSettings(leg_ms=3000, rerank_ms=2000, query_ms=9000))
    trace = await pipeline.search(QUERY, tight)
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert (outcome.status, outcome.reason, outcome.total) == (Status.PARTIAL, "budget", 6)
    order = [trace.pool.ids[row] for row in trace.ranking.fused_order]
    assert 0 < outcome.done < 6
    assert set(scored(trace)) == set(order[: outcome.done])


async def test_scores_arrive_top_first(pipeline: Pipeline) -> None:
    await pipeline.search(QUERY, by("slow", top_n=1))
    text = "{title}\n{text}" + "x" * 100  # each fills a pass
    events = [event async for event in pipeline.run(QUERY, by("slow", text=text, batch=0))]
    done = [event.done for event in events if isinstance(event, RerankProgress)]
    assert done == sorted(done)
    assert done[-1] == 6


async def test_before_a_run_that_will_not_fit_the_number_that_does_is_said(pipeline: Pipeline, host: LocalHost) -> None:
    host.speed.measured(ModelSpec(role="reranker", model="test/length"), 100, 100.0)
    settings = msgspec.structs.replace(by("length"), budget=BudgetSettings(rerank_ms=3500))
    trace = await pipeline.search(QUERY, settings)
    assert trace.warnings == (
        "6 documents at 1 a second need about 6 s: 3 fit into the 3.5 s of budget.rerank_ms (rerank.top_n = 3)",
    )


async def test_a_superseding_query_cancels_the_older_one(pipeline: Pipeline, host: LocalHost) -> None:
    await pipeline.search(QUERY, by("slower", top_n=1))
    text = "{title}\n{text}" + "x" * 100
    busy = asyncio.Event()
    host.watch(lambda: busy.set() if host.state.requests else None)
    older = asyncio.create_task(pipeline.search(QUERY, by("slower", text=text, top_n=9)))
    await asyncio.wait_for(busy.wait(), 5)
    older.cancel()
    with pytest.raises(asyncio.CancelledError):
        await older
    assert host.state.requests == 0
    start = time.monotonic()
    trace = await pipeline.search("json", by("slower", top_n=1))
    assert trace.stage("rerank").outcome.ok  # type: ignore[union-attr]
    assert time.monotonic() - start < 4  # the nine passes of the older one take five seconds and more


async def test_a_kill_in_mid_rerank_is_an_outcome_and_the_next_query_works(pipeline: Pipeline, host: LocalHost) -> None:
    await pipeline.search(QUERY, by("slow", top_n=1))
    pid = host.state.pid
    text = "{title}\n{text}" + "x" * 100
    async for event in pipeline.run(QUERY, by("slow", text=text, top_n=9)):
        if isinstance(event, RerankProgress) and event.done == 2:
            os.kill(pid, signal.SIGKILL)
    trace = event.trace  # type: ignore[union-attr]
    outcome = trace.stage("rerank").outcome
    assert (outcome.status, outcome.total) == (Status.PARTIAL, 9)
    assert 2 <= outcome.done < 9
    assert "it was killed (signal 9)" in outcome.text
    assert outcome.hint.startswith("the next query starts the worker again")
    assert len(trace.ranking.results) > 0
    assert (await pipeline.search(QUERY, by("slow", top_n=3))).stage("rerank").outcome.ok  # type: ignore[union-attr]


async def test_term_may_stand_in_for_a_crash(pipeline: Pipeline) -> None:
    trace = await pipeline.search(QUERY, by("length", text="kill", fallback="term"))
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert outcome.reason == "fallback"
    assert len(scored(trace)) == 6


async def test_turning_the_model_asks_for_scores_alone(pipeline: Pipeline) -> None:
    store = pipeline.store
    assert isinstance(store, WatchedStore)
    search = pipeline.begin(QUERY)
    await search.finish(by("length"))
    calls = dict(store.calls)
    for other in (by("other"), by("length", dtype="bf16"), by("length", device="cpu"), by("length", instruction="i")):
        assert search.missing(other).rerank == 6
        trace = await search.finish(other)
        assert trace.stage("rerank").outcome.ok  # type: ignore[union-attr]
    assert search.missing(by("length", top_n=8)).rerank == 2
    assert store.calls == calls


async def test_the_instruction_that_is_sent_is_told(pipeline: Pipeline) -> None:
    async def told(model: str, instruction: str) -> tuple[str, tuple[str, ...]]:
        trace = await pipeline.search(QUERY, by(model, instruction=instruction))
        assert trace.reranker is not None
        return trace.reranker.instruction, trace.warnings

    assert await told("instructed", "") == ("the model's own task", ())
    assert await told("instructed", "code") == (INSTRUCTIONS["code"], ())
    assert await told("instructed", "My own.") == ("My own.", ())
    assert await told("length", "code") == ("", ("test/length takes no instruction",))


async def test_a_folder_that_changed_is_loaded_anew(pipeline: Pipeline, host: LocalHost, tmp_path: Path) -> None:
    settings = changed(by("length"), rerank={"model": str(tmp_path)})
    (tmp_path / "config.json").write_text("{}")
    await pipeline.search(QUERY, settings)
    await pipeline.search(QUERY, settings)
    assert len(host.state.models) == 1
    (tmp_path / "config.json").write_text('{"trained": "again"}')
    await pipeline.search(QUERY, settings)
    assert len(host.state.models) == 2


async def test_a_cached_score_needs_no_worker(folder: Path, tmp_path: Path, host: LocalHost) -> None:
    cache = ScoreCache(tmp_path / "scores.sqlite3")
    pipeline = Pipeline(Resources(WatchedStore(folder), make_executor(), cache, RERANKERS, local=host))
    first = await pipeline.search(QUERY, by("length"))
    await host.unload()
    second = await pipeline.search(QUERY, by("length"))
    assert scored(second) == scored(first)
    assert host.state.phase == "off"
    await pipeline.search(QUERY, by("length", top_n=7))
    assert host.state.phase == "idle"
    await pipeline.close()


def test_a_score_is_another_with_another_backend_device_or_task() -> None:
    info = ModelInfo(role="reranker", model="m", backend="packed", device="cuda:0", instructed=True)
    others = [
        scope(msgspec.structs.replace(info, backend="padded"), "task"),
        scope(msgspec.structs.replace(info, device="cpu"), "task"),
        scope(info, "another task"),
    ]
    assert len({scope(info, "task"), *others}) == 4
    assert scope(info, "task") == scope(msgspec.structs.replace(info, device="cuda:1"), "task")
    deaf = msgspec.structs.replace(info, instructed=False)
    assert scope(deaf, "task") == scope(deaf, "another task")


def test_parts_lie_end_to_end() -> None:
    now = time.perf_counter()
    scores = Scores(1, 0, [1.0], [1], [1], queue_ms=100.0, tokenise_ms=50.0, forward_ms=300.0)
    queue, tokenise, forward = parts(scores, now - 0.5, None)
    assert (queue.name, queue.start_ms) == ("queue", pytest.approx((now - 0.5) * 1e3))
    assert queue.end_ms == tokenise.start_ms
    assert tokenise.end_ms == forward.start_ms
    assert forward.end_ms - forward.start_ms == pytest.approx(300)
    load, queue, *_ = parts(scores, now - 0.5, (now - 2.5, now - 0.5))
    assert (load.name, load.end_ms - load.start_ms) == ("load", pytest.approx(2000))


SEARCH = """
import asyncio, sys
from pathlib import Path
from engine.api import open_pipeline
from engine.settings.schema import RerankSettings, Settings, StoreSettings

async def main(index, model):
    rerank = RerankSettings(provider="local", model=model, top_n=6)
    settings = Settings(store=StoreSettings(path=index), rerank=rerank)
    async with open_pipeline(settings, Path()) as pipeline:
        trace = await pipeline.search({query!r}, settings)
    outcome = trace.stage("rerank").outcome
    print(outcome.status, outcome.done, outcome.text, trace.reranker.model == model)
    print(sorted({{"torch", "transformers"}} & set(sys.modules)))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reranker(tmp_path_factory.mktemp("models") / "tiny", "bert")


def test_a_real_model_reranks_and_the_front_process_imports_no_torch(folder: Path, tiny: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SEARCH.format(query=QUERY), str(folder), str(tiny)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.stdout == "ok 6  True\n[]\n", ran.stderr


async def test_a_number_that_is_none_leaves_a_gap(pipeline: Pipeline) -> None:
    trace = await pipeline.search(QUERY, by("overflows"))
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert (outcome.status, outcome.done, outcome.reason) == (Status.PARTIAL, 0, "unanswered")
    assert np.isnan(trace.rerank.raw).all()
