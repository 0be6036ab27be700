"""A whole query set under two settings: as they are saved, and as they are now. Knows no user interface.

The searches are kept, so that after a turn of a knob only what is missing is asked, and mostly nothing is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

import numpy as np

from console.judging import Judgments
from engine.evaluation.answers import FUSED, RERANKED, Answer, Listing, answer_of
from engine.evaluation.experiment import DEPTH
from engine.evaluation.judged import ideal
from engine.evaluation.metrics import Metric
from engine.evaluation.scoring import Paired, compare
from engine.ingest.queries import QueryItem
from engine.pipeline import Pipeline
from engine.records import FloatArray
from engine.search import Search
from engine.settings.schema import RerankSettings, Settings

KEPT = 300
"""Searches that are kept, some 200 KB each; further ones are asked anew when the settings change."""
CONCURRENCY = 4

Grades = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query by one metric; NaN is unknown, or that the query has no grade above 0.

    saved, now     of the last list, by the saved and by the live settings
    fused          by the live settings before reranking; NaN without a reranker
    judged, shown  documents with a grade among the first of the last list, of how many
    graded         any document of the query has a grade
    whole          no stage failed
    """

    id: str
    text: str
    saved: float = np.nan
    now: float = np.nan
    fused: float = np.nan
    judged: int = 0
    shown: int = 0
    graded: bool = False
    whole: bool = True


@dataclass(slots=True)
class _Entry:
    """What is known of one query.

    answers  those of the latest settings, made with ``grades``
    made     the last row, and what it was made from
    """

    search: Search | None = None
    grades: Grades = field(default_factory=dict)
    answers: list[tuple[Settings, Answer]] = field(default_factory=list)
    made: tuple[Metric, Answer, Answer, QueryRow] | None = None

    def answer(self, settings: Settings, grades: Grades) -> Answer | None:
        if grades is not self.grades:
            return None
        return next((answer for known, answer in self.answers if known == settings), None)


class QuerySet:
    """The queries of ``judgments`` on one index. ``agreed`` are the rerankers that may be asked all of them."""

    def __init__(self, pipeline: Pipeline, judgments: Judgments) -> None:
        self.pipeline = pipeline
        self.judgments = judgments
        self.agreed: list[RerankSettings] = []
        self._entries: dict[str, _Entry] = {}
        self._ranking = asyncio.Lock()  # one query's milliseconds of ranking, then frames and keys have their turn

    @property
    def judged(self) -> list[QueryItem]:
        """The queries with a grade above 0, those that are asked."""
        return [item for item in self.judgments.queries if any(g > 0 for g in self.judgments.of_id(item.id).values())]

    async def measure(self, saved: Settings, now: Settings) -> AsyncGenerator[int, None]:
        """Answer what is not answered yet by these settings; yields how many queries are done, 0 first.

        A few queries are under way at once. Closing the iterator cancels them; what is answered stays. Raises
        ``SettingsError`` for settings that cannot rank.
        """
        waiting = iter(self.judged)
        done = 0
        tasks = set[asyncio.Task[None]]()
        yield done
        try:
            while True:
                while len(tasks) < CONCURRENCY and (item := next(waiting, None)) is not None:
                    tasks.add(asyncio.create_task(self._answer(item, saved, now), name="query-set"))
                if not tasks:
                    return
                finished, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    task.result()
                done += len(finished)
                yield done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, item: QueryItem, saved: Settings, now: Settings) -> None:
        """Answer one query by both settings."""
        entry = self._entries.setdefault(item.id, _Entry())
        grades = self.judgments.of_id(item.id)
        answers: list[tuple[Settings, Answer]] = []
        for settings in (saved, now) if saved != now else (now,):
            answer = entry.answer(settings, grades)
            if answer is None or not answer.whole:
                search = entry.search or self.pipeline.begin(item.text, syntax=False)
                async with self._ranking:
                    await asyncio.sleep(0)
                    complete = _ranked(search, settings)
                if not complete:
                    await search.finish(settings)
                async with self._ranking:
                    await asyncio.sleep(0)
                    answer = answer_of(search, settings, grades, DEPTH)
                keeping = sum(other.search is not None for other in self._entries.values()) < KEPT
                entry.search = search if entry.search or keeping else None
            answers.append((settings, answer))
        entry.grades, entry.answers = grades, answers

    def row(self, item: QueryItem, saved: Settings, now: Settings, metric: Metric) -> QueryRow:
        """What is known of a query by now."""
        grades = self.judgments.of_id(item.id)
        entry = self._entries.get(item.id)
        before, after = (entry.answer(settings, grades) if entry else None for settings in (saved, now))
        if entry is None or before is None or after is None:
            return QueryRow(item.id, item.text, graded=bool(grades))
        made = entry.made
        if made is None or made[0] != metric or made[1] is not before or made[2] is not after:
            made = entry.made = (metric, before, after, _row(item, before, after, ideal(grades), metric))
        return made[3]

    def searched(self, settings: Settings) -> list[tuple[QueryItem, Search]] | None:
        """The searches of every judged query, where all are kept and these settings' legs are asked; else None."""
        found = []
        for item in self.judged:
            entry = self._entries.get(item.id)
            search = entry.search if entry else None
            if search is None or search.trace is None or search.retrieval.missing(settings):
                return None
            found.append((item, search))
        return found or None


def _ranked(search: Search, settings: Settings) -> bool:
    """Rank what is here by these settings; whether nothing is missing."""
    if search.trace is None:
        return False
    search.turn(settings)
    return not search.missing(settings)


def _row(item: QueryItem, before: Answer, after: Answer, best: FloatArray, metric: Metric) -> QueryRow:
    last, cut = _last(after), metric.k or 10
    shown = min(last.length, cut)
    return QueryRow(
        item.id,
        item.text,
        saved=_value(metric, _last(before), best),
        now=_value(metric, last, best),
        fused=_value(metric, after.rankings[FUSED], best) if RERANKED in after.rankings else np.nan,
        judged=sum(place < cut for place in last.places),
        shown=shown,
        graded=True,
        whole=before.whole and after.whole,
    )


def _last(answer: Answer) -> Listing:
    return list(answer.rankings.values())[-1]


def _value(metric: Metric, listing: Listing, best: FloatArray) -> float:
    return float(metric.scores(listing.gains()[None, :], best)[0])


def paired(before: list[float], after: list[float], metric: Metric) -> Paired:
    """What ``after`` is against ``before``, query by query: the interval and the test of ``rankscope evaluate``."""
    return compare({metric: np.array(before)}, [{metric: np.array(after)}])[0][metric]
