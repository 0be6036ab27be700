"""The metric along one weight, for one query or a whole set: what a strip under a slider shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.evaluation.judged import JudgedPool
from engine.evaluation.lines import BLEND, FEATURE, LEG, Axis
from engine.evaluation.metrics import Metric
from engine.evaluation.orders import orders
from engine.evaluation.tuning.plateau import plateau
from engine.evaluation.turning import sweep_along
from engine.fusion.fuse import weights_of
from engine.ranking import Weighting
from engine.records import BoolArray, FloatArray, IntArray
from engine.settings.table import KNOBS

SHOWN = 10
WHOLE = 1000
"""Documents that count for a metric without a cut."""


@dataclass(frozen=True, slots=True)
class Landscape:
    """A metric along one weight.

    values    float64[V], rising
    scores    float64[V], the mean over the judged queries; NaN where no leg would be left above 0
    plateau   bool[V], not worse than the best: significantly over several queries, at all over one
    changes   bool[V − 1], some query's first 10 differ between a value and the next
    entered   int64[V − 1], how many documents come into the first 10 there, over all queries
    queries   how many are judged
    """

    path: str
    current: float
    values: FloatArray
    scores: FloatArray
    plateau: BoolArray
    changes: BoolArray
    entered: IntArray
    queries: int


def landscape(
    pools: Sequence[JudgedPool], weighting: Weighting, path: str, metric: Metric, values: FloatArray | None = None
) -> Landscape:
    """The metric at ``values`` (default: the slider's stops) of the weight ``path``, everything else held.

    Thresholds and groups cut as in the list. A query without a grade above 0 counts only for ``changes``.
    """
    axis = _axis(weighting, path)
    values = stops(axis) if values is None else values
    scores = np.full((len(pools), len(values)), np.nan)
    changes = np.zeros(max(len(values) - 1, 0), dtype=bool)
    entered = np.zeros(len(changes), dtype=np.int64)
    for line, judged in zip(scores, pools, strict=True):
        rows, valid = _rows(judged, weighting, axis, metric, values)
        line[valid] = metric.scores(judged.in_order(rows[valid]), judged.grades)
        shown = rows[:, :SHOWN]
        changes |= (shown[1:] != shown[:-1]).any(axis=1)
        before = (shown[1:, :, None] == shown[:-1, None, :]).any(axis=2)
        entered += ((shown[1:] >= 0) & ~before).sum(axis=1)
    known = scores[[judged.judged for judged in pools]]
    best = np.zeros(len(values), dtype=bool)
    valid = ~np.isnan(known).any(axis=0) if len(known) else best
    if valid.any():
        best[valid] = plateau(known[:, valid]).members if len(known) > 1 else _equal_to_best(known[0, valid])
    means = np.where(valid, known.mean(axis=0), np.nan) if len(known) else np.full(len(values), np.nan)
    return Landscape(path, axis.current, values, means, best, changes, entered, len(known))


def _equal_to_best(scores: FloatArray) -> BoolArray:
    return np.asarray(scores >= scores.max() - 1e-12)


def stops(axis: Axis) -> FloatArray:
    """The stops of the weight's slider, with its value among them."""
    knob = KNOBS[BLEND if axis.kind == BLEND else f"{axis.kind}.*{'.weight' if axis.kind == FEATURE else ''}"]
    low = min(axis.current, 0.0)
    high = max(knob.slider or knob.maximum or 1.0, axis.current)
    count = math.ceil(round((high - low) / knob.step, 6)) + 1
    return np.unique(np.append(np.linspace(low, high, count).round(6), axis.current))


def _axis(weighting: Weighting, path: str) -> Axis:
    if path == BLEND:
        return Axis(path, weighting.blend_weight, 0.0, 1.0)
    axis = Axis(path, 0.0, -math.inf, math.inf)
    if axis.kind == FEATURE:
        return Axis(path, weighting.features[axis.name].weight, -math.inf, math.inf)
    return Axis(path, weighting.weights[axis.name], 0.0, math.inf)


def _rows(
    judged: JudgedPool, weighting: Weighting, axis: Axis, metric: Metric, values: FloatArray
) -> tuple[IntArray, BoolArray]:
    """The first documents at each value, int64[V, depth], and where there are any, bool[V]. A leg or feature that the
    query's pool lacks (it failed) changes nothing."""
    pool = judged.pool
    depth = max(metric.k or min(WHOLE, len(pool)), SHOWN)
    known = {LEG: pool.leg_names, FEATURE: pool.feature_names, BLEND: (BLEND,)}[axis.kind]
    rows = np.full((len(values), depth), -1, dtype=np.int64)
    valid = np.ones(len(values), dtype=bool)
    if axis.kind == LEG:
        others = weights_of(pool, weighting).sum() - weighting.weights.get(axis.name, 0.0) * (axis.name in known)
        valid = values > 0 if others <= 0 and axis.name in known else valid
    if axis.name not in known or not valid.any():
        one = sweep_along(pool, weighting, Axis(BLEND, 0.0, 0.0, 1.0), np.array([weighting.blend_weight]))
        rows[:] = orders(pool, judged.rerank, weighting, one, depth)
        return rows, np.ones(len(values), dtype=bool)
    rows[valid] = orders(pool, judged.rerank, weighting, sweep_along(pool, weighting, axis, values[valid]), depth)
    return rows, valid
