"""What keeps a document out of the first k: legs, cuts and thresholds, each with what it would take. Pure.

Weights are ``counterfactual.reaching``'s. A hurdle with a setting can be taken by it alone; the others say what a leg
or the reranker would have had to give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.ranking import Weighting, rank
from engine.records import CandidatePool, DropRule, Ranking, RerankScores, ScoreKind
from engine.settings.table import MAX_TOP

_HALVINGS = 30


@dataclass(frozen=True, slots=True)
class Hurdle:
    """One thing in the way. ``path`` and ``value`` name the setting that would give; '' and None for none."""

    name: str
    text: str
    path: str = ""
    value: float | int | None = None


def hurdles(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, k: int
) -> tuple[Hurdle, ...]:
    """Everything between pool row ``row`` and the first ``k`` of what is kept, cuts before legs; empty where it is
    there."""
    ranking = rank(pool, rerank_scores, replace(weighting, offset=0, top_k=k))
    if row in ranking.results:
        return ()
    found = [*_cuts(pool, weighting, ranking, row, k)]
    found += [_leg(pool, rerank_scores, weighting, row, k, leg) for leg in range(len(pool.legs))]
    if rerank_scores is not None and not np.isnan(ranking.rerank_score[row]):
        found.append(_reranker(pool, rerank_scores, weighting, row, k))
    return tuple(found)


def _cuts(pool: CandidatePool, weighting: Weighting, ranking: Ranking, row: int, k: int) -> Iterator[Hurdle]:
    rule = ranking.drop_rule(row)
    for index, leg in enumerate(pool.legs):
        name = leg.name
        least, raw = weighting.similarity_thresholds.get(name, 0.0), float(pool.scores[row, index])
        if least and raw < least and leg.kind is ScoreKind.COSINE:
            path = f"legs.{name}.similarity_threshold"
            yield Hurdle(name, f"{name} gives it {raw:.4g}, below {path} {least:.4g}", path, max(_below(raw), 0.0))
    scored = not np.isnan(ranking.rerank_score[row])
    if rule is DropRule.THRESHOLD:
        kept_by = float(ranking.rerank_score[row] if scored else ranking.score[row])
        if scored or np.isnan(ranking.rerank_score).all():
            text = f"its score {kept_by:.4g} is below cut.threshold {weighting.threshold:.4g}"
            yield Hurdle("cut", text, "cut.threshold", max(_below(kept_by), 0.0))
        else:
            yield Hurdle("cut", "cut.threshold drops what has no rerank score", "cut.threshold", 0.0)
    place = int(ranking.fused_rank[row])
    if not scored and place > weighting.top_n and not np.isnan(ranking.rerank_score).all():
        text = f"it is {place} in the fused list, and the first {weighting.top_n} are reranked"
        yield Hurdle("rerank", text, "rerank.top_n", place if place <= MAX_TOP else None)
    if rule is DropRule.GROUP:
        yield Hurdle("cut", "a document of the same group stands above it")
    standing = int(ranking.rank[row])
    if rule is DropRule.TOP_K and standing > k:
        yield Hurdle("cut", f"it is {standing} in the list", "cut.top_k", standing if standing <= MAX_TOP else None)


def _below(value: float) -> float:
    """The next number with four digits below it, for a threshold that keeps it."""
    return math.floor(value * 1e4) / 1e4


def _leg(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, k: int, leg: int
) -> Hurdle:
    """What the leg would have had to give, everything else as it is."""
    name, column = pool.leg_names[leg], pool.scores[:, leg]
    now, best = float(column[row]), float(np.nanmax(column, initial=-np.inf))
    has = "has no score for it" if math.isnan(now) else f"gives it {now:.4g}"
    if not weighting.weights.get(name, 0.0):
        return Hurdle(name, f"{name} {has}; its weight is 0")

    def holds(score: float) -> bool:
        scores, returned = pool.scores.copy(), pool.returned.copy()
        scores[row, leg], returned[row, leg] = score, True
        return _among(replace(pool, scores=scores, returned=returned), rerank_scores, weighting, row, k)

    low = float(np.nanmin(column, initial=np.inf)) if math.isnan(now) else now
    needed = _least(holds, low, best)
    if needed is None:
        return Hurdle(name, f"{name} {has}; not even its best score, {best:.4g}, would do")
    return Hurdle(name, f"{name} {has}; {needed:.4g} would do (its best is {best:.4g})")


def _reranker(pool: CandidatePool, rerank_scores: RerankScores, weighting: Weighting, row: int, k: int) -> Hurdle:
    now, best = float(rerank_scores.raw[row]), float(np.nanmax(rerank_scores.raw))

    def holds(score: float) -> bool:
        raw = rerank_scores.raw.copy()
        raw[row] = score
        return _among(pool, replace(rerank_scores, raw=raw), weighting, row, k)

    needed = _least(holds, now, best)
    if needed is None:
        return Hurdle("rerank", f"the reranker gives it {now:.4g}; not even its best score, {best:.4g}, would do")
    return Hurdle("rerank", f"the reranker gives it {now:.4g}; {needed:.4g} would do (its best is {best:.4g})")


def _among(pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, k: int) -> bool:
    return row in rank(pool, rerank_scores, replace(weighting, offset=0, top_k=k)).results


def _least(holds: Callable[[float], bool], low: float, high: float) -> float | None:
    """The least score between for which it holds, by halving: more never harms; None where the highest does not do."""
    if not holds(high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
