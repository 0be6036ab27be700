"""Many weightings over one pool, without the account that ``engine.ranking.rank`` gives of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.fusion.fuse import Basis, add_up, basis, patterns, weigh
from engine.fusion.weighting import Weighting
from engine.records import BoolArray, CandidatePool, FloatArray, IntArray

_BOX = 256
"""Most weightings that share a box: fewer make tighter bounds, more make fewer steps."""

_SLACK = 1e-9
"""Relative distance, far above rounding errors, by which a document must be beaten to be left out."""


def fused_scores(pool: CandidatePool, weighting: Weighting, weights: FloatArray) -> FloatArray:
    """Fused scores float64[W, n], NaN where a document is not ranked.

    ``weights`` float64[W, legs] stand for the configured weights of the pool's legs, in the pool's order; everything
    else, and the weights of legs that are not in the pool, comes from ``weighting``. Each row equals what ``rank``
    gives to the bit. Raises ``SettingsError`` for a row of zeros.
    """
    fused = np.empty((len(weights), len(pool)))
    for active, rows in patterns(weights):
        base = basis(pool, weighting, active)
        features = add_up(base.features, len(pool))
        fused[rows] = weigh(base.effective(weights[rows], weighting), base.terms, features)
        fused[np.ix_(rows, ~base.eligible)] = np.nan
    return fused


@dataclass(frozen=True, slots=True)
class WeightGrid:
    """Weightings float64[W, legs] arranged for sweeping over many pools: those in which the same legs weigh more than
    0 (``active`` bool[legs]) lie together in ``boxes`` of near ones, each the rows of W.

    factors  float64[W, features], weight × scale of each of the pool's features; None takes the weighting's
    """

    weights: FloatArray
    patterns: tuple[tuple[BoolArray, tuple[IntArray, ...]], ...]
    factors: FloatArray | None = None

    @classmethod
    def of(cls, weights: FloatArray, factors: FloatArray | None = None) -> WeightGrid:
        """Raises ``SettingsError`` for a row of zeros."""
        points = weights if factors is None else np.hstack([weights, factors])
        return cls(weights, tuple((active, _boxes(points, rows)) for active, rows in patterns(weights)), factors)


def _boxes(weights: FloatArray, rows: IntArray) -> tuple[IntArray, ...]:
    """``rows`` halved along the widest leg until none holds more than ``_BOX``, as a k-d tree does."""
    if len(rows) <= _BOX:
        return (rows,)
    leg = np.ptp(weights[rows], axis=0).argmax()
    half = len(rows) // 2
    near = np.argpartition(weights[rows, leg], half)
    return (*_boxes(weights, rows[near[:half]]), *_boxes(weights, rows[near[half:]]))


def top_rows(pool: CandidatePool, weighting: Weighting, grid: WeightGrid, k: int) -> IntArray:
    """The first ``k`` pool rows of the fused list under each weighting, int64[W, k], best first; −1 past its end.

    The same order as ``rank`` gives. In each box of near weightings only the few documents that can be among the
    first ``k`` somewhere in it are counted.
    """
    best = np.full((len(grid.weights), k), -1, dtype=np.int64)
    for swept in _swept(pool, weighting, grid):
        width = min(k, len(swept.rows))
        for box, weights, possible in zip(swept.boxes, swept.weights, swept.contenders(k), strict=True):
            some = np.flatnonzero(possible)
            best[box, :width] = swept.rows[some[_first_places(swept.scores(weights, some), width)]]
    return best


def top_scored(pool: CandidatePool, weighting: Weighting, grid: WeightGrid, k: int) -> tuple[IntArray, FloatArray]:
    """``top_rows`` with the fused scores, float64[W, k]; NaN past the list's end."""
    best, fused = top_rows(pool, weighting, grid, k), np.full((len(grid.weights), k), np.nan)
    for swept in _swept(pool, weighting, grid):
        width = min(k, len(swept.rows))
        place = np.zeros(len(pool), dtype=np.int64)
        place[swept.rows] = np.arange(len(swept.rows))
        for box, weights in zip(swept.boxes, swept.weights, strict=True):
            fused[box, :width] = swept.gathered(weights, place[best[box, :width]])
    return best, fused


def fused_places(pool: CandidatePool, weighting: Weighting, grid: WeightGrid, row: int) -> IntArray:
    """The place of one pool row in the fused list under each weighting, int64[W] from 1; 0 where it is not ranked."""
    places = np.zeros(len(grid.weights), dtype=np.int64)
    for swept in _swept(pool, weighting, grid):
        if not len(found := np.flatnonzero(swept.rows == row)):
            continue
        at, every = int(found[0]), np.arange(len(swept.rows))
        for box, weights in zip(swept.boxes, swept.weights, strict=True):
            scores = swept.scores(weights, every)
            own = scores[:, at, None]
            places[box] = 1 + (scores > own).sum(axis=1) + (scores[:, :at] == own).sum(axis=1)
    return places


