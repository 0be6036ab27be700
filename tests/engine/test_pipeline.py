"""The way of a query: stages, live turns, failures as outcomes, budgets, cancellation, reranking as it streams."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api import SyncPipeline, open_pipeline
from engine.errors import IndexNotFoundError, RerankerError, SettingsError, StoreError
from engine.pipeline import Pipeline
from engine.ranking import rank
from engine.records import RerankerInfo, ScoreKind, Status
from engine.report import to_json
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.score_cache import ScoreCache
from engine.search import Search
from engine.settings.schema import DenseLeg, FeatureSettings, LexicalLeg, Settings, StoreSettings
from engine.trace import Finished, Fused, LegFinished, RerankProgress, StageFinished, StageStarted, Trace
from engine.tracking import track
from tests.corpus import WatchedStore, build, changed, pipeline_on

QUERY = "wait some seconds on a thread"
DEFAULT = Settings()
NO_RERANK = changed(DEFAULT, rerank={"enabled": False})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("index") / "index")


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[WatchedStore]:
    store = WatchedStore(folder)
    yield store
    await store.close()


class LengthReranker:
    """A real reranker of a simple kind: the longer the text, the better. What it does wrong is up to the test."""

    info = RerankerInfo("length", model="by-length", kind=ScoreKind.LOGIT)
    window = 2
    cacheable = True

    def __init__(self, act: Callable[[int], Any] = lambda window: None) -> None:
        self.asked: list[str] = []
        self._act = act

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        for start in range(0, len(documents), self.window):
            if (answer := self._act(start // self.window)) is not None:
                await answer
            batch = documents[start : start + self.window]
            self.asked += [item.document.id for item in batch]
            yield RerankBatch.of(start, [float(len(item.text)) for item in batch])


def by(reranker: LengthReranker) -> dict[str, Any]:
    return {"length": lambda settings, context: reranker}


WITH_LENGTH = changed(DEFAULT, rerank={"provider": "length", "top_n": 6})


def ids(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.order]


def fused_ids(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.fused_order]


def assert_same(live: Trace, fresh: Trace) -> None:
    """Both rank the same documents by the same numbers (the live pool may hold more)."""
    assert ids(live) == ids(fresh)
    for name in ("score", "fused_score", "rerank_score"):
        a = dict(zip(live.pool.ids, getattr(live.ranking, name).tolist(), strict=True))
        b = dict(zip(fresh.pool.ids, getattr(fresh.ranking, name).tolist(), strict=True))
        assert [a[i] for i in ids(fresh)] == pytest.approx([b[i] for i in ids(fresh)], nan_ok=True)


# --- the stages ---------------------------------------------------------------------------------------------------


async def test_events_come_in_the_order_of_the_stages(store: WatchedStore) -> None:
    events = [event async for event in pipeline_on(store).run(QUERY, DEFAULT)]
    assert isinstance(events[-1], Finished)
    fused = next(i for i, event in enumerate(events) if isinstance(event, Fused))
    legs = [event for event in events[:fused] if isinstance(event, LegFinished)]
    assert {event.report.name for event in legs} == {"lexical", "dense"}
    assert any(isinstance(event, RerankProgress) for event in events[fused:])
    ended = [event.report.name for event in events if isinstance(event, StageFinished | LegFinished)]
    assert ended[-2:] == ["blend", "cut"]
    assert {event.name for event in events if isinstance(event, StageStarted)} == set(ended)
    trace = events[-1].trace
    assert [s.name for s in trace.stages] == ended
    assert all(0 <= s.start_ms <= s.end_ms for s in trace.stages)


async def test_a_blank_query_asks_nothing(store: WatchedStore) -> None:
    trace = await pipeline_on(store).search("  \n ", DEFAULT)
    assert len(trace.pool) == 0
    assert not store.calls


async def test_legs_run_at_the_same_time(store: WatchedStore) -> None:
    store.delays = {"lexical": 0.4, "dense": 0.4}
    pipeline = pipeline_on(store)
    await pipeline.warm(NO_RERANK)
    trace = await pipeline.search(QUERY, NO_RERANK)
    lexical, dense = trace.stage("lexical"), trace.stage("dense")
    assert lexical is not None
    assert dense is not None
    assert max(lexical.start_ms, dense.start_ms) < min(lexical.end_ms, dense.end_ms)


async def test_a_leg_of_weight_zero_is_not_run_until_it_is_raised(store: WatchedStore) -> None:
    search = pipeline_on(store).begin(QUERY)
    only_lexical = changed(DEFAULT, weights={"dense": 0.0}, rerank={"enabled": False})
    trace = await search.finish(only_lexical)
    assert store.calls["dense"] == 0
    assert trace.stage("dense").outcome.status is Status.SKIPPED  # type: ignore[union-attr]
    assert search.missing(NO_RERANK).legs == ("dense",)
    live = await search.finish(NO_RERANK)
    assert store.calls["dense"] == store.calls["lexical"] == 1
    assert_same(live, await pipeline_on(store).search(QUERY, NO_RERANK))
    assert_same(search.turn(only_lexical), trace)


async def test_every_missing_score_is_completed(store: WatchedStore) -> None:
    narrow = changed(NO_RERANK, legs={"lexical": LexicalLeg(top_k=1)})
    trace = await pipeline_on(store).search(QUERY, narrow)
    lexical = trace.pool.leg_names.index("lexical")
    assert trace.pool.returned[:, lexical].sum() == 1
    assert not np.isnan(trace.pool.scores[:, lexical]).any()
    blank = trace.pool.ids.index("blank") if "blank" in trace.pool.ids else None
    assert blank is None, "a document without text or vector is in no leg"


async def test_filter_phrase_and_exclusion_hold_for_every_leg(store: WatchedStore) -> None:
    pipeline = pipeline_on(store)
    filtered = await pipeline.search(QUERY, changed(DEFAULT, filter={"section": "threading"}))
    assert set(ids(filtered)) == {"wait", "timer", "lock"}
    without = await pipeline.search("seconds -thread", DEFAULT)
    assert "timer" not in ids(without)
    phrase = await pipeline.search('"number of seconds"', DEFAULT)
    assert set(ids(phrase)) == {"sleep", "timer"}
    plain = await pipeline.search('"number of seconds"', DEFAULT, syntax=False)
    assert len(ids(plain)) > 2


async def test_texts_are_fetched_of_what_somebody_sees(store: WatchedStore) -> None:
    few = changed(NO_RERANK, cut={"top_k": 2})
    trace = await pipeline_on(store).search(QUERY, few)
    assert list(trace.documents) == ids(trace)[:2]
    search = pipeline_on(store).begin(QUERY)
    search.shown = 4
    assert list((await search.finish(few)).documents) == ids(trace)[:4]
    last_first = changed(WITH_LENGTH, rerank={"top_n": 3}, cut={"top_k": 1, "group": "section"})
    grouped = await pipeline_on(store, **by(LengthReranker())).search(QUERY, last_first)
    assert {grouped.pool.ids[row] for row in grouped.ranking.results} <= grouped.documents.keys()


async def test_features_and_groups(store: WatchedStore) -> None:
    settings = changed(NO_RERANK, features={"rank": FeatureSettings(field="pagerank", scale=0.1, weight=1.0)})
    trace = await pipeline_on(store).search(QUERY, settings)
    row = trace.pool.ids.index("join")
    assert trace.ranking.feature_contribution[row, 0] == pytest.approx(0.9)
    assert trace.ranking.feature_contribution[trace.pool.ids.index("json"), 0] == 0
    grouped = await pipeline_on(store).search(QUERY, changed(NO_RERANK, cut={"group": "section"}))
    sections = [grouped.documents[grouped.pool.ids[row]].fields["section"] for row in grouped.ranking.results]
    assert len(sections) == len(set(sections)) > 2


# --- live turns ---------------------------------------------------------------------------------------------------


async def test_turning_a_weight_asks_nothing_and_equals_a_fresh_search(store: WatchedStore) -> None:
    search = pipeline_on(store).begin(QUERY)
    first = await search.finish(NO_RERANK)
    calls, stages = dict(store.calls), first.stages
    turned = changed(NO_RERANK, weights={"lexical": 0.9, "dense": 0.1})
    live = search.turn(turned)
    assert dict(store.calls) == calls
    assert live.stages == stages
    assert not search.missing(turned)
    assert ids(live) != ids(first)
    assert_same(live, await pipeline_on(store).search(QUERY, turned))


@pytest.mark.parametrize("change", [{"k1": 0.2}, {"b": 0.0}, {"fields": {"title": 8.0, "text": 0.5}}, {"top_k": 2}])
async def test_the_lexical_knobs_are_live_on_the_embedded_store(store: WatchedStore, change: dict[str, Any]) -> None:
    search = pipeline_on(store).begin(QUERY)
    await search.finish(NO_RERANK)
    calls = dict(store.calls)
    turned = changed(NO_RERANK, legs={"lexical": LexicalLeg(**change)})
    live = search.turn(turned)
    assert dict(store.calls) == calls
    assert not search.missing(turned)
    assert_same(live, await pipeline_on(store).search(QUERY, turned))


async def test_the_settled_screen_equals_a_fresh_search(store: WatchedStore) -> None:
    search = pipeline_on(store).begin(QUERY)
    few = changed(DEFAULT, rerank={"top_n": 2})
    await search.finish(few)
    deeper = changed(DEFAULT, rerank={"top_n": 6}, weights={"lexical": 0.8, "dense": 0.2})
    turned = search.turn(deeper)
    assert search.missing(deeper).rerank > 0
    assert np.isfinite(turned.ranking.rerank_score).sum() <= 6
    settled = await search.finish(deeper)
    assert not search.missing(deeper)
    assert_same(settled, await pipeline_on(store).search(QUERY, deeper))


async def test_the_weights_inside_term_are_live(store: WatchedStore) -> None:
    search = pipeline_on(store).begin(QUERY)
    await search.finish(DEFAULT)
    turned = changed(
        DEFAULT,
        rerank={"vector_weight": 0.9},
        features={"rank": FeatureSettings(field="pagerank", scale=0.1, weight=1.0)},
    )
    assert_same(await search.finish(turned), await pipeline_on(store).search(QUERY, turned))
    calls = dict(store.calls)
    again = changed(turned, rerank={"vector_weight": 0.1})
    live = search.turn(again)
    assert not search.missing(again)
    assert dict(store.calls) == calls
    assert_same(live, await pipeline_on(store).search(QUERY, again))


# --- reranking ----------------------------------------------------------------------------------------------------


async def test_only_newcomers_are_scored(store: WatchedStore) -> None:
    reranker = LengthReranker()
    search = pipeline_on(store, **by(reranker)).begin(QUERY)
    await search.finish(WITH_LENGTH)
    assert len(reranker.asked) == 6
    await search.finish(changed(WITH_LENGTH, rerank={"top_n": 8}))
    assert len(reranker.asked) == len(set(reranker.asked)) == 8
    await search.finish(changed(WITH_LENGTH, rerank={"top_n": 3, "blend": "weighted"}))
    assert len(reranker.asked) == 8


async def test_scores_arrive_top_first_and_always_as_a_prefix(store: WatchedStore) -> None:
    events = [event async for event in pipeline_on(store, **by(LengthReranker())).run(QUERY, WITH_LENGTH)]
    progress = [event for event in events if isinstance(event, RerankProgress)]
    assert [event.done for event in progress] == [0, 2, 4, 6]
    for event in progress:
        top = event.trace.ranking.fused_order[:6]
        scored = np.isfinite(event.trace.ranking.rerank_score[top])
        assert scored.tolist() == [True] * event.done + [False] * (6 - event.done)


async def test_progress_that_nobody_looks_at_is_not_ranked(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for the fused list and once in the end; each look at progress ranks once more, and once only."""
    ranked = 0

    def counted(*arguments: Any) -> Any:
        nonlocal ranked
        ranked += 1
        return rank(*arguments)

    monkeypatch.setattr("engine.search.rank", counted)
    pipeline = pipeline_on(store, **by(LengthReranker()))
    last = await pipeline.search(QUERY, WITH_LENGTH)
    assert ranked == 2
    events = [event async for event in pipeline.run(QUERY, WITH_LENGTH)]
    assert ranked == 4
    progress = [event for event in events if isinstance(event, RerankProgress)]
    assert progress[-1].trace.ranking.order.tolist() == last.ranking.order.tolist()
    assert progress[-1].trace is progress[-1].trace
    assert ranked == 5


