"""Where the final order turns along one weight: every value at which it can, and the order between two of them.

Without a reranker the order is that of straight lines. With one it also depends on which documents are among the first
``top_n``, under the blend ``weighted`` on the scale of their fused scores, and under ``ragflow`` on the features.
Between two crossings of the fused lines, with each other or with 0, all that is fixed, and the blended scores are lines
once more, up to a factor that all share. Only ``z-score`` has a σ, which is no line: there a piece whose ends differ is
halved until the value is found, and a change that is undone before the next crossing can go unseen.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.evaluation.lines import BLEND, FEATURE, LEG, Axis, Lines, crossings, lines
from engine.evaluation.orders import Sweep, Window, blended, orders, reranked
from engine.fusion.fuse import weights_of
from engine.ranking import WeightGrid, Weighting, rank
from engine.records import CandidatePool, FloatArray, IntArray, RerankScores

_INSET = 1e-6
_TINY = 1e-12
_NARROW = 1e-10


def sweep_along(pool: CandidatePool, weighting: Weighting, axis: Axis, values: FloatArray) -> Sweep:
    """One weighting for each value of the weight, everything else as it is."""
    weights = np.tile(weights_of(pool, weighting), (len(values), 1))
    factors = None
    if axis.kind == LEG:
        weights[:, pool.leg_names.index(axis.name)] = values
    elif axis.kind == FEATURE:
        known = weighting.features
        factors = np.tile(
            [known[name].factor if name in known else 0.0 for name in pool.feature_names], (len(values), 1)
        )
        factors[:, pool.feature_names.index(axis.name)] = weighting.features[axis.name].scale * values
    return Sweep(WeightGrid.of(weights, factors), values if axis.kind == BLEND else None)


def along(pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, axis: Axis) -> Lines:
    """The lines of the axis: of the fused scores, or of the blended ones along the blend's own weight."""
    if axis.kind != BLEND:
        return lines(pool, weighting, axis)
    start, end = (rank(pool, rerank_scores, replace(weighting, blend_weight=value)) for value in (0.0, 1.0))
    rows = start.fused_order[~np.isnan(start.rerank_score[start.fused_order])]
    return Lines(axis, rows, start.score[rows], end.score[rows], 0.0)


def places_along(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    found: Lines,
    shares: FloatArray,
    row: int,
) -> IntArray:
    """The place of a pool row in the final order at each share, int64[S] from 1; 0 where it is not ranked."""
    if found.axis.kind == BLEND and row not in found.rows:
        return np.full(len(shares), rank(pool, rerank_scores, weighting).rank[row])
    places = found.places(row, shares)
    if found.axis.kind == BLEND or not reranked(rerank_scores, weighting):
        return places
    # behind the window only fused order counts, and all of the window stands before it
    inside = np.flatnonzero((places > 0) & (places <= weighting.top_n))
    if not len(inside):
        return places
    sweep = sweep_along(pool, weighting, found.axis, found.value(shares[inside]))
    window = orders(pool, rerank_scores, weighting, sweep, min(weighting.top_n, len(pool)))
    places[inside] = (window == row).argmax(axis=1) + 1
    return places


def turns(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    found: Lines,
    *,
    depth: int = 0,
    rows: tuple[int, ...] = (),
    within: tuple[float, float] = (0.0, 1.0),
) -> FloatArray:
    """Shares strictly inside ``within`` at which something of the final order can change, float64[c] rising: the first
    ``depth``, and of ``rows`` the place of one, or the order of two. All real changes are among them."""
    shares = found.meeting(rows[0], rows[1:])[0] if rows and rows[0] in found.rows else np.zeros(0)
    window = found.axis.kind != BLEND and reranked(rerank_scores, weighting)
    if not window:
        deep = crossings(found, depth, *within) if depth else np.zeros(0)
        return _distinct(np.concatenate([shares, deep]), within)
    assert rerank_scores is not None
    top_n = weighting.top_n
    if weighting.blend == "replace" and not weighting.cascade:
        return _distinct(np.concatenate([shares, crossings(found, depth, *within, border=top_n)]), within)
    deep = crossings(found, max(depth, top_n), *within)
    shares = _distinct(np.concatenate([shares, deep, found.zeros()]), within)
    edges, _ = between(shares, within)
    if weighting.blend in ("weighted", "ragflow"):
        watched = None if depth else rows
        inner = _blended_crossings(pool, rerank_scores, weighting, found, edges, watched)
        edges = np.concatenate([edges, inner])
    halves = _halved(pool, rerank_scores, weighting, found, np.unique(edges), depth, rows)
    return _distinct(np.concatenate([edges, halves]), within)


