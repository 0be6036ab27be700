"""A search through a cascade: a small reranker over many, a large one over the best of those."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from corpus import WatchedStore, build, changed, pipeline_on

from engine.errors import RerankerError
from engine.records import RerankerInfo, ScoreKind, Status
from engine.report import to_json
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.settings.schema import RerankSettings, RerankStage, Settings
from engine.trace import StageFinished, Trace

QUERY = "wait a number of seconds"
LARGE = RerankStage(provider="alphabetical", top_n=3)
ALONE = Settings(rerank=RerankSettings(provider="length", top_n=6))
CASCADE = changed(ALONE, rerank={"cascade": {"large": LARGE}})


class Judge:
    """A real reranker of a simple kind: it scores by what ``score`` says of the text."""

    window = 2
    cacheable = True

    def __init__(self, name: str, score: Callable[[str], float], fault: str = "") -> None:
        self.info = RerankerInfo(name, model=f"by-{name}", kind=ScoreKind.LOGIT)
        self.asked: list[str] = []
        self.fault = fault
        self._score = score

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        if self.fault:
            raise RerankerError(self.fault)
        for start in range(0, len(documents), self.window):
            batch = documents[start : start + self.window]
            self.asked += [item.document.id for item in batch]
            yield RerankBatch.of(start, [self._score(item.text) for item in batch])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[WatchedStore]:
    found = WatchedStore(build(tmp_path / "index"))
    yield found
    await found.close()


@pytest.fixture
def judges() -> tuple[Judge, Judge]:
    return Judge("length", lambda text: float(len(text))), Judge("alphabetical", lambda text: -float(ord(text[0])))


def registry(*judges: Judge) -> dict[str, Any]:
    return {judge.info.provider: lambda settings, context, judge=judge: judge for judge in judges}


def ids(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.order]


async def test_the_large_one_is_asked_for_the_best_of_the_small_one(
    store: WatchedStore, judges: tuple[Judge, Judge]
) -> None:
    length, alphabetical = judges
    trace = await pipeline_on(store, **registry(*judges)).search(QUERY, CASCADE)
    alone = await pipeline_on(store, **registry(Judge("length", lambda text: float(len(text))))).search(QUERY, ALONE)
    best = ids(alone)[:3]
    assert len(length.asked) == 6
    assert alphabetical.asked == best
    first = {document.id: document.title[0] for document in trace.documents.values()}
    assert ids(trace)[:3] == sorted(best, key=lambda i: first[i])
    assert ids(trace)[3:] == ids(alone)[3:]


async def test_each_stage_has_its_own_bar_score_and_reranker(store: WatchedStore, judges: tuple[Judge, Judge]) -> None:
    found = to_json(await pipeline_on(store, **registry(*judges)).search(QUERY, CASCADE))
    bars = {stage["name"]: stage["outcome"]["done"] for stage in found["stages"]}
    assert (bars["rerank"], bars["rerank.large"]) == (6, 3)
    assert found["reranker"]["model"] == "by-length"
    assert [each["model"] for each in found["cascade"]] == ["by-alphabetical"]
    top, fourth = found["results"][0], found["results"][3]
    assert [stage["stage"] for stage in top["cascade"]] == ["rerank", "rerank.large"]
    assert top["cascade"][0]["raw"] > 0 > top["cascade"][1]["raw"] == top["rerank"]["raw"]
    assert fourth["cascade"][1] is None
    assert fourth["rerank"]["raw"] == fourth["cascade"][0]["raw"]


async def test_a_further_stage_that_fails_leaves_what_the_first_made(
    store: WatchedStore, judges: tuple[Judge, Judge]
) -> None:
    judges[1].fault = "out of memory"
    pipeline = pipeline_on(store, **registry(*judges))
    search = pipeline.begin(QUERY)
    trace = await search.finish(CASCADE)
    stage = trace.stage("rerank.large")
    assert stage is not None
    assert (stage.outcome.status, stage.outcome.text) == (Status.FAILED, "out of memory")
    assert ids(trace) == ids(search.turn(ALONE))
    judges[1].fault = ""
    assert ids(await search.finish(CASCADE)) != ids(search.turn(ALONE))


async def test_a_moved_weight_sends_only_newcomers_to_each_stage(
    store: WatchedStore, judges: tuple[Judge, Judge]
) -> None:
    search = pipeline_on(store, **registry(*judges)).begin(QUERY)
    await search.finish(CASCADE)
    assert not search.missing(CASCADE)
    deeper = changed(ALONE, rerank={"cascade": {"large": RerankStage(provider="alphabetical", top_n=5)}})
    search.turn(deeper)
    assert search.missing(deeper).rerank == 2
    for judge in judges:
        judge.asked.clear()
    events = [event async for event in search.run(deeper)]
    assert (judges[0].asked, len(judges[1].asked)) == ([], 2)
    assert "rerank.large" in [event.report.name for event in events if isinstance(event, StageFinished)]
    assert (store.calls["lexical"], store.calls["dense"]) == (1, 1)


async def test_a_stage_that_was_taken_away_leaves_no_bar(store: WatchedStore, judges: tuple[Judge, Judge]) -> None:
    search = pipeline_on(store, **registry(*judges)).begin(QUERY)
    await search.finish(CASCADE)
    trace = search.turn(ALONE)
    assert [stage.name for stage in trace.stages if stage.name.startswith("rerank")] == ["rerank"]
    assert trace.ranking.stages == ()