async def test_windows_that_answer_out_of_order_wait_for_those_before_them(store: WatchedStore) -> None:
    class Shuffled(LengthReranker):
        async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
            batches = [batch async for batch in super().rerank(query, documents)]
            for index in (2, 0, 1):
                yield batches[index]

    events = [event async for event in pipeline_on(store, **by(Shuffled())).run(QUERY, WITH_LENGTH)]
    assert [event.done for event in events if isinstance(event, RerankProgress)] == [0, 0, 2, 6]


async def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("window", "status", "done"), [(0, Status.FAILED, 0), (2, Status.PARTIAL, 4)], ids=["at once", "half way"]
)
async def test_a_reranker_that_fails_leaves_the_fused_list(
    store: WatchedStore, window: int, status: Status, done: int
) -> None:
    reranker = LengthReranker(lambda i: fail(RerankerError("401 from length")) if i == window else None)
    trace = await pipeline_on(store, **by(reranker)).search(QUERY, WITH_LENGTH)
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert (outcome.status, outcome.done, outcome.total) == (status, done, 6)
    assert outcome.text == "401 from length"
    assert ids(trace)[done:] == [i for i in fused_ids(trace) if i not in ids(trace)[:done]]
    if done == 0:
        assert ids(trace) == fused_ids(trace)


