"""One or several settings over one data set: every query answered once, retrieval shared wherever settings share it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from engine import __version__
from engine.evaluation.answers import Answer, answer_of
from engine.evaluation.dataset import DataSet
from engine.evaluation.journal import Journal
from engine.ingest.queries import QueryItem
from engine.pipeline import Pipeline
from engine.search import Search
from engine.settings.schema import Settings
from engine.trace import Trace

DEPTH = 1000
"""Documents of a ranking that count, as in a TREC run."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Settings that take part. Those with one pipeline share what it retrieves; ``place`` says where its index lies."""

    name: str
    settings: Settings
    pipeline: Pipeline
    place: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What else an answer depends on.

    depth   documents of each ranking
    syntax  queries may hold phrases, exclusions and fields
    keep    ids and scores are kept, for a run
    """

    depth: int = DEPTH
    syntax: bool = False
    keep: bool = False


_USUAL = Conditions()


@dataclass(frozen=True, slots=True)
class Experiment:
    """The answers: query id → one per contender, queries in the data set's order; ``resumed`` came from a journal."""

    data: DataSet
    contenders: tuple[Contender, ...]
    conditions: Conditions
    answers: Mapping[str, Sequence[Answer]]
    resumed: int = 0

    def of(self, contender: int) -> list[Answer]:
        """One contender's answers, a query each."""
        return [self.answers[item.id][contender] for item in self.data.queries]


Heard = Callable[[QueryItem, Contender, Trace], None]
"""Told of every search that ended; what it raises ends the evaluation."""


async def evaluate(
    data: DataSet,
    contenders: Sequence[Contender],
    conditions: Conditions = _USUAL,
    *,
    folder: Path | None = None,
    fresh: bool = False,
    concurrency: int = 4,
    on_progress: Callable[[int, int], None] | None = None,
    on_trace: Heard | None = None,
) -> Experiment:
    """Answer every query of the data set under every contender's settings.

    folder       where a journal lies while it lasts: killed or cancelled, the same evaluation goes on from there,
                 unless ``fresh``
    concurrency  queries under way at once
    on_progress  queries done, of how many

    Failing legs and rerankers are outcomes, as in any search; answers that are not whole are never resumed from.
    Raises ``SettingsError``, and what ``on_trace`` raises.
    """
    path = None if folder is None else folder / f"{fingerprint(data, contenders, conditions)}.jsonl"
    journal = Journal(path, fresh=fresh) if path else None
    try:
        answers = dict(journal.answers) if journal else {}
        resumed = len(answers)
        asked = iter([item for item in data.queries if item.id not in answers])

        async def work() -> None:
            for item in asked:
                if on_progress:
                    on_progress(len(answers), len(data))
                found = await _answer(item, data.qrels[item.id], contenders, conditions, on_trace)
                answers[item.id] = found
                if journal and all(answer.whole for answer in found):
                    journal.add(item.id, found)

        await _all(work() for _ in range(concurrency))
        if on_progress:
            on_progress(len(answers), len(data))
        if journal:
            journal.remove()
    finally:
        if journal:
            journal.close()
    return Experiment(data, tuple(contenders), conditions, answers, resumed)


async def _answer(
    item: QueryItem,
    judgments: Mapping[str, int],
    contenders: Sequence[Contender],
    conditions: Conditions,
    on_trace: Heard | None,
) -> list[Answer]:
    """The query under each contender in turn; on one pipeline a later one asks only what the earlier ones did not."""
    searches: dict[Pipeline, Search] = {}
    answers = []
    for one in contenders:
        if one.pipeline not in searches:
            searches[one.pipeline] = one.pipeline.begin(item.text, syntax=conditions.syntax)
        search = searches[one.pipeline]
        trace = await search.finish(one.settings)
        if on_trace:
            on_trace(item, one, trace)
        answers.append(answer_of(search, one.settings, judgments, conditions.depth, keep=conditions.keep))
    return answers


async def _all(workers: Iterable[Coroutine[None, None, None]]) -> None:
    """Run them together; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def fingerprint(data: DataSet, contenders: Sequence[Contender], conditions: Conditions) -> str:
    """Equal for evaluations whose answers must be the same: data, settings, indexes and their generations, version."""
    parts: list[object] = [__version__, data.digest, asdict(conditions)]
    for one in contenders:
        info = one.pipeline.store.info
        parts.append([one.settings, one.place, info.kind, info.name, info.generation, info.documents, info.embedder])
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
