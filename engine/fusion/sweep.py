"""Many weightings over one pool, without the account that ``engine.ranking.rank`` gives of each. Pure."""

from __future__ import annotations

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
    0 (``active`` bool[legs]) lie together in ``boxes`` of near ones, each the rows of W."""

    weights: FloatArray
    patterns: tuple[tuple[BoolArray, tuple[IntArray, ...]], ...]

    @classmethod
    def of(cls, weights: FloatArray) -> WeightGrid:
        """Raises ``SettingsError`` for a row of zeros."""
        return cls(weights, tuple((active, _boxes(weights, rows)) for active, rows in patterns(weights)))


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
    for active, boxes in grid.patterns:
        base = basis(pool, weighting, active)
        rows = _in_tie_order(base)
        terms = base.terms[:, rows]
        features = add_up(base.features, len(pool))[rows]
        effective = [base.effective(grid.weights[box], weighting) for box in boxes]
        low = np.array([weights.min(axis=0) for weights in effective])
        high = np.array([weights.max(axis=0) for weights in effective])
        width = min(k, len(rows))
        for box, weights, possible in zip(boxes, effective, _contenders(low, high, terms, features, k), strict=True):
            some = np.flatnonzero(possible)
            scores = weigh(weights, terms[:, some], features[some])
            best[box, :width] = rows[some[_first_places(scores, width)]]
    return best


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