async def test_a_reranker_that_never_answers_runs_out_of_its_budget(store: WatchedStore) -> None:
    reranker = LengthReranker(lambda i: asyncio.Event().wait() if i == 1 else None)
    settings = changed(WITH_LENGTH, budget={"rerank_ms": 600})
    trace = await pipeline_on(store, **by(reranker)).search(QUERY, settings)
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert (outcome.status, outcome.reason, outcome.done) == (Status.PARTIAL, "budget", 2)
    assert outcome.text == "budget 600 ms"


async def test_term_stands_in_where_it_may_and_the_screen_says_so(store: WatchedStore) -> None:
    reranker = LengthReranker(lambda i: fail(RerankerError("503 from length")))
    settings = changed(WITH_LENGTH, rerank={"fallback": "term"})
    trace = await pipeline_on(store, **by(reranker)).search(QUERY, settings)
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert (outcome.status, outcome.reason, outcome.done) == (Status.PARTIAL, "fallback", 6)
    assert "503 from length" in outcome.text
    assert trace.reranker is not None
    assert trace.reranker.provider == "term"
    assert_same(trace, await pipeline_on(store).search(QUERY, changed(DEFAULT, rerank={"top_n": 6})))


async def test_blank_documents_are_never_sent(store: WatchedStore) -> None:
    reranker = LengthReranker()
    settings = changed(WITH_LENGTH, rerank={"text": "{nothing}"})
    trace = await pipeline_on(store, **by(reranker)).search(QUERY, settings)
    assert reranker.asked == []
    assert np.isnan(trace.ranking.rerank_score).all()