@dataclass(frozen=True, slots=True)
class _Swept:
    """One pattern of a grid over one pool. A box's weights are the legs' effective ones, then the features' factors
    where those are swept too; ``terms`` float64[legs (+ features), m] are what one unit of each gives the ranked
    ``rows`` int64[m], which stand in tie order; ``features`` float64[m] is added last."""

    rows: IntArray
    terms: FloatArray
    features: FloatArray
    legs: int
    boxes: tuple[IntArray, ...]
    weights: list[FloatArray]

    def scores(self, weights: FloatArray, some: IntArray) -> FloatArray:
        """Fused scores float64[W, len(some)], as ``rank`` has them to the bit."""
        features = self.features[some]
        if len(self.terms) > self.legs:
            features = weigh(weights[:, self.legs :], self.terms[self.legs :, some], np.zeros(1))
        return weigh(weights[:, : self.legs], self.terms[: self.legs, some], features)

    def gathered(self, weights: FloatArray, places: IntArray) -> FloatArray:
        """The same for other documents in every row: ``places`` int64[W, k] → float64[W, k]."""
        total = np.zeros(places.shape)
        features = self.features[places] if len(self.terms) == self.legs else np.zeros(places.shape)
        for index, term in enumerate(self.terms):
            part = weights[:, index, None] * term[places]
            total, features = (total + part, features) if index < self.legs else (total, features + part)
        return total + features

    def contenders(self, k: int) -> BoolArray:
        """bool[boxes, m], the document can be among the first ``k`` somewhere in the box."""
        low = np.array([weights.min(axis=0) for weights in self.weights])
        high = np.array([weights.max(axis=0) for weights in self.weights])
        return _contenders(low, high, self.terms, self.features, k)


def _swept(pool: CandidatePool, weighting: Weighting, grid: WeightGrid) -> Iterator[_Swept]:
    for active, boxes in grid.patterns:
        base = basis(pool, weighting, active)
        rows = _in_tie_order(base)
        terms, features = base.terms[:, rows], add_up(base.features, len(pool))[rows]
        weights = [base.effective(grid.weights[box], weighting) for box in boxes]
        legs = len(terms)
        if grid.factors is not None:
            terms = np.vstack([terms, np.nan_to_num(pool.features.T)[:, rows]])
            features = np.zeros(len(rows))
            weights = [np.hstack([each, grid.factors[box]]) for each, box in zip(weights, boxes, strict=True)]
        yield _Swept(rows, terms, features, legs, boxes, weights)


def _in_tie_order(base: Basis) -> IntArray:
    """The ranked rows as they stand where all scores are equal: fewer absent legs first, then pool order."""
    rows = np.flatnonzero(base.eligible)
    return rows if base.absent is None else rows[np.argsort(base.absent[rows], kind="stable")]


def _contenders(low: FloatArray, high: FloatArray, terms: FloatArray, features: FloatArray, k: int) -> BoolArray:
    """bool[boxes, n], the document may be among the first ``k`` for some weights between ``low`` and ``high``.

    Within a box a score differs from that at its centre by at most Σₗ half-width[l]·|term[l]|. Differences between
    documents are what counts, so the terms are taken relative to those of the first ``k`` at the centre, which makes
    the bounds several times tighter.
    """
    n = terms.shape[1]
    if n <= k:
        return np.ones((len(low), n), dtype=bool)
    centre = weigh((low + high) / 2, terms, features)
    first = np.argpartition(centre, n - k, axis=1)[:, n - k :]
    reference = terms[:, first].mean(axis=2)
    spread = np.zeros_like(centre)
    for leg, half in enumerate((high - low).T / 2):
        spread += half[:, None] * np.abs(terms[leg] - reference[leg][:, None])
    certain = np.partition(centre - spread, n - k, axis=1)[:, n - k, None]
    slack = _SLACK * (np.abs(centre).max(axis=1, keepdims=True) + (high @ np.abs(terms).max(axis=1))[:, None])
    possible: BoolArray = centre + spread >= certain - slack
    return possible


def _first_places(scores: FloatArray, k: int) -> IntArray:
    """Columns of the ``k`` greatest scores of each row, int64[W, k], equal ones by column. Overwrites ``scores``."""
    if k > scores.shape[1] // 4:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    places = np.empty((len(scores), k), dtype=np.int64)
    every = np.arange(len(scores))
    for place in range(k):
        places[:, place] = scores.argmax(axis=1)
        scores[every, places[:, place]] = -np.inf
    return places
