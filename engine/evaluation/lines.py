"""Scores as straight lines along one weight, and where they cross.

Every combiner is linear in the weights, so that along one weight each document's fused score is a line, up to a factor
that all documents share. Two documents change places at most once, at a value that is computed and not searched for.

A leg's weight x has no upper end: it is followed by its share s = x/(unit + x) in 0…1, in which lines stay
straight.
A leg at exactly 0 is not run, which is another pool: the ends of the range are never part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.fusion.combiners import combiner
from engine.fusion.combiners.base import divided
from engine.fusion.fuse import add_up, basis, weights_of
from engine.fusion.weighting import FeatureWeight, Weighting
from engine.records import CandidatePool, FloatArray, IntArray
from engine.settings.table import KNOBS

LEG, FEATURE, BLEND = "weights", "features", "rerank.weight"
_BOXES = 8
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Axis:
    """One weight that can be turned, all others held: its setting, its value and its range (``high`` may be ∞)."""

    path: str
    current: float
    low: float
    high: float

    @property
    def kind(self) -> str:
        return BLEND if self.path == BLEND else self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """The leg or feature."""
        return self.path.removeprefix(f"{self.kind}.").removesuffix(".weight" if self.kind == FEATURE else "")

    def at(self, weighting: Weighting, value: float) -> Weighting:
        """The weighting with another value here. Raises ``SettingsError`` where no leg is left above 0."""
        if self.kind == LEG:
            return replace(weighting, weights={**weighting.weights, self.name: value})
        if self.kind == BLEND:
            return replace(weighting, blend_weight=value)
        feature = FeatureWeight(weighting.features[self.name].scale, value)
        return replace(weighting, features={**weighting.features, self.name: feature})


def axes(pool: CandidatePool, weighting: Weighting, *, blended: bool = False) -> Mapping[str, Axis]:
    """Path → axis of every weight that acts: of the pool's legs unless the combiner freezes them, of its features,
    and the blend's where ``blended`` says that something is reranked, unless a cascade goes on from there."""
    found = []
    if not combiner(weighting.combiner).frozen_reason:
        found = [Axis(f"{LEG}.{name}", weighting.weights.get(name, 0.0), 0.0, np.inf) for name in pool.leg_names]
    bounds = KNOBS["features.*.weight"]
    for name in pool.feature_names:
        if name in weighting.features and weighting.features[name].scale:
            current = weighting.features[name].weight
            found.append(Axis(f"{FEATURE}.{name}.weight", current, bounds.minimum or 0.0, bounds.maximum or 0.0))
    last = weighting.rerank_enabled and not weighting.cascade
    if blended and last and weighting.blend in ("weighted", "ragflow"):
        found.append(Axis(BLEND, weighting.blend_weight, 0.0, 1.0))
    return {axis.path: axis for axis in found}


@dataclass(frozen=True, slots=True)
class Lines:
    """The ranked documents along one weight. ``rows`` int64[m] stand in tie order; their order at share s is that of
    ``(1 − s)·start + s·end``, both float64[m]."""

    axis: Axis
    rows: IntArray
    start: FloatArray
    end: FloatArray
    unit: float

    def value(self, share: FloatArray) -> FloatArray:
        """Shares as values of the weight."""
        if np.isinf(self.axis.high):
            with np.errstate(divide="ignore"):
                return np.asarray(self.unit * share / (1.0 - share))
        return self.axis.low + (self.axis.high - self.axis.low) * share

    def share(self, value: float) -> float:
        if np.isinf(self.axis.high):
            return value / (self.unit + value) if np.isfinite(value) else 1.0
        return (value - self.axis.low) / (self.axis.high - self.axis.low)

    def keys(self, shares: FloatArray, some: IntArray | slice = slice(None)) -> FloatArray:
        """float64[S, m], what the documents are ordered by."""
        keys: FloatArray = (1.0 - shares)[:, None] * self.start[some] + shares[:, None] * self.end[some]
        return keys

    def meeting(self, row: int, others: Sequence[int] = ()) -> tuple[FloatArray, IntArray]:
        """Shares strictly inside 0…1 at which the document changes places with another, float64[c] rising, and who
        that is, int64[c] pool rows; with ``others`` only one of these."""
        at = int(np.flatnonzero(self.rows == row)[0])
        before, after = self.start - self.start[at], self.end - self.end[at]
        crosses = before * after < 0
        if others:
            crosses &= np.isin(self.rows, others)
        found = np.flatnonzero(crosses)
        shares = before[found] / (before[found] - after[found])
        order = np.argsort(shares, kind="stable")
        return shares[order], self.rows[found[order]]

    def zeros(self) -> FloatArray:
        """Shares strictly inside 0…1 at which a document's score changes its sign."""
        turned = self.start * self.end < 0
        return np.asarray(self.start[turned] / (self.start[turned] - self.end[turned]))

    def places(self, row: int, shares: FloatArray) -> IntArray:
        """The document's place at each share, int64[S] from 1; 0 where it is none of ``rows``."""
        found = np.flatnonzero(self.rows == row)
        if not len(found):
            return np.zeros(len(shares), dtype=np.int64)
        at = int(found[0])
        before, after = self.start - self.start[at], self.end - self.end[at]
        equal = (before == 0) & (after == 0)
        above = ((before > 0) | ((before == 0) & (after > 0))).sum() + equal[:at].sum()
        rises, falls = ((before < 0) & (after > 0)), ((before > 0) & (after < 0))
        passed = [np.sort(before[some] / (before[some] - after[some])) for some in (rises, falls)]
        gained, lost = (np.searchsorted(each, shares) for each in passed)
        return np.asarray(1 + above + gained - lost)