async def test_unanswered_documents_stay_unscored(store: WatchedStore) -> None:
    class Silent(LengthReranker):
        async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
            yield RerankBatch.of(0, [1.0, float("nan"), 3.0, 4.0, 5.0, 6.0])

    trace = await pipeline_on(store, **by(Silent())).search(QUERY, WITH_LENGTH)
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert (outcome.status, outcome.done, outcome.total) == (Status.PARTIAL, 5, 6)
    assert ids(trace)[5] == fused_ids(trace)[1]


async def test_the_cache_pays_for_a_repeated_query(store: WatchedStore, tmp_path: Path) -> None:
    first, second = LengthReranker(), LengthReranker()
    before = await pipeline_on(store, ScoreCache(tmp_path / "c.db"), **by(first)).search(QUERY, WITH_LENGTH)
    cache = ScoreCache(tmp_path / "c.db")
    after = await pipeline_on(store, cache, **by(second)).search(QUERY, WITH_LENGTH)
    assert (len(first.asked), second.asked) == (6, [])
    assert_same(after, before)
    await pipeline_on(store, cache, **by(second)).search(QUERY + " now", WITH_LENGTH)
    assert len(second.asked) == 6


async def test_an_unknown_provider_names_the_nearest(store: WatchedStore) -> None:
    trace = await pipeline_on(store).search(QUERY, changed(DEFAULT, rerank={"provider": "trem"}))
    outcome = trace.stage("rerank").outcome  # type: ignore[union-attr]
    assert outcome.status is Status.FAILED
    assert "'trem'" in outcome.text


