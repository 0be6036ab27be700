"""Following one document through every leg, fusion, rerank and cut, even when nothing returned it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.records import CandidatePool, DropRule
from engine.search import Search
from engine.settings.schema import Settings
from engine.trace import Trace


@dataclass(frozen=True, slots=True)
class TrackedLeg:
    """Where a document stands for one leg.

    rank    among what the leg returned, from 1; 0 when it did not return it
    raw     the leg's score for it, NaN when the leg has none
    last    the lowest score that the leg returned: what it would have taken
    text    the same as a sentence
    """

    rank: int
    raw: float
    last: float
    returned: int
    text: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """A document's way. ``rule`` is what dropped it, ``pooled`` whether any leg brought it; ranks are 0 where it has
    none, and ``rerank`` is NaN where it is unscored."""

    id: str
    exists: bool
    pooled: bool
    legs: dict[str, TrackedLeg]
    fused_rank: int = 0
    fused_score: float = math.nan
    rerank: float = math.nan
    rank: int = 0
    rule: DropRule | None = None


async def track(search: Search, settings: Settings, document_id: str) -> Tracked:
    """The way of one document through the search's latest trace, which must be there."""
    trace = search.trace
    if trace is None:
        raise RuntimeError("nothing was searched yet")
    row = trace.pool.ids.index(document_id) if document_id in trace.pool.ids else -1
    exists = row >= 0 or bool((await search.fetch([document_id]))[document_id].fields)
    legs = {}
    for name in trace.pool.leg_names:
        raw = math.nan
        if row >= 0:
            raw = float(trace.pool.scores[row, trace.pool.leg_names.index(name)])
        elif exists:
            request = search.retrieval.request(name, settings)
            raw = float((await search.resources.store.complete(request, [document_id])).scores[0])
        legs[name] = _leg(trace, name, row, raw)
    if row < 0:
        return Tracked(document_id, exists, False, legs)
    ranking = trace.ranking
    return Tracked(
        document_id,
        exists,
        True,
        legs,
        int(ranking.fused_rank[row]),
        float(ranking.fused_score[row]),
        float(ranking.rerank_score[row]),
        int(ranking.rank[row]),
        ranking.drop_rule(row),
    )


def leg_rank(pool: CandidatePool, leg: str, row: int) -> int:
    """The row's place among what the leg returned, from 1 (by score, then pool order); 0 when it did not return it."""
    column = pool.leg_names.index(leg)
    returned = pool.returned[:, column]
    if not returned[row]:
        return 0
    scores = pool.scores[:, column]
    better = returned & (scores > scores[row])
    equal_before = returned[:row] & (scores[:row] == scores[row])
    return int(better.sum() + equal_before.sum()) + 1


def _leg(trace: Trace, name: str, row: int, raw: float) -> TrackedLeg:
    pool = trace.pool
    column = pool.leg_names.index(name)
    scores = pool.scores[pool.returned[:, column], column]
    last = float(np.min(scores)) if len(scores) else math.nan
    rank = leg_rank(pool, name, row) if row >= 0 else 0
    if rank:
        text = f"{name}: rank {rank} of {len(scores)}, score {raw:.4f}"
    elif math.isnan(raw):
        text = f"{name}: has no score for it"
    elif raw == 0 and not last <= 0:  # also where the leg found nothing at all, and there is no last
        text = f"{name}: does not match"
    else:
        text = f"{name}: not among its {len(scores)}; scores {raw:.4f}, the last of them {last:.4f}"
    return TrackedLeg(rank, raw, last, len(scores), text)
