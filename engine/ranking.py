"""Weights × pool → ``Ranking``: fuse, blend in the reranker, cut. Pure, and the only implementation there is: the
console's sliders, the headless commands, the tuner and ``evaluate`` all call ``rank``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.fusion.blends import blend
from engine.fusion.blends.base import Scored, rerank_score
from engine.fusion.fuse import TOP_K, Basis, add_up, basis, weights_of
from engine.fusion.normalizers import normalizer
from engine.fusion.order import descending
from engine.fusion.sweep import WeightGrid, fused_scores, top_rows
from engine.fusion.weighting import FeatureWeight, Weighting
from engine.records import (
    DROP_RULES,
    BoolArray,
    CandidatePool,
    DropRule,
    FloatArray,
    IntArray,
    Ranking,
    RerankScores,
)

__all__ = ["FeatureWeight", "WeightGrid", "Weighting", "fused_scores", "rank", "top_rows"]

_THRESHOLD = DROP_RULES.index(DropRule.THRESHOLD)
_GROUP = DROP_RULES.index(DropRule.GROUP)
_OFFSET = DROP_RULES.index(DropRule.OFFSET)


@dataclass(frozen=True, slots=True)
class _Reranked:
    """The order after the blend; ``rows`` are the scored ones in fused order, the arrays float64[n], NaN elsewhere."""

    order: IntArray
    rows: IntArray
    score: FloatArray
    rerank_score: FloatArray
    fused_part: FloatArray
    rerank_part: FloatArray
    warnings: tuple[str, ...] = ()


def rank(pool: CandidatePool, rerank: RerankScores | None, weighting: Weighting) -> Ranking:
    """The pool in order under ``weighting``, with the account of every document.

    Raises ``SettingsError`` for an unknown normaliser, combiner or blend, and for one that refuses a leg's kind.
    """
    weights = weights_of(pool, weighting)
    base = basis(pool, weighting, weights > 0)
    effective = base.effective(weights[None, :], weighting)[0]
    contribution = effective[:, None] * base.terms
    features = add_up(base.features, len(pool))
    fused = add_up(contribution, len(pool)) + features
    if not base.eligible.all():
        fused[~base.eligible] = np.nan
        contribution[:, ~base.eligible] = 0.0
    fused_order = base.order(fused)
    fused_rank = _places(fused_order, len(pool))
    after = _rerank(rerank, weighting, fused_order, fused_rank, fused, features)
    results, dropped, warning = _cut(pool, weighting, base, after)
    return Ranking(
        order=after.order,
        fused_order=fused_order,
        results=results,
        rank=_places(after.order, len(pool)) if len(after.rows) else fused_rank,
        fused_rank=fused_rank,
        score=after.score,
        fused_score=fused,
        leg_weight=effective,
        normalized=base.normalized.T,
        contribution=contribution.T,
        feature_contribution=base.features.T,
        rerank_score=after.rerank_score,
        blend_fused=after.fused_part,
        blend_rerank=after.rerank_part,
        dropped=dropped,
        warnings=base.warnings + after.warnings + warning,
    )


def _places(order: IntArray, n: int) -> IntArray:
    """int64[n], places in ``order`` from 1; 0 for rows that are not in it."""
    places = np.zeros(n, dtype=np.int64)
    places[order] = np.arange(1, len(order) + 1)
    return places


def _rerank(
    rerank: RerankScores | None,
    weighting: Weighting,
    fused_order: IntArray,
    fused_rank: IntArray,
    fused: FloatArray,
    features: FloatArray,
) -> _Reranked:
    """The scored documents of the first ``top_n`` by the blend, the others after them in fused order."""
    n = len(fused)
    nan = np.full(n, np.nan)
    how = blend(weighting.blend)
    scale = normalizer(weighting.rerank_normalizer, "rerank.normalizer")
    rows = fused_order[:0]
    if rerank is not None and weighting.rerank_enabled:
        window = fused_order[: weighting.top_n]
        rows = window[~np.isnan(rerank.raw[window])]
    if rerank is None or len(rows) == 0:
        return _Reranked(fused_order, rows, fused, nan, nan, nan)
    raw = rerank.raw[rows]
    in_unit_range = rerank_score(raw, rerank.kind)
    blended = how.apply(
        Scored(
            raw=raw,
            score=in_unit_range,
            kind=rerank.kind,
            fused=fused[rows],
            fused_rank=fused_rank[rows],
            token_similarity=rerank.token_similarity[rows],
            features=features[rows],
            weight=weighting.blend_weight,
            normalizer=scale,
            rank_constant=weighting.rerank_rank_constant,
        )
    )
    scored = np.zeros(n, dtype=bool)
    scored[rows] = True
    unscored = fused_order[~scored[fused_order]]
    order = np.concatenate([rows[descending(blended.key)], unscored])
    score = fused.copy()
    score[rows] = blended.score
    return _Reranked(
        order,
        rows,
        score,
        _spread(in_unit_range, rows, n),
        _spread(blended.fused_part, rows, n),
        _spread(blended.rerank_part, rows, n),
        _flat(raw) + blended.warnings,
    )


def _spread(values: FloatArray, rows: IntArray, n: int) -> FloatArray:
    """float64[n] with ``values`` at ``rows`` and NaN elsewhere."""
    spread = np.full(n, np.nan)
    spread[rows] = values
    return spread


def _flat(raw: FloatArray) -> tuple[str, ...]:
    if len(raw) > 1 and raw.min() == raw.max():
        return (f"the reranker gave all {len(raw)} documents the same score",)
    return ()


def _cut(
    pool: CandidatePool, weighting: Weighting, base: Basis, after: _Reranked
) -> tuple[IntArray, npt.NDArray[np.int8], tuple[str, ...]]:
    """The rows that stay, why each other document is left out, and a warning where the threshold cut fused scores."""
    kept, dropped = after.order, base.dropped
    warnings: tuple[str, ...] = ()
    if weighting.threshold:
        judged = after.rerank_score if len(after.rows) else after.score
        kept = _keep(kept, judged[kept] >= weighting.threshold, dropped, _THRESHOLD)
        if not len(after.rows):
            warnings = ("cut.threshold cut fused scores, which have no absolute meaning: nothing was reranked",)
    if pool.groups:
        kept = _keep(kept, first_of_group(pool.groups, kept), dropped, _GROUP)
    end = weighting.offset + weighting.top_k
    dropped[kept[: weighting.offset]] = _OFFSET
    dropped[kept[end:]] = TOP_K
    return kept[weighting.offset : end], dropped, warnings


def _keep(rows: IntArray, passes: BoolArray, dropped: npt.NDArray[np.int8], code: int) -> IntArray:
    """The rows that pass; the others are marked."""
    dropped[rows[~passes]] = code
    return rows[passes]


def first_of_group(groups: tuple[str, ...], rows: IntArray) -> BoolArray:
    """bool[len(rows)], the row is the first of its group, or has none."""
    labels = np.array(groups)[rows]
    _, first = np.unique(labels, return_index=True)
    passes: BoolArray = labels == ""
    passes[first] = True
    return passes