async def test_term_gets_the_dense_score_though_the_leg_is_off(store: WatchedStore) -> None:
    lexical_only = changed(DEFAULT, weights={"dense": 0.0}, rerank={"vector_weight": 1.0, "blend": "replace"})
    trace = await pipeline_on(store).search(QUERY, lexical_only)
    assert store.calls["dense"] == 0
    scored = trace.rerank.raw[np.isfinite(trace.rerank.raw)]
    assert len(scored) == len(trace.pool)
    assert len(set(scored.tolist())) == len(scored), "cosines, all different"


# --- failures, budgets, cancellation ------------------------------------------------------------------------------


@pytest.mark.parametrize("leg", ["lexical", "dense"])
async def test_a_failing_leg_leaves_the_rest_standing(store: WatchedStore, leg: str) -> None:
    store.faults[leg] = StoreError("the shard is gone")
    search = pipeline_on(store).begin(QUERY)
    trace = await search.finish(DEFAULT)
    assert trace.failed_legs[leg].text == "the shard is gone"
    assert len(trace.ranking.order) > 0
    assert leg not in trace.pool.leg_names
    weight = trace.ranking.leg_weight[0]
    assert weight == pytest.approx({"lexical": 0.7, "dense": 0.3}[leg]), "not divided by the legs that answered"
    del store.faults[leg]
    assert_same(await search.finish(DEFAULT), await pipeline_on(store).search(QUERY, DEFAULT))


async def test_a_slow_leg_runs_out_of_its_budget(store: WatchedStore) -> None:
    store.delays["dense"] = 5.0
    trace = await pipeline_on(store).search(QUERY, changed(DEFAULT, budget={"leg_ms": 600}))
    assert trace.failed_legs["dense"].reason == "budget"
    assert "lexical" in trace.pool.leg_names


async def test_an_unexpected_exception_is_an_outcome_too(store: WatchedStore) -> None:
    store.faults["lexical"] = ZeroDivisionError("a bug")
    trace = await pipeline_on(store).search(QUERY, DEFAULT)
    assert trace.failed_legs["lexical"].text == "a bug in Rankscope: ZeroDivisionError: a bug"


async def test_all_legs_failing_is_a_trace_without_results(store: WatchedStore) -> None:
    store.faults = {"lexical": StoreError("gone"), "dense": StoreError("gone")}
    trace = await pipeline_on(store).search(QUERY, DEFAULT)
    assert set(trace.failed_legs) == {"lexical", "dense"}
    assert len(trace.ranking.order) == 0


async def test_a_failed_embedder_is_told_of_the_leg(store: WatchedStore) -> None:
    settings = changed(DEFAULT, legs={"dense": DenseLeg(embedder="statik")})
    trace = await pipeline_on(store).search(QUERY, settings)
    assert "'statik'" in trace.failed_legs["dense"].text
    assert trace.unvectored_legs == ("dense",)
    assert len(trace.ranking.order) > 0


async def test_closing_the_iterator_cancels_the_work(store: WatchedStore) -> None:
    stopped = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    search = pipeline_on(store, **by(LengthReranker(lambda i: hang() if i == 1 else None))).begin(QUERY)
    events = search.run(WITH_LENGTH)
    async for event in events:
        if isinstance(event, RerankProgress) and event.done == 2:
            break
    await events.aclose()
    await asyncio.wait_for(stopped.wait(), 1)
    trace = search.turn(WITH_LENGTH)
    assert np.isfinite(trace.ranking.rerank_score).sum() == 2, "what came before the cancel is kept"
    assert trace.stage("rerank").outcome.status is Status.CANCELLED  # type: ignore[union-attr]


async def test_weights_that_are_all_zero_are_a_settings_error(store: WatchedStore) -> None:
    with pytest.raises(SettingsError, match="weights"):
        await pipeline_on(store).search(QUERY, changed(DEFAULT, weights={"lexical": 0.0, "dense": 0.0}))


# --- front doors --------------------------------------------------------------------------------------------------


