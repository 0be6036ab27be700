"""Evaluating settings: what is asked and shared, what a kill leaves, and that the numbers are those of a search."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from engine.api import open_pipeline
from engine.embedders.static import StaticEmbedder
from engine.errors import RerankerError
from engine.evaluation.answers import Listing
from engine.evaluation.dataset import DataSet
from engine.evaluation.experiment import Conditions, Contender, evaluate
from engine.evaluation.journal import Journal
from engine.evaluation.metrics import Metric, parse
from engine.evaluation.reporting import evaluation_json
from engine.evaluation.scoring import score_contender
from engine.executor import make_executor
from engine.indexing import build_index, index_spec
from engine.ingest.registry import open_source
from engine.settings.schema import Settings, StoreSettings
from tests.corpus import WatchedStore, build, changed, pipeline_on
from tests.engine.evaluation.cranfield import FOLDER, data, needs_cranfield
from tests.engine.evaluation.paid import DATA, PAID, QUERIES, PaidReranker, run, scores

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("evaluation") / "index")


@pytest.fixture
def reranker(tmp_path: Path) -> PaidReranker:
    return PaidReranker(tmp_path / "calls")


def calls(reranker: PaidReranker) -> Counter[str]:
    return Counter(reranker.log.read_text().splitlines()) if reranker.log.exists() else Counter()


async def test_each_ranking_is_what_a_search_shows(index: Path, reranker: PaidReranker) -> None:
    settings = changed(PAID, cut={"top_k": 2, "offset": 1})
    experiment = await run(index, reranker, None, [settings])
    async with pipeline_on(WatchedStore(index), paid=lambda *_: reranker) as pipeline:
        for item, answer in zip(QUERIES, experiment.of(0), strict=True):
            trace = await pipeline.search(item.text, settings, syntax=False)
            ids = trace.pool.ids
            judged = DATA.qrels[item.id]
            assert answer.rankings["reranked"] == Listing.of([ids[row] for row in trace.ranking.order], judged)
            assert answer.rankings["fused"] == Listing.of([ids[row] for row in trace.ranking.fused_order], judged)
            for column, leg in enumerate(("lexical", "dense")):
                rows = [row for row in range(len(ids)) if trace.pool.returned[row, column]]
                rows.sort(key=lambda row: -trace.pool.scores[row, column])
                assert answer.rankings[leg] == Listing.of([ids[row] for row in rows], judged)
            assert answer.scored == answer.asked == 6


async def test_settings_that_share_retrieval_ask_once_and_get_what_they_get_alone(
    index: Path, reranker: PaidReranker, tmp_path: Path
) -> None:
    variants = [
        PAID,
        changed(PAID, weights={"dense": 0.2}),
        changed(PAID, weights={"dense": 0.0}),
        changed(PAID, rerank={"top_n": 3}),
        changed(PAID, rerank={"enabled": False}),
        changed(PAID, rerank={"blend": "weighted"}),
    ]
    store = WatchedStore(index)
    async with pipeline_on(store, paid=lambda *_: reranker) as pipeline:
        contenders = [Contender(str(i), one, pipeline) for i, one in enumerate(variants)]
        together = await evaluate(DATA, contenders, concurrency=3)
    assert store.calls["lexical"] == store.calls["dense"] == len(QUERIES)
    assert max(calls(reranker).values()) == 1, "no text was paid for twice"
    for i, one in enumerate(variants):
        alone = await run(index, PaidReranker(tmp_path / f"calls-{i}"), None, [one], concurrency=1)
        assert scores(alone) == scores(together, i)
    assert "reranked" not in together.of(4)[0].rankings
    assert "dense" not in together.of(2)[0].rankings


async def test_a_threshold_cuts_the_last_ranking_alone(index: Path, reranker: PaidReranker) -> None:
    every = await run(index, reranker, None, [PAID, changed(PAID, cut={"threshold": 0.9})])
    for whole, cut in zip(every.of(0), every.of(1), strict=True):
        assert cut.rankings["fused"] == whole.rankings["fused"]
        assert cut.rankings["reranked"].length == 0, "no logit of minus a length is above 0.9"
    unreranked = changed(PAID, rerank={"enabled": False})
    cut = await run(index, reranker, None, [changed(unreranked, cut={"threshold": 0.5}), unreranked])
    assert sum(a.rankings["fused"].length for a in cut.of(0)) < sum(a.rankings["fused"].length for a in cut.of(1))


async def test_a_failing_leg_scores_0_and_is_counted(index: Path) -> None:
    store = WatchedStore(index)
    store.faults["dense"] = RuntimeError("gone")
    heard = []
    async with pipeline_on(store) as pipeline:
        contenders = [Contender("a", Settings(), pipeline)]
        found = await evaluate(DATA, contenders, on_trace=lambda item, one, trace: heard.append(trace.failed_legs))
    assert len(heard) == len(QUERIES)
    assert all("dense" in failed for failed in heard)
    assert all(answer.answered and not answer.whole for answer in found.of(0))
    assert scores(found)["dense"] == [0.0] * len(QUERIES)
    store = WatchedStore(index)
    store.faults |= {"dense": RuntimeError("gone"), "lexical": RuntimeError("gone")}
    async with pipeline_on(store) as pipeline:
        found = await evaluate(DATA, [Contender("a", Settings(), pipeline)])
    assert evaluation_json(found, [parse("map")])["settings"][0]["unanswered"] == len(QUERIES)


async def test_an_error_of_the_listener_ends_everything(index: Path, reranker: PaidReranker) -> None:
    def refuse(item: object, contender: object, trace: object) -> None:
        raise RerankerError("required")

    with pytest.raises(RerankerError, match="required"):
        await run(index, reranker, None, on_trace=refuse, concurrency=3)
    assert len({line.split("\t")[0] for line in calls(reranker)}) <= 3


# --- broken off and resumed ---------------------------------------------------------------------------------------


def start(index: Path, log: Path, journals: Path) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "tests.engine.evaluation.paid", str(index), str(log), str(journals)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def journaled(journals: Path) -> set[str]:
    """The queries in the journal, a half-written line left out."""
    lines = [line for file in journals.glob("*.jsonl") for line in file.read_bytes().splitlines(keepends=True)]
    return {json.loads(line)["query"] for line in lines if line.endswith(b"\n")}


def test_killed_it_goes_on_and_pays_for_nothing_twice(index: Path, tmp_path: Path) -> None:
    log, journals = tmp_path / "calls", tmp_path / "journals"
    process = start(index, log, journals)
    end = time.monotonic() + 30
    while len(journaled(journals)) < 5:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    kept = journaled(journals)
    assert 5 <= len(kept) < len(QUERIES)
    before = Counter(log.read_text().splitlines())

    process = start(index, log, journals)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    result = json.loads(out)
    assert result["resumed"] == len(kept)
    paid = {item.text for item in QUERIES if item.id in kept}
    after = Counter(log.read_text().splitlines())
    assert {line: n for line, n in after.items() if line.split("\t")[0] in paid} == {
        line: n for line, n in before.items() if line.split("\t")[0] in paid
    }, "nothing was asked again for a query that was through"
    again = {line.split("\t")[0] for line, n in after.items() if n > 1}
    assert len(again) <= 2, "at most the queries that were under way"
    whole = asyncio.run(run(index, PaidReranker(tmp_path / "fresh"), None))
    assert result["scores"] == scores(whole)
    assert list(journals.iterdir()) == [], "what is through leaves no journal"


def list_of(folder: Path) -> list[Path]:
    return list(folder.glob("*.jsonl"))


async def broken_off(index: Path, reranker: PaidReranker, folder: Path, after: int) -> None:
    """An evaluation that is cancelled once ``after`` queries are through."""

    def progress(done: int, total: int) -> None:
        if done >= after:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run(index, reranker, folder, on_progress=progress, concurrency=1)


async def test_cancelled_it_goes_on(index: Path, reranker: PaidReranker, tmp_path: Path) -> None:
    await broken_off(index, reranker, tmp_path / "journals", 12)
    assert len(journaled(tmp_path / "journals")) == 12
    done = await run(index, reranker, tmp_path / "journals")
    assert done.resumed == 12
    assert max(calls(reranker).values()) == 1
    assert scores(done) == scores(await run(index, reranker, None))


async def test_a_torn_journal_loses_its_torn_end_alone(index: Path, reranker: PaidReranker, tmp_path: Path) -> None:
    await broken_off(index, reranker, tmp_path, 12)
    (file,) = list_of(tmp_path)
    whole = file.read_bytes()
    third = sum(len(line) for line in whole.splitlines(keepends=True)[:3])
    for damaged, left in (
        (whole[:-1], 11),
        (whole[:-20], 11),
        (whole + b'{"query": "q29", "answ', 12),
        (whole[:third] + b"\x00" * 50 + whole[third:], 3),
        (b"", 0),
        (b"not a journal\n" + whole, 0),
    ):
        file.write_bytes(damaged)
        with Journal(file) as journal:
            assert len(journal.answers) == left
            journal.add("new", [])
        with Journal(file) as journal:
            assert len(journal.answers) == left + 1
    file.write_bytes(whole)
    assert (await run(index, reranker, tmp_path, fresh=True)).resumed == 0


async def test_another_evaluation_never_takes_up_the_journal(
    index: Path, reranker: PaidReranker, tmp_path: Path
) -> None:
    await broken_off(index, reranker, tmp_path, 8)
    assert (await run(index, reranker, tmp_path, [changed(PAID, rerank={"top_n": 5})])).resumed == 0
    assert (await run(index, reranker, tmp_path, [PAID, PAID])).resumed == 0
    assert (await run(index, reranker, tmp_path, conditions=Conditions(depth=5))).resumed == 0
    other = build(tmp_path / "other", [])
    assert (await run(other, reranker, tmp_path)).resumed == 0
    assert (await run(index, reranker, tmp_path)).resumed == 8


async def test_what_failed_is_asked_again(index: Path, tmp_path: Path) -> None:
    poor = PaidReranker(tmp_path / "calls", fail=lambda query: "lock" in query)
    failed = {item.id for item in QUERIES if "lock" in item.text}

    def progress(done: int, total: int) -> None:
        if done == total:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run(index, poor, tmp_path / "journals", on_progress=progress, concurrency=1)
    assert journaled(tmp_path / "journals") == {item.id for item in QUERIES} - failed
    rich = PaidReranker(tmp_path / "more")
    done = await run(index, rich, tmp_path / "journals")
    assert done.resumed == len(QUERIES) - len(failed)
    assert all("lock" in line.split("\t")[0] for line in calls(rich))


async def test_a_folder_that_cannot_be_written_is_no_failure(
    index: Path, reranker: PaidReranker, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert len((await run(index, reranker, tmp_path / "file")).answers) == len(QUERIES)


# --- real runs ----------------------------------------------------------------------------------------------------


@needs_cranfield
async def test_real_runs_on_cranfield_score_as_trec_eval_says(tmp_path: Path) -> None:
    source, embedder = open_source(str(FOLDER)), StaticEmbedder(make_executor())
    base = Settings(store=StoreSettings(path="index"))
    whole = data()
    some = DataSet.of("some", None, whole.queries[::15], whole.qrels)
    pipeline_settings = [
        base,
        changed(base, weights={"lexical": 0.0}),
        changed(base, weights={"dense": 0.0}),
        changed(base, rerank={"enabled": False}),
        changed(base, fusion={"combiner": "rrf"}, rerank={"top_n": 20}),
        changed(base, cut={"threshold": 0.4}),
    ]
    spec = index_spec(base, source.schema, lambda name: False, embedder, "cranfield")
    await build_index(source, tmp_path / "index", spec, embedder)
    async with open_pipeline(base, tmp_path) as pipeline:
        contenders = [Contender(str(i), one, pipeline) for i, one in enumerate(pipeline_settings)]
        found = await evaluate(some, contenders, Conditions(keep=True))
    names = {
        "ndcg_cut_10": "ndcg@10",
        "map": "map",
        "recip_rank": "mrr",
        "recall_100": "recall@100",
        "success_5": "hit@5",
    }
    metrics: list[Metric] = [parse(name) for name in names.values()]
    for index in range(len(contenders)):
        lists = {item.id: answer.ids for item, answer in zip(some.queries, found.of(index), strict=True)}
        written = {q: {i: float(-place) for place, i in enumerate(ids)} for q, ids in lists.items() if ids}
        evaluator = pytrec_eval.RelevanceEvaluator(
            {q: dict(g) for q, g in some.qrels.items()}, {"ndcg_cut", "map", "recip_rank", "recall", "success"}
        )
        theirs = evaluator.evaluate(written)
        rankings = score_contender(found, index, metrics)
        ours = rankings[list(rankings)[-1]]
        for name, metric in zip(names, metrics, strict=True):
            expected = [theirs.get(item.id, {}).get(name, 0.0) for item in some.queries]
            assert np.abs(ours[metric] - expected).max() < 1e-9, (index, name)
