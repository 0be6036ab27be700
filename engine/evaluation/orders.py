"""Final orders of one pool under many weightings at once: what ``engine.ranking.rank`` gives, without its account.

Where results are cut by a threshold, grouped, or reranked by a cascade, ``rank`` itself is asked, weighting by
weighting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from engine.fusion.blends import blend
from engine.fusion.blends.base import Scored, rerank_score
from engine.fusion.columns import Columns
from engine.fusion.normalizers import normalizer
from engine.fusion.normalizers.base import Normalizer
from engine.fusion.sweep import fused_places, top_scored
from engine.fusion.weighting import FeatureWeight
from engine.ranking import WeightGrid, Weighting, rank, top_rows
from engine.records import CandidatePool, FloatArray, IntArray, RerankScores, ScoreKind


@dataclass(frozen=True, slots=True)
class Sweep:
    """Weightings that differ only in numbers: the legs' weights and the features' factors of ``grid``, and
    ``blend_weights`` float64[W] (None takes the weighting's)."""

    grid: WeightGrid
    blend_weights: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.grid.weights)


def orders(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, sweep: Sweep, k: int
) -> IntArray:
    """The first ``k`` pool rows of the final order under each weighting, int64[W, k]; −1 past its end.

    ``offset`` and ``top_k`` count for nothing, ``threshold`` and grouping do. Raises what ``rank`` raises.
    """
    if weighting.threshold or pool.groups or weighting.cascade:
        return _one_by_one(pool, rerank_scores, weighting, sweep, k)
    if not reranked(rerank_scores, weighting):
        return top_rows(pool, weighting, sweep.grid, k)
    window = blended(pool, rerank_scores, weighting, sweep, max(k, weighting.top_n))
    first = np.argsort(np.where(np.isnan(window.keys), np.inf, -window.keys), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(window.rows, first, axis=1)


def reranked(rerank_scores: RerankScores | None, weighting: Weighting) -> TypeGuard[RerankScores]:
    """Whether there is anything to blend in."""
    if rerank_scores is None or not weighting.rerank_enabled:
        return False
    return not all(np.isnan(stage.raw).all() for stage in rerank_scores.stages)


@dataclass(frozen=True, slots=True)
class Window:
    """The first of the fused list under each weighting, [W, depth]; NaN where a document is unscored or past ``top_n``.

    rows        pool rows, −1 past the list's end
    raw         reranker scores
    keys        what the blend orders by
    fused_part  what the fused scores became under the blend ``weighted``, before their share; else the fused scores
    """

    rows: IntArray
    raw: FloatArray
    keys: FloatArray
    fused_part: FloatArray


def blended(pool: CandidatePool, rerank_scores: RerankScores, weighting: Weighting, sweep: Sweep, depth: int) -> Window:
    """The first ``depth`` of the fused list, with what the blend makes of them."""
    rows, fused = top_scored(pool, weighting, sweep.grid, depth)
    raw = np.append(rerank_scores.raw, np.nan)[rows]
    raw[:, weighting.top_n :] = np.nan
    fused[np.isnan(raw)] = np.nan
    shares = sweep.blend_weights
    if shares is None:
        shares = np.full(len(sweep), weighting.blend_weight)
    match weighting.blend:
        case "replace":
            return Window(rows, raw, raw, fused)
        case "weighted":
            scale = normalizer(weighting.rerank_normalizer, "rerank.normalizer")
            fused = _normalized(fused, ScoreKind.FUSED, "the fused list", scale)
            rerank_part = _normalized(raw, rerank_scores.kind, "the reranker", scale)
            return Window(rows, raw, (1.0 - shares)[:, None] * fused + shares[:, None] * rerank_part, fused)
        case _:
            return Window(rows, raw, _keys(pool, rerank_scores, weighting, sweep, rows, raw, fused, shares), fused)


def places(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, sweep: Sweep, row: int
) -> IntArray:
    """The place of one pool row in the final order under each weighting, int64[W] from 1; 0 where it is not in it."""
    if weighting.threshold or pool.groups or weighting.cascade:
        window = _one_by_one(pool, rerank_scores, weighting, sweep, len(pool))
        return _found(window, row)
    fused = fused_places(pool, weighting, sweep.grid, row)
    if not reranked(rerank_scores, weighting):
        return fused
    inside = _found(orders(pool, rerank_scores, weighting, sweep, min(weighting.top_n, len(pool))), row)
    # behind the window only fused order counts, and all of the window stands before it
    return np.where(inside > 0, inside, fused)


def _found(rows: IntArray, row: int) -> IntArray:
    """int64[W], where ``row`` stands in each line of ``rows``, from 1; 0 where it does not."""
    hits = rows == row
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def weighting_at(pool: CandidatePool, weighting: Weighting, sweep: Sweep, index: int) -> Weighting:
    """One weighting of a sweep, as ``rank`` takes it."""
    grid = sweep.grid
    legs = {**weighting.weights, **dict(zip(pool.leg_names, grid.weights[index].tolist(), strict=True))}
    changed = replace(weighting, weights=legs)
    if grid.factors is not None:
        factors = zip(pool.feature_names, grid.factors[index].tolist(), strict=True)
        changed = replace(changed, features={name: FeatureWeight(1.0, factor) for name, factor in factors})
    if sweep.blend_weights is not None:
        changed = replace(changed, blend_weight=float(sweep.blend_weights[index]))
    return changed


def _one_by_one(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, sweep: Sweep, k: int
) -> IntArray:
    best = np.full((len(sweep), k), -1, dtype=np.int64)
    uncut = replace(weighting, offset=0, top_k=k)
    for index, line in enumerate(best):
        results = rank(pool, rerank_scores, weighting_at(pool, uncut, sweep, index)).results
        line[: len(results)] = results
    return best


def _keys(
    pool: CandidatePool,
    rerank_scores: RerankScores,
    weighting: Weighting,
    sweep: Sweep,
    rows: IntArray,
    raw: FloatArray,
    fused: FloatArray,
    shares: FloatArray,
) -> FloatArray:
    """``Window.keys`` of any blend, asked weighting by weighting."""
    factors = sweep.grid.factors
    if factors is None:
        factors = np.array([_factors(pool, weighting)] * len(sweep)).reshape(len(sweep), len(pool.feature_names))
    how, scale = blend(weighting.blend), normalizer(weighting.rerank_normalizer, "rerank.normalizer")
    keys = np.full(raw.shape, np.nan)
    for index in range(len(sweep)):
        places = np.flatnonzero(~np.isnan(raw[index]))
        if not len(places):
            continue
        some = rows[index, places]
        scored = Scored(
            raw=raw[index, places],
            score=rerank_score(raw[index, places], rerank_scores.kind),
            kind=rerank_scores.kind,
            fused=fused[index, places],
            fused_rank=places + 1,
            token_similarity=rerank_scores.token_similarity[some],
            features=np.nan_to_num(pool.features[some]) @ factors[index],
            weight=float(shares[index]),
            normalizer=scale,
            rank_constant=weighting.rerank_rank_constant,
        )
        keys[index, places] = how.apply(scored).key
    return keys


def _factors(pool: CandidatePool, weighting: Weighting) -> Sequence[float]:
    features = weighting.features
    return [features[name].factor if name in features else 0.0 for name in pool.feature_names]


def _normalized(scores: FloatArray, kind: ScoreKind, name: str, scale: Normalizer) -> FloatArray:
    """The scores of each weighting on one scale, float64[W, depth]: a normaliser works row by row, so that a
    weighting stands where it else sees a leg."""
    present = ~np.isnan(scores)
    columns = Columns(
        scores,
        present=present,
        returned=present,
        active=np.arange(len(scores)) == 0,
        names=[name] * len(scores),
        kinds=[kind] * len(scores),
        path="rerank.normalizer",
    )
    return scale(columns).values