async def test_the_report_is_json_and_accounts_for_every_document(store: WatchedStore) -> None:
    settings = changed(DEFAULT, cut={"top_k": 3, "offset": 1})
    trace = await pipeline_on(store).search(QUERY, settings)
    report = json.loads(json.dumps(to_json(trace), allow_nan=False))
    assert [row["rank"] for row in report["results"]] == [2, 3, 4]
    assert len(report["results"]) + len(report["dropped"]) == len(trace.pool)
    assert {row["rule"] for row in report["dropped"]} == {"offset", "top_k"}
    for row in report["results"]:
        parts = sum(leg["contribution"] for leg in row["legs"].values()) + sum(
            feature["contribution"] for feature in row["features"].values()
        )
        assert parts == pytest.approx(row["fused_score"])
        assert sum(row["legs"]["lexical"]["fields"].values()) == pytest.approx(row["legs"]["lexical"]["raw"])
    assert {"analyse", "embed", "lexical", "dense", "fuse", "fetch", "rerank", "blend", "cut"} <= {
        stage["name"] for stage in report["stages"]
    }


async def test_a_document_is_followed_even_when_nothing_returned_it(store: WatchedStore) -> None:
    pipeline = pipeline_on(store)
    search: Search = pipeline.begin("stripes")
    settings = changed(NO_RERANK, weights={"dense": 0.0})
    await search.finish(settings)
    zebra, join, nobody = [await track(search, settings, i) for i in ("zebra", "join", "nobody")]
    assert (zebra.rank, zebra.legs["lexical"].rank, zebra.pooled) == (1, 1, True)
    assert (join.rank, join.pooled, join.exists) == (0, False, True)
    assert join.legs["lexical"].text == "lexical: does not match"
    assert not nobody.exists


async def test_warming_loads_the_embedder_before_the_first_query(store: WatchedStore) -> None:
    pipeline = pipeline_on(store)
    await pipeline.warm(DEFAULT)
    assert "_model" in vars(pipeline.resources.embedder("static"))
    assert not store.calls
    statik = changed(DEFAULT, legs={"dense": DenseLeg(embedder="statik")})
    await pipeline.warm(statik)
    assert "'statik'" in (await pipeline.search(QUERY, statik)).failed_legs["dense"].text


def test_programs_without_a_loop(folder: Path) -> None:
    settings = changed(DEFAULT, store={"path": str(folder)})
    with SyncPipeline.open(settings, Path()) as search:
        trace = search(QUERY)
        assert ids(search(QUERY)) == ids(trace)
        assert len(ids(trace)) > 3
    with pytest.raises(SettingsError, match="closed"):
        search(QUERY)
    search.close()


def test_opening_refuses_what_does_not_fit(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError):
        open_pipeline(Settings(store=StoreSettings(path=str(tmp_path / "none"))), tmp_path)
    with pytest.raises(SettingsError, match="'embeded'") as caught:
        open_pipeline(Settings(store=StoreSettings(kind="embeded")), tmp_path)
    assert "embedded" in caught.value.hint
    english = changed(DEFAULT, store={"path": str(folder)})
    with pytest.raises(StoreError, match="standard") as mismatch:
        open_pipeline(english, tmp_path, explicit={"legs.lexical.analyzer"})
    assert "rankscope index" in mismatch.value.hint


async def test_two_searches_do_not_disturb_each_other(store: WatchedStore) -> None:
    pipeline: Pipeline = pipeline_on(store)
    queries = [QUERY, "join path components", "stripes of an animal", "serialize JSON"] * 5
    together = await asyncio.gather(*(pipeline.search(query, DEFAULT) for query in queries))
    for query, trace in zip(queries, together, strict=True):
        assert_same(trace, await pipeline.search(query, DEFAULT))


async def test_a_search_that_is_done_goes_without_the_collector(store: WatchedStore) -> None:
    gc.collect()
    gc.disable()
    try:
        search = pipeline_on(store).begin(QUERY)
        await search.finish(DEFAULT)
        turned = search.turn(changed(DEFAULT, weights={"dense": 0.1}))
        left = weakref.ref(search), weakref.ref(turned.pool.scores)
        del search, turned
        assert [each() for each in left] == [None, None]
    finally:
        gc.enable()
