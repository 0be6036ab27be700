"""An evaluation with a reranker that costs money: each text that it is asked for is a line in a file.

As a program (``python -m tests.engine.evaluation.paid INDEX LOG JOURNALS``) it runs until it is killed or through, and
prints what every query got.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from engine.evaluation.dataset import DataSet
from engine.evaluation.experiment import Contender, Experiment, evaluate
from engine.evaluation.metrics import parse
from engine.evaluation.scoring import score_contender
from engine.ingest.queries import QueryItem
from engine.records import RerankerInfo, ScoreKind
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.settings.schema import Settings
from tests.corpus import DOCUMENTS, WatchedStore, changed, pipeline_on

WORDS = ["wait", "seconds", "thread", "lock", "path", "join", "string", "signal", "queue", "function", "event", "item"]
QUERIES = tuple(
    QueryItem(f"q{i}", f"{WORDS[i % 12]} {WORDS[i * 5 % 12]} {WORDS[i * 7 % 11]}", f"set:{i}") for i in range(30)
)
QRELS = {
    item.id: {DOCUMENTS[(i * 3) % 7].id: 2, DOCUMENTS[(i * 5 + 1) % 10].id: 1, DOCUMENTS[i % 10].id: 0}
    for i, item in enumerate(QUERIES)
}
DATA = DataSet.of("small", None, QUERIES, QRELS)
PAID = changed(Settings(), rerank={"provider": "paid", "top_n": 6})


class PaidReranker:
    """The shorter the text, the better; nothing that it said may be kept between runs but by the evaluation."""

    info = RerankerInfo("paid", kind=ScoreKind.LOGIT)
    window = 3
    cacheable = False

    def __init__(self, log: Path, seconds: float = 0.0, fail: Any = lambda query: False) -> None:
        self.log = log
        self.seconds = seconds
        self.fail = fail

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        for start in range(0, len(documents), self.window):
            some = documents[start : start + self.window]
            if self.fail(query):
                raise RuntimeError("no credit left")
            with self.log.open("a") as file:
                file.writelines(f"{query}\t{item.document.id}\n" for item in some)
            await asyncio.sleep(self.seconds)
            yield RerankBatch.of(start, [-float(len(item.text)) for item in some])


async def run(
    index: Path, reranker: PaidReranker, folder: Path | None, settings: Sequence[Settings] = (PAID,), **options: Any
) -> Experiment:
    store = WatchedStore(index)
    pipeline = pipeline_on(store, paid=lambda settings, context: reranker)
    async with pipeline:
        contenders = [Contender(f"{i}.toml", one, pipeline) for i, one in enumerate(settings)]
        return await evaluate(DATA, contenders, folder=folder, **options)


def scores(experiment: Experiment, contender: int = 0) -> dict[str, list[float]]:
    found = score_contender(experiment, contender, [parse("ndcg@10")])
    return {name: values[parse("ndcg@10")].tolist() for name, values in found.items()}


if __name__ == "__main__":
    index, log, journals = map(Path, sys.argv[1:])
    done = asyncio.run(run(index, PaidReranker(log, seconds=0.02), journals, concurrency=2))
    print(json.dumps({"resumed": done.resumed, "scores": scores(done)}))
