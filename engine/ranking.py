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
from engine.fusion.weighting import Blending, FeatureWeight, Weighting
from engine.records import (
    DROP_RULES,
    BoolArray,
    CandidatePool,
    DropRule,
    FloatArray,
    IntArray,
    RankedStage,
    Ranking,
    RerankScores,
)

__all__ = ["FeatureWeight", "WeightGrid", "Weighting", "fuse", "fused_scores", "rank", "top_rows"]

_THRESHOLD = DROP_RULES.index(DropRule.THRESHOLD)
_GROUP = DROP_RULES.index(DropRule.GROUP)
_OFFSET = DROP_RULES.index(DropRule.OFFSET)


@dataclass(frozen=True, slots=True)
class _Reranked:
    """The order after a stage; ``scored`` bool[n] are the rows that it scored, the arrays float64[n], NaN elsewhere."""

    order: IntArray
    scored: BoolArray
    score: FloatArray
    rerank_score: FloatArray
    fused_part: FloatArray
    rerank_part: FloatArray
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FusedPool:
    """What ``rank`` knows before a reranker's scores: int64[m] ``order`` and int64[n] ``rank``, from 1; float64[legs]
    effective ``weights``; float64[legs, n] ``contribution``; float64[n] ``features`` and ``score``, NaN where a
    document is not ranked."""

    pool: CandidatePool
    weighting: Weighting
    base: Basis
    weights: FloatArray
    contribution: FloatArray
    features: FloatArray
    score: FloatArray
    order: IntArray
    rank: IntArray


class Fuser:
    """Fuses a pool once for every look that differs in rerank scores alone: the last one is kept."""

    def __init__(self) -> None:
        self._last: FusedPool | None = None

    def __call__(self, pool: CandidatePool, weighting: Weighting) -> FusedPool:
        last = self._last
        if last is None or last.pool is not pool or last.weighting != weighting:
            self._last = last = fuse(pool, weighting)
        return last


def fuse(pool: CandidatePool, weighting: Weighting) -> FusedPool:
    """The pool in fused order. Raises ``SettingsError`` as ``rank`` does."""
    weights = weights_of(pool, weighting)
    base = basis(pool, weighting, weights > 0)
    effective = base.effective(weights[None, :], weighting)[0]
    contribution = effective[:, None] * base.terms
    features = add_up(base.features, len(pool))
    fused = add_up(contribution, len(pool)) + features
    if not base.eligible.all():
        fused[~base.eligible] = np.nan
        contribution[:, ~base.eligible] = 0.0
    order = base.order(fused)
    places = _places(order, len(pool))
    return FusedPool(pool, weighting, base, effective, contribution, features, fused, order, places)


def rank(
    pool: CandidatePool, rerank: RerankScores | None, weighting: Weighting, fused: FusedPool | None = None
) -> Ranking:
    """The pool in order under ``weighting``, with the account of every document. ``fused`` is the pool fused under this
    weighting, where somebody has it already.

    Raises ``SettingsError`` for an unknown normaliser, combiner or blend, and for one that refuses a leg's kind.
    """
    fused = fused or fuse(pool, weighting)
    base = fused.base
    nan = np.full(len(pool), np.nan)
    after = _Reranked(fused.order, ~np.isnan(fused.score), fused.score, nan, nan, nan)
    stages: list[RankedStage] = []
    asked = rerank.stages if rerank is not None and weighting.rerank_enabled else ()
    for index, blending in enumerate((weighting.blending, *weighting.cascade)):
        scores = asked[index] if index < len(asked) else None
        before, after = after, _rerank(scores, blending, after, fused.features)
        if weighting.cascade:
            shown = nan if after is before else np.where(after.scored, after.rerank_score, np.nan)
            stages.append(RankedStage(_places(after.order, len(pool)), shown))
    results, dropped, warning = _cut(pool, weighting, base, after)
    return Ranking(
        order=after.order,
        fused_order=fused.order,
        results=results,
        rank=fused.rank if after.order is fused.order else _places(after.order, len(pool)),
        fused_rank=fused.rank,
        score=after.score,
        fused_score=fused.score,
        leg_weight=fused.weights,
        normalized=base.normalized.T,
        contribution=fused.contribution.T,
        feature_contribution=base.features.T,
        rerank_score=after.rerank_score,
        blend_fused=after.fused_part,
        blend_rerank=after.rerank_part,
        dropped=dropped,
        warnings=base.warnings + after.warnings + warning,
        stages=tuple(stages),
    )


def _places(order: IntArray, n: int) -> IntArray:
    """int64[n], places in ``order`` from 1; 0 for rows that are not in it."""
    places = np.zeros(n, dtype=np.int64)
    places[order] = np.arange(1, len(order) + 1)
    return places


def _rerank(scores: RerankScores | None, blending: Blending, before: _Reranked, features: FloatArray) -> _Reranked:
    """The scored documents of the first ``top_n`` by the blend, the others after them in the order they had.

    A stage that scored nothing leaves all as it was, and the next one goes on from there.
    """
    how = blend(blending.blend)
    scale = normalizer(blending.normalizer, "rerank.normalizer")
    if scores is None:
        return before
    window = before.order[: blending.top_n]
    rows = window[~np.isnan(scores.raw[window]) & before.scored[window]]
    if len(rows) == 0:
        return before
    n, raw = len(features), scores.raw[rows]
    in_unit_range = rerank_score(raw, scores.kind)
    blended = how.apply(
        Scored(
            raw=raw,
            score=in_unit_range,
            kind=scores.kind,
            fused=before.score[rows],
            fused_rank=_places(before.order, n)[rows],
            token_similarity=scores.token_similarity[rows],
            features=features[rows],
            weight=blending.weight,
            normalizer=scale,
            rank_constant=blending.rank_constant,
        )
    )
    scored = np.zeros(n, dtype=bool)
    scored[rows] = True
    unscored = before.order[~scored[before.order]]
    return _Reranked(
        np.concatenate([rows[descending(blended.key)], unscored]),
        scored,
        _with(before.score, rows, blended.score),
        _with(before.rerank_score, rows, in_unit_range),
        _with(before.fused_part, rows, blended.fused_part),
        _with(before.rerank_part, rows, blended.rerank_part),
        before.warnings + _flat(raw) + blended.warnings,
    )


def _with(values: FloatArray, rows: IntArray, new: FloatArray) -> FloatArray:
    """``values`` with ``new`` at ``rows``."""
    changed = values.copy()
    changed[rows] = new
    return changed


def _flat(raw: FloatArray) -> tuple[str, ...]:
    if len(raw) > 1 and raw.min() == raw.max():
        return (f"the reranker gave all {len(raw)} documents the same score",)
    return ()


def _cut(
    pool: CandidatePool, weighting: Weighting, base: Basis, after: _Reranked
) -> tuple[IntArray, npt.NDArray[np.int8], tuple[str, ...]]:
    """The rows that stay, why each other document is left out, and a warning where the threshold cut fused scores."""
    kept, dropped = after.order, base.dropped.copy()
    warnings: tuple[str, ...] = ()
    if weighting.threshold:
        reranked = bool((after.rerank_score == after.rerank_score).any())
        judged = after.rerank_score if reranked else after.score
        kept = _keep(kept, judged[kept] >= weighting.threshold, dropped, _THRESHOLD)
        if not reranked:
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
