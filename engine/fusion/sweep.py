"""Many weightings over one pool, without the account that ``engine.ranking.rank`` gives of each. Pure."""

from __future__ import annotations

import numpy as np

from engine.fusion.fuse import Basis, add_up, basis, patterns, weigh
from engine.fusion.weighting import Weighting
from engine.records import BoolArray, CandidatePool, FloatArray, IntArray

_CHUNK = 256
"""Weightings at a time: their scores then stay in the processor's cache."""


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


def top_rows(pool: CandidatePool, weighting: Weighting, weights: FloatArray, k: int) -> IntArray:
    """The first ``k`` pool rows of the fused list under each weighting, int64[W, k], best first; −1 past its end.

    The same order as ``rank`` gives. Documents that ``k`` others beat in every leg are left out beforehand, which is
    what makes ten thousand weightings cheap.
    """
    best = np.full((len(weights), k), -1, dtype=np.int64)
    for active, rows in patterns(weights):
        base = basis(pool, weighting, active)
        features = add_up(base.features, len(pool))
        candidates = _contenders(base, active, features, k)
        effective = base.effective(weights[rows], weighting)
        terms = np.ascontiguousarray(base.terms[:, candidates])
        width = min(k, len(candidates))
        for start in range(0, len(rows), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            scores = weigh(effective[chunk], terms, features[candidates])
            best[rows[chunk], :width] = candidates[_first_places(scores, width)]
    return best


def _contenders(base: Basis, active: BoolArray, features: FloatArray, k: int) -> IntArray:
    """The ranked rows that can be among the first ``k`` under some weighting of the ``active`` legs, in tie order.

    A document that stands at or above another in every leg and in the features' sum, and before it in the order of
    ties, is above it whatever the weights are.
    """
    rows = np.flatnonzero(base.eligible)
    if base.absent is not None:
        rows = rows[np.argsort(base.absent[rows], kind="stable")]
    beaten_by = np.zeros(len(rows), dtype=np.int64)
    columns = [*base.terms[active][:, rows], features[rows]]
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        above = np.arange(len(rows))[:, None] < np.arange(len(rows))[None, part]
        for column in columns:
            above &= column[:, None] >= column[None, part]
        beaten_by[part] = above.sum(axis=0)
    return rows[beaten_by < k]


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
