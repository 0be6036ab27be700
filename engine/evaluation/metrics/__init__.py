"""Metrics over grades in rank order, named as in ``ndcg@10``. One family, one file, one row of ``FAMILIES``.

All are trec_eval's to the last bit that matters, with one difference above them: a query without a judgment above 0 has
no metric (NaN), where trec_eval counts a 0 into the mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import UsageError
from engine.evaluation.metrics import ndcg
from engine.evaluation.metrics.average_precision import average_precision
from engine.evaluation.metrics.hit import hit
from engine.evaluation.metrics.judged_share import judged_share
from engine.evaluation.metrics.precision import precision
from engine.evaluation.metrics.recall import recall
from engine.evaluation.metrics.reciprocal_rank import reciprocal_rank
from engine.records import FloatArray

Formula = Callable[[FloatArray, FloatArray, int | None], FloatArray]
"""Gains float64[W, depth], grades float64[W or 1, r], the cut (None: the whole list) → float64[W]."""

JUDGED = "judged"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric without its cut. ``cut`` says that it makes no sense without one."""

    formula: Formula
    title: str
    cut: bool = True


FAMILIES = {
    "ndcg": Family(ndcg.linear, "normalised discounted cumulative gain", cut=False),
    "ndcg_exp": Family(ndcg.exponential, "the same with a gain of 2^grade − 1", cut=False),
    "map": Family(average_precision, "average precision", cut=False),
    "mrr": Family(reciprocal_rank, "reciprocal rank of the first relevant document", cut=False),
    "recall": Family(recall, "share of the relevant documents that were found"),
    "precision": Family(precision, "relevant share of the first k"),
    "hit": Family(hit, "whether a relevant document is among the first k"),
    JUDGED: Family(judged_share, "judged share of the first k"),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A family and its cut; ``k`` None reads the whole list."""

    name: str
    k: int | None = None

    def __str__(self) -> str:
        return self.name if self.k is None else f"{self.name}@{self.k}"

    def scores(self, gains: FloatArray, grades: FloatArray) -> FloatArray:
        """One score per list, float64[W]; NaN where the query has no grade above 0, except for judged@k.

        gains   float64[W, depth], the grades in rank order: NaN unjudged, ``judged.NOTHING`` past a list's end
        grades  float64[r], the query's grades above 0, falling, for lists of one query; or float64[W, r], a row per
                list, filled up with 0, for lists of several
        """
        rows = grades if grades.ndim == 2 else grades[None, :]
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = FAMILIES[self.name].formula(gains, rows, self.k)
        return scores if self.name == JUDGED else np.where((rows > 0).any(axis=1), scores, np.nan)


def parse(text: str) -> Metric:
    """``ndcg@10`` as a metric. Raises ``UsageError`` for what is none."""
    found = re.fullmatch(r"\s*([a-z_]+)(?:@([1-9]\d{0,6}))?\s*", text.lower())
    family = FAMILIES.get(found[1]) if found else None
    if found is None or family is None:
        raise UsageError(f"there is no metric {text.strip()!r}", hint=f"one of {names()}")
    if family.cut and found[2] is None:
        raise UsageError(f"the metric {found[1]} needs a cut", hint=f"for example {found[1]}@10")
    return Metric(found[1], int(found[2]) if found[2] else None)


def names() -> str:
    """What ``parse`` knows, for hints and help: ``ndcg[@k], …, recall@k``."""
    return ", ".join(f"{name}@k" if family.cut else f"{name}[@k]" for name, family in FAMILIES.items())


def with_judged(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics, each once, and behind the first of each cut judged@k of that cut (@10 for whole lists)."""
    listed: dict[Metric, None] = {}
    for metric in metrics:
        listed[metric] = None
        listed[Metric(JUDGED, metric.k or 10)] = None
    return tuple(listed)