def _halved(
    pool: CandidatePool,
    rerank_scores: RerankScores,
    weighting: Weighting,
    found: Lines,
    edges: FloatArray,
    depth: int,
    rows: tuple[int, ...],
) -> FloatArray:
    """Shares at which what is asked for changes within a piece."""
    low, high = edges[:-1], edges[1:]
    shares = [np.zeros(0)]
    while len(low):
        inset = _INSET * (high - low)
        ends = np.concatenate([low + inset, high - inset])
        if depth:
            sweep = sweep_along(pool, weighting, found.axis, found.value(ends))
            seen = orders(pool, rerank_scores, weighting, sweep, depth)
        else:
            ranks = [places_along(pool, rerank_scores, weighting, found, ends, row) for row in rows]
            seen = ranks[0][:, None] if len(ranks) == 1 else (ranks[0] < ranks[1])[:, None].astype(np.int64)
        differs = (seen[: len(low)] != seen[len(low) :]).any(axis=1)
        low, high = low[differs], high[differs]
        middle = (low + high) / 2
        shares.append(middle)
        wide = high - low > _NARROW
        low, middle, high = low[wide], middle[wide], high[wide]
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return np.concatenate(shares)


def between(shares: FloatArray, within: tuple[float, float] = (0.0, 1.0)) -> tuple[FloatArray, FloatArray]:
    """The borders of the pieces, float64[p + 1], and their middles, float64[p]."""
    edges = np.concatenate([within[:1], shares, within[1:]])
    return edges, (edges[:-1] + edges[1:]) / 2


def _distinct(shares: FloatArray, within: tuple[float, float]) -> FloatArray:
    low, high = within
    inside = np.unique(shares[(shares > low + _TINY) & (shares < high - _TINY)])
    return np.asarray(inside[np.diff(inside, prepend=-1.0) > _TINY])


def _blended_crossings(
    pool: CandidatePool,
    rerank_scores: RerankScores,
    weighting: Weighting,
    found: Lines,
    edges: FloatArray,
    rows: tuple[int, ...] | None,
) -> FloatArray:
    """Shares at which two documents of the window (one of ``rows`` among them, unless None) change places in the blend
    while the fused order stays."""
    width = np.diff(edges)
    ends = (edges[:-1] + _INSET * width, edges[1:] - _INSET * width)
    depth = min(weighting.top_n, len(found.rows))
    first, last = (
        blended(pool, rerank_scores, weighting, sweep_along(pool, weighting, found.axis, found.value(end)), depth)
        for end in ends
    )
    weights = [np.ones(len(end)) for end in ends]
    if weighting.blend == "weighted":
        weights = [_divisor(found, end, window) for end, window in zip(ends, (first, last), strict=True)]
    start, end = (weight[:, None] * window.keys for weight, window in zip(weights, (first, last), strict=True))
    same = (first.rows == last.rows).all(axis=1)
    parts = [np.zeros(0)]
    for place in range(depth):
        picked = same if rows is None else same & np.isin(first.rows[:, place], rows)
        before = start[picked] - start[picked, place, None]
        after = end[picked] - end[picked, place, None]
        piece, other = np.nonzero(before * after < 0)
        gap = before[piece, other], after[piece, other]
        low, high = ends[0][picked][piece], ends[1][picked][piece]
        parts.append(low + (high - low) * gap[0] / (gap[0] - gap[1]))
    return np.concatenate(parts)


def _divisor(found: Lines, shares: FloatArray, window: Window) -> FloatArray:
    """float64[P], what turned the lines' keys into the blend's fused part: the ratio of their ranges."""
    at = np.zeros(max(int(found.rows.max(initial=0)), 0) + 1, dtype=np.int64)
    at[found.rows] = np.arange(len(found.rows))
    places = at[np.maximum(window.rows, 0)]
    keys = (1.0 - shares)[:, None] * found.start[places] + shares[:, None] * found.end[places]
    wide, narrow = _range(np.where(np.isnan(window.keys), np.nan, keys)), _range(window.fused_part)
    return np.where((wide > 0) & (narrow > 0), wide / np.where(narrow > 0, narrow, 1.0), 1.0)


def _range(values: FloatArray) -> FloatArray:
    """float64[P], greatest minus least of each row; NaN where there is none."""
    greatest = np.fmax.reduce(values, axis=1, initial=np.nan)
    return np.asarray(greatest - np.fmin.reduce(values, axis=1, initial=np.nan))
