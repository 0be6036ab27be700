"""What an evaluation keeps of one query under one settings: where the judged documents stand in every ranking.

Enough for every metric, a thousandth of the lists, and fit for a journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from engine.fusion.order import descending
from engine.records import CandidatePool, FloatArray, IntArray, Status
from engine.search import Search
from engine.settings.schema import DenseLeg, LegSettings, Settings

FUSED = "fused"
RERANKED = "reranked"
_BAD = (Status.FAILED, Status.PARTIAL, Status.CANCELLED)


class Listing(msgspec.Struct, frozen=True, array_like=True):
    """A ranking of ``length`` documents, of which those at ``places`` (from 0, rising) are judged with ``grades``."""

    length: int
    places: list[int]
    grades: list[int]

    @classmethod
    def of(cls, ids: Sequence[str], judgments: Mapping[str, int]) -> Listing:
        places = [place for place, i in enumerate(ids) if i in judgments]
        return cls(len(ids), places, [judgments[ids[place]] for place in places])

    def gains(self) -> FloatArray:
        """float64[length], the grades in rank order, NaN where a document is unjudged."""
        gains = np.full(self.length, np.nan)
        gains[self.places] = self.grades
        return gains


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One query under one settings.

    rankings     each leg's own, ``fused``, and ``reranked`` where a reranker is on
    answered     at least one leg did
    scored, asked  documents with a rerank score, of those that could have one
    whole        no stage failed or ended early: there is nothing to gain from asking again
    ids, scores  the last ranking as it stands, kept where a run is to be written
    """

    rankings: dict[str, Listing]
    answered: bool = True
    scored: int = 0
    asked: int = 0
    whole: bool = True
    ids: list[str] = []
    scores: list[float] = []


def weighted_legs(settings: Settings) -> tuple[str, ...]:
    """The legs that take part."""
    return tuple(name for name in settings.legs if settings.weights.get(name, 0) > 0)


def ranking_names(settings: Settings) -> tuple[str, ...]:
    """The rankings that these settings yield, in the order of the stages; the last one is what a user sees."""
    return (*weighted_legs(settings), FUSED, *((RERANKED,) if settings.rerank.enabled else ()))


def answer_of(
    search: Search, settings: Settings, judgments: Mapping[str, int], depth: int, *, keep: bool = False
) -> Answer:
    """The answer of a search that ``settings`` have just been run on, ``depth`` documents deep; ``cut.top_k`` and
    ``cut.offset`` do not count, the threshold cuts the last ranking. ``keep`` keeps ids and scores of that one."""
    trace = search.rank(_deep(settings, depth))
    pool, last = trace.pool, trace.ranking.results
    orders = {name: _leg_order(pool, name, settings.legs[name])[:depth] for name in weighted_legs(settings)}
    if settings.rerank.enabled:
        orders[FUSED] = search.rank(_before_reranking(settings, depth)).ranking.results
    orders[ranking_names(settings)[-1]] = last
    stage = trace.stage("rerank")
    return Answer(
        rankings={name: Listing.of([pool.ids[row] for row in rows], judgments) for name, rows in orders.items()},
        answered=not trace.failed_legs or any(name not in trace.failed_legs for name in weighted_legs(settings)),
        scored=stage.outcome.done if stage else 0,
        asked=stage.outcome.total if stage else 0,
        whole=not any(report.outcome.status in _BAD for report in trace.stages),
        ids=[pool.ids[row] for row in last] if keep else [],
        scores=trace.ranking.score[last].tolist() if keep else [],
    )


def _leg_order(pool: CandidatePool, name: str, leg: LegSettings) -> IntArray:
    """The pool rows that the leg itself returned and its threshold lets through, best first."""
    if name not in pool.leg_names:
        return np.zeros(0, dtype=np.int64)
    column = pool.leg_names.index(name)
    rows = np.flatnonzero(pool.returned[:, column])
    if isinstance(leg, DenseLeg) and leg.similarity_threshold:
        rows = rows[pool.scores[rows, column] >= leg.similarity_threshold]
    return rows[descending(pool.scores[rows, column])]


def _deep(settings: Settings, depth: int) -> Settings:
    cut = msgspec.structs.replace(settings.cut, top_k=depth, offset=0)
    return msgspec.structs.replace(settings, cut=cut)


def _before_reranking(settings: Settings, depth: int) -> Settings:
    """The fused list alone; the threshold is meant for what a reranker says."""
    deep = _deep(settings, depth)
    return msgspec.structs.replace(
        deep,
        cut=msgspec.structs.replace(deep.cut, threshold=0.0),
        rerank=msgspec.structs.replace(settings.rerank, enabled=False),
    )
