"""A query's candidates beside its judgments: what every metric, trial and landscape is computed from.

Judged once, ranked as often as one likes: the grades lie over the pool's rows, and a ranking is an order of rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.records import CandidatePool, FloatArray, IntArray, RerankScores

NOTHING = -math.inf
"""Stands among gains where a list has ended: neither judged nor unjudged, there is no document."""


@dataclass(frozen=True, slots=True)
class JudgedPool:
    """One query with its pool and its judgments.

    gains               float64[n], the grade of each pool row, NaN where it is unjudged
    grades              float64[r], every grade above 0 of the query, falling, those outside the pool included
    judged_nonrelevant  how many documents were judged 0 or less
    """

    query_id: str
    pool: CandidatePool
    rerank: RerankScores
    gains: FloatArray
    grades: FloatArray
    judged_nonrelevant: int

    @property
    def judged(self) -> bool:
        """Whether anything is relevant: a query without is left out of every mean, and counted."""
        return len(self.grades) > 0

    def in_order(self, rows: IntArray) -> FloatArray:
        """The grades along orders of pool rows, int64[…, depth] → float64[…, depth]; row −1, past a list's end as in
        ``engine.ranking.top_rows``, becomes ``NOTHING``."""
        return np.append(self.gains, NOTHING)[rows]


def judge(query_id: str, pool: CandidatePool, rerank: RerankScores | None, judgments: Mapping[str, int]) -> JudgedPool:
    """The pool of one query with its judgments, document id → grade, beside it."""
    return JudgedPool(
        query_id,
        pool,
        rerank if rerank is not None else RerankScores.none(len(pool)),
        gains_of(pool.ids, judgments),
        ideal(judgments),
        sum(grade <= 0 for grade in judgments.values()),
    )


def gains_of(ids: Iterable[str], judgments: Mapping[str, int]) -> FloatArray:
    """float64[len(ids)], the grade of each document, NaN where it is unjudged."""
    return np.array([judgments.get(i, np.nan) for i in ids], dtype=np.float64)


def ideal(judgments: Mapping[str, int]) -> FloatArray:
    """float64[r], the grades above 0, falling: the gains of the best list there could be."""
    return np.sort(np.array([grade for grade in judgments.values() if grade > 0], dtype=np.float64))[::-1]
