"""What judgments say of a trace: a mark per row, and one metric of the list before and after reranking. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from console.numbers import share
from engine.evaluation.experiment import DEPTH
from engine.evaluation.judged import gains_of, ideal
from engine.evaluation.metrics import Metric
from engine.ranking import first_of_group
from engine.records import DROP_RULES, CandidatePool, DropRule, FloatArray, IntArray
from engine.trace import Trace

TITLES: Mapping[str, str] = {"ndcg": "nDCG", "ndcg_exp": "nDCG-exp", "map": "MAP", "mrr": "MRR"}
WIDE = 110
"""Columns from which the last line spells things out."""
_GONE = [DROP_RULES.index(rule) for rule in (DropRule.THRESHOLD, DropRule.GROUP)]


def title(metric: Metric) -> str:
    """``nDCG@10`` as people write it."""
    return str(Metric(TITLES.get(metric.name, metric.name), metric.k))


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of the fused list (``before``) and of the reranked one (``after``); they are NaN where the query has
    no grade above 0. ``after`` is None without a reranker. ``judged`` of the first ``shown`` of the last list have a
    grade; ``graded`` says whether any document of the query has one.
    """

    title: str
    before: float = np.nan
    after: float | None = None
    judged: int = 0
    shown: int = 0
    graded: bool = False

    @property
    def measurable(self) -> bool:
        return self.before == self.before

    @property
    def numbers(self) -> str:
        """``.61 → .74``."""
        numbers = (self.before,) if self.after is None else (self.before, self.after)
        return " → ".join(share(number) for number in numbers)

    @property
    def better(self) -> int:
        """1 where reranking helped, −1 where it harmed, by what is shown."""
        if self.after is None:
            return 0
        difference = round(self.after, 2) - round(self.before, 2)
        return (difference > 0) - (difference < 0)


Piece = tuple[str, str]
"""A text and the role that colours it."""


def footing(measured: Measured, width: int) -> tuple[Piece, ...]:
    """What the last line says of it, shorter where there is little room; nothing there of what nobody judged."""
    name = (f"{measured.title} ", "muted")
    judged = (f"{measured.judged}/{measured.shown}", "muted")
    wide = width >= WIDE
    if wide:
        judged = (f" (judged {judged[0]})", "muted")
    elif measured.graded:
        judged = (f" {judged[0]}", "muted")
    if measured.measurable:
        role = ("text", "success", "error")[measured.better]
        return name, (measured.numbers if wide else measured.numbers.replace(" ", ""), role), judged
    if measured.graded:
        return name, ("— nothing relevant yet" if wide else "—", "warning"), judged
    return (name, ("— no judgments for this query", "muted")) if wide else ()


class Graded:
    """The grades of one query over one pool, as long as both are the same."""

    def __init__(self) -> None:
        self._pool: CandidatePool | None = None
        self._grades: Mapping[str, int] = {}
        self._gains: FloatArray = np.zeros(0)

    def gains(self, pool: CandidatePool, grades: Mapping[str, int]) -> FloatArray:
        """float64[n], the grade of each pool row, NaN where it is unjudged."""
        if pool is not self._pool or grades is not self._grades:
            self._pool, self._grades, self._gains = pool, grades, gains_of(pool.ids, grades)
        return self._gains


def measured(trace: Trace, gains: FloatArray, grades: Mapping[str, int], metric: Metric) -> Measured:
    """The metric of both lists as ``rankscope evaluate`` gives it: ``top_k`` and ``offset`` count for nothing."""
    before, after = fused_rows(trace), last_rows(trace)
    best = ideal(grades)
    reranked = trace.settings.rerank.enabled
    orders = (before, after) if reranked else (after,)
    values = [float(metric.scores(gains[order[: metric.k]][None, :], best)[0]) for order in orders]
    shown = after[: metric.k or 10]
    judged = int((~np.isnan(gains[shown])).sum())
    return Measured(title(metric), values[0], values[1] if reranked else None, judged, len(shown), bool(grades))


def fused_rows(trace: Trace) -> IntArray:
    """int64[≤ DEPTH], the pool rows of the fused list, one of each group where results are grouped."""
    order = trace.ranking.fused_order
    return (order[first_of_group(trace.pool.groups, order)] if trace.pool.groups else order)[:DEPTH]


def last_rows(trace: Trace) -> IntArray:
    """int64[≤ DEPTH], the pool rows of the last list, without those that threshold or grouping dropped."""
    order, dropped = trace.ranking.order, trace.ranking.dropped
    if trace.pool.groups or trace.settings.cut.threshold:
        order = order[~np.isin(dropped[order], _GONE)]
    return order[:DEPTH]