def lines(pool: CandidatePool, weighting: Weighting, axis: Axis) -> Lines:
    """The fused scores along the weight of a leg or a feature, everything else as in ``weighting``."""
    if axis.kind == FEATURE:
        ends = [axis.at(weighting, value) for value in (axis.low, axis.high)]
        bases = [basis(pool, each, weights_of(pool, each) > 0) for each in ends]
        base = bases[0]
        weights = base.effective(weights_of(pool, weighting)[None, :], weighting)[0]
        shared = add_up(weights[:, None] * base.terms, len(pool))
        start, end = (shared + add_up(each.features, len(pool)) for each in bases)
        unit = 0.0
    else:
        leg = pool.leg_names.index(axis.name)
        weights = weights_of(pool, weighting)
        weights[leg] = 1.0
        base = basis(pool, weighting, weights > 0)
        features = add_up(base.features, len(pool))
        weights[leg] = 0.0
        rest = add_up(weights[:, None] * base.terms, len(pool))
        elsewhere = sum(w for name, w in weighting.weights.items() if name != axis.name)
        share_of_features = combiner(weighting.combiner).effective is divided
        unit = max(elsewhere, axis.current) or 1.0
        start = rest + (elsewhere if share_of_features else 1.0) * features
        end = unit * (base.terms[leg] + (features if share_of_features else 0.0))
    rows = np.flatnonzero(base.eligible)
    if base.absent is not None:
        rows = rows[np.argsort(base.absent[rows], kind="stable")]
    return Lines(axis, rows, start[rows], end[rows], unit)


def crossings(found: Lines, depth: int, low: float = 0.0, high: float = 1.0, *, border: int = 0) -> FloatArray:
    """Shares between ``low`` and ``high`` at which the order of the first ``depth`` can change, or which documents are
    the first ``border``, float64[c] rising.

    Every real change is among them; the ends of the boxes in which they are looked for are among them as well.
    """
    edges = np.linspace(low, high, _BOXES + 1)
    ends = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    parts = [_crossings(found, depth, border, *each) for each in ends]
    shares = np.unique(np.concatenate([edges[1:-1], *parts]))
    return shares[np.diff(shares, prepend=-1.0) > _TINY]


def _crossings(found: Lines, depth: int, border: int, low: float, high: float) -> FloatArray:
    keys = found.keys(np.array([low, high]))
    some = _contenders(keys, max(depth, border))
    keys = keys[:, some]
    order = np.lexsort((-keys[1], -keys[0]))
    some, keys = some[order], keys[:, order]
    above, below = np.nonzero(np.triu(keys[1][:, None] < keys[1][None, :], 1))
    gap = keys[:, above] - keys[:, below]
    shares = low + (high - low) * gap[0] / (gap[0] - gap[1])
    higher, level = _levels(found, some, shares, above)
    return np.asarray(shares[(higher < depth) | ((higher < border) & (level >= border))])


def _levels(found: Lines, some: IntArray, shares: FloatArray, above: IntArray) -> tuple[IntArray, IntArray]:
    """How many of ``some`` stand above each crossing, and how many above or in it, both int64[c]."""
    higher, level = np.zeros((2, len(shares)), dtype=np.int64)
    for start in range(0, len(shares), 4096):
        part = slice(start, start + 4096)
        keys = found.keys(shares[part], some)
        own = keys[np.arange(len(keys)), above[part], None]
        slack = 1e-9 * np.abs(own)
        higher[part] = (keys > own + slack).sum(axis=1)
        level[part] = (keys >= own - slack).sum(axis=1)
    return higher, level


def _contenders(keys: FloatArray, depth: int) -> IntArray:
    """Columns that can be among the first ``depth`` between two places, ``keys`` float64[2, m] at both: whoever is
    beaten at both ends by the same ``depth`` others is beaten all the way."""
    order = np.argsort(-keys[0], kind="stable")
    ends = keys[1, order]
    possible = np.ones(len(order), dtype=bool)
    start = depth
    while start < len(order):
        bar = np.partition(ends[:start], start - depth)[start - depth]
        possible[start : 2 * start] = ends[start : 2 * start] >= bar
        start *= 2
    return np.asarray(order[possible])
