"""What would have to be otherwise: why one document stands above another, where a document would stand under another
weight, and what would bring it among the first k. Pure; every answer carries a sentence.

Ranks are those of ``Ranking.rank``: before thresholds, groups and ``top_k`` cut the list. Reranker scores are taken as
they are; documents without one stay unscored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import UsageError
from engine.evaluation.lines import BLEND, LEG, Axis, Lines, axes
from engine.evaluation.orders import orders, reranked
from engine.evaluation.turning import along, between, places_along, sweep_along, turns
from engine.ranking import Weighting, rank
from engine.records import BoolArray, CandidatePool, FloatArray, IntArray, Ranking, RerankScores

_REACHES = (0.01, 0.1, 1.0)
"""How far from where the weight stands a turn is looked for, in shares of its range: the next where the last
found none."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a leg, a feature or the reranker gives both documents; ``difference`` is above − below."""

    name: str
    above: float
    below: float

    @property
    def difference(self) -> float:
        return self.above - self.below


@dataclass(frozen=True, slots=True)
class Turn:
    """The nearest value of one weight past which something holds that does not hold now; None: no value of it does."""

    path: str
    current: float
    value: float | None
    text: str

    @property
    def change(self) -> float:
        """How far away it is; ∞ where there is no such value."""
        return np.inf if self.value is None else abs(self.value - self.current)


@dataclass(frozen=True, slots=True)
class WhyAbove:
    """``parts`` sum to what decides between the two, largest difference first; ``flips`` nearest first."""

    above: str
    below: str
    parts: tuple[Part, ...]
    flips: tuple[Turn, ...]
    text: str


@dataclass(frozen=True, slots=True)
class RankCurve:
    """A document's rank along one weight: ``ranks[i]`` between ``breaks[i − 1]`` and ``breaks[i]`` (0: not ranked).

    breaks   float64[c], rising values of the weight
    ranks    int64[c + 1]
    at_zero  for a leg, the rank when it weighs exactly 0 and is not run; else ``ranks[0]``
    """

    path: str
    current: float
    breaks: FloatArray
    ranks: IntArray
    at_zero: int
    text: str

    def at(self, value: float) -> int:
        """The rank under this value."""
        return self.at_zero if value == 0 and self.path.startswith(LEG) else int(self.ranks[self.piece(value)])

    def piece(self, value: float) -> int:
        return int(np.searchsorted(self.breaks, value, side="right"))


@dataclass(frozen=True, slots=True)
class TopChange:
    """At ``value`` of a weight the first k change: who enters, who leaves as it rises (ids), and if nobody does, which
    of them change places."""

    value: float
    entered: tuple[str, ...]
    left: tuple[str, ...]
    text: str


def why_above(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, above: int, below: int
) -> WhyAbove:
    """Why pool row ``above`` stands above pool row ``below``, and what would turn them round.

    Raises ``UsageError`` where it does not.
    """
    pool, weighting = uncut(pool, weighting)
    ranking = rank(pool, rerank_scores, weighting)
    names = pool.ids[above], pool.ids[below]
    if not _higher(ranking.rank[above], ranking.rank[below]):
        raise UsageError(f"{names[0]} does not stand above {names[1]}", hint="name the higher document first")
    flips = [
        _flip(pool, rerank_scores, weighting, axis, above, below)
        for axis in axes(pool, weighting, blended=reranked(rerank_scores, weighting)).values()
    ]
    parts = _parts(pool, rerank_scores, weighting, ranking, above, below)
    return WhyAbove(*names, parts, tuple(sorted(flips, key=lambda flip: flip.change)), _because(ranking, names, parts))


def _higher(one: int, other: int) -> bool:
    """Whether rank ``one`` is above rank ``other``; 0 is not ranked."""
    return bool(one > 0 and (other == 0 or one < other))


def _parts(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    ranking: Ranking,
    above: int,
    below: int,
) -> tuple[Part, ...]:
    both = [above, below]
    scored = ~np.isnan(ranking.rerank_score[both])
    if scored.any() and (not scored.all() or weighting.blend == "replace"):
        assert rerank_scores is not None
        shown = np.where(scored, rerank_scores.raw[both], np.nan)
        return (Part("rerank", float(shown[0]), float(shown[1])),)
    share, parts = 1.0, []
    if scored.any():
        parts.append(Part("rerank", *ranking.blend_rerank[both].tolist()))
        if weighting.blend != "weighted":
            name = "token similarity" if weighting.blend == "ragflow" else "fused rank"
            features = ranking.feature_contribution[both].sum(axis=1) * (weighting.blend == "ragflow")
            parts.append(Part(name, *(ranking.blend_fused[both] + features).tolist()))
            return _largest_first(parts)
        # the blend puts the fused scores on a scale of its own: each leg's part is stretched alike
        gap = ranking.fused_score[above] - ranking.fused_score[below]
        share = (ranking.blend_fused[above] - ranking.blend_fused[below]) / gap if gap else 0.0
    for index, name in enumerate(pool.leg_names):
        parts.append(Part(name, *(share * ranking.contribution[both, index]).tolist()))
    for index, name in enumerate(pool.feature_names):
        parts.append(Part(name, *(share * ranking.feature_contribution[both, index]).tolist()))
    return _largest_first(parts)


def _largest_first(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: -abs(part.difference)))


def _because(ranking: Ranking, names: tuple[str, str], parts: Sequence[Part]) -> str:
    one, other = names
    if len(parts) == 1 and np.isnan(parts[0].below):
        return f"{one} was reranked and {other} was not: what is scored stands first"
    total = sum(part.difference for part in parts)
    if total == 0:
        return f"{one} and {other} have equal scores: fewer absent legs, then the index's order decide"
    named = ", ".join(f"{part.name} {part.difference:+.3g}" for part in parts if part.difference)
    return f"{one} is {total:.3g} ahead of {other}: {named}"


def _flip(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    axis: Axis,
    above: int,
    below: int,
) -> Turn:
    def turned(found: Lines, shares: FloatArray) -> BoolArray:
        ranks = [places_along(pool, rerank_scores, weighting, found, shares, row).tolist() for row in (below, above)]
        return np.array([_higher(one, other) for one, other in zip(*ranks, strict=True)])

    zero = _at_zero(pool, rerank_scores, weighting, axis)
    at_zero = zero is not None and _higher(zero.rank[below], zero.rank[above])
    value = _search(pool, rerank_scores, weighting, axis, (above, below), turned, at_zero=at_zero)
    one, other = pool.ids[below], pool.ids[above]
    return Turn(axis.path, axis.current, value, _sentence(axis, value, f"{one} passes {other}"))


def rank_curve(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, path: str
) -> RankCurve:
    """Where pool row ``row`` stands along the weight ``path`` (one of ``axes``), exactly."""
    pool, weighting = uncut(pool, weighting)
    axis = axis_of(pool, rerank_scores, weighting, path)
    found = along(pool, rerank_scores, weighting, axis)
    edges, middles = between(turns(pool, rerank_scores, weighting, found, rows=(row,)))
    ranks = places_along(pool, rerank_scores, weighting, found, middles, row)
    keep = np.flatnonzero(np.diff(ranks)) + 1
    breaks, ranks = found.value(edges[keep]), ranks[np.concatenate([[0], keep])]
    zero = _at_zero(pool, rerank_scores, weighting, axis)
    at_zero = int(ranks[0]) if zero is None else int(zero.rank[row])
    ranked = ranks[ranks > 0]
    text = f"no value of {axis.path} ranks {pool.ids[row]}"
    if len(ranked):
        text = f"{pool.ids[row]} stands between {ranked.min()} and {ranked.max()} as {axis.path} moves"
    return RankCurve(axis.path, axis.current, breaks, ranks, at_zero, text)


def top_changes(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    path: str,
    k: int = 10,
) -> tuple[TopChange, ...]:
    """Every value of the weight ``path`` at which the first ``k`` of the list change, rising."""
    pool, weighting = uncut(pool, weighting)
    axis = axis_of(pool, rerank_scores, weighting, path)
    found = along(pool, rerank_scores, weighting, axis)
    edges, middles = between(turns(pool, rerank_scores, weighting, found, depth=k))
    first = orders(pool, rerank_scores, weighting, sweep_along(pool, weighting, axis, found.value(middles)), k)
    changed = np.flatnonzero((first[1:] != first[:-1]).any(axis=1))
    values = found.value(edges[changed + 1]).tolist()
    return tuple(
        _top_change(pool, axis, value, first[index], first[index + 1])
        for index, value in zip(changed.tolist(), values, strict=True)
    )


def _top_change(pool: CandidatePool, axis: Axis, value: float, before: IntArray, after: IntArray) -> TopChange:
    entered = tuple(pool.ids[row] for row in after.tolist() if row >= 0 and row not in before)
    left = tuple(pool.ids[row] for row in before.tolist() if row >= 0 and row not in after)
    moved = [pool.ids[row] for row in after[before != after].tolist() if row >= 0]
    what = f"{', '.join(entered)} for {', '.join(left)}" if entered and left else f"{' and '.join(moved)} change places"
    return TopChange(value, entered, left, f"{axis.path} {value:.3g}: {what}")


def reaching(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, k: int, path: str
) -> Turn:
    """The nearest value of the weight ``path`` that brings pool row ``row`` among the first ``k``."""
    pool, weighting = uncut(pool, weighting)
    axis = axis_of(pool, rerank_scores, weighting, path)

    def reached(found: Lines, shares: FloatArray) -> BoolArray:
        ranks = places_along(pool, rerank_scores, weighting, found, shares, row)
        return (ranks > 0) & (ranks <= k)

    zero = _at_zero(pool, rerank_scores, weighting, axis)
    at_zero = zero is not None and 0 < zero.rank[row] <= k
    value = _search(pool, rerank_scores, weighting, axis, (row,), reached, at_zero=at_zero)
    return Turn(axis.path, axis.current, value, _sentence(axis, value, f"{pool.ids[row]} is among the first {k}"))


def axis_of(pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, path: str) -> Axis:
    """The axis of a weight's setting. Raises ``UsageError`` where that weight does not act, or is none."""
    known = axes(pool, weighting, blended=reranked(rerank_scores, weighting))
    if path not in known:
        raise UsageError(f"{path} moves nothing here", hint=f"these do: {', '.join(known) or 'none'}")
    return known[path]


def uncut(pool: CandidatePool, weighting: Weighting) -> tuple[CandidatePool, Weighting]:
    """The same without what cuts the finished list."""
    return replace(pool, groups=()), replace(weighting, threshold=0.0, offset=0, top_k=max(len(pool), 1))


def _at_zero(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, axis: Axis
) -> Ranking | None:
    """The ranking with the leg at exactly 0; None where the axis is no leg's, or no other leg has weight."""
    others = any(weighting.weights.get(name, 0.0) for name in pool.leg_names if name != axis.name)
    if axis.kind != LEG or not others:
        return None
    return rank(pool, rerank_scores, axis.at(weighting, 0.0))


def _search(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    axis: Axis,
    rows: tuple[int, ...],
    holds: Callable[[Lines, FloatArray], BoolArray],
    *,
    at_zero: bool,
) -> float | None:
    """The value nearest to the axis' own past which ``holds`` (of lines and shares) is true; None where there is none.

    Looked for near by first: without a reranker there are few places to look at, with one there are thousands.
    """
    found = along(pool, rerank_scores, weighting, axis)
    here = found.share(axis.current)
    for reach in _REACHES if reranked(rerank_scores, weighting) else _REACHES[-1:]:
        within = (max(here - reach, 0.0), min(here + reach, 1.0))
        shares = turns(pool, rerank_scores, weighting, found, rows=rows, within=within)
        edges, middles = between(shares, within)
        value = _nearest(found, edges, holds(found, middles), at_zero=at_zero)
        if value is not None:
            far = abs(value - axis.current)
            covered = [found.share(max(axis.current - far, axis.low)), found.share(min(axis.current + far, axis.high))]
            if within[0] <= covered[0] and covered[1] <= within[1]:
                return value
    return value


def _nearest(found: Lines, edges: FloatArray, wanted: BoolArray, *, at_zero: bool) -> float | None:
    """The value nearest to the axis' own that borders on a ``wanted`` piece; None where there is none."""
    current = found.axis.current
    here = min(max(int(np.searchsorted(edges, found.share(current), side="right")), 1), len(wanted)) - 1
    values = found.value(edges)
    near: list[float] = [0.0] if at_zero else []
    if len(right := np.flatnonzero(wanted[here:])):
        near.append(max(float(values[here + right[0]]), current))
    if len(left := np.flatnonzero(wanted[: here + 1])):
        near.append(min(float(values[left[-1] + 1]), current))
    return min(near, key=lambda value: abs(value - current)) if near else None


def _sentence(axis: Axis, value: float | None, what: str) -> str:
    label = "the blend's weight" if axis.kind == BLEND else axis.path
    if value is None:
        return f"{what}: at no value of {label}"
    if value == axis.current:
        return f"{what} as soon as {label} moves from {axis.current:.4g}"
    if value == 0 and axis.kind == LEG:
        return f"{what} when {label} is 0 (now {axis.current:.4g})"
    return f"{what} once {label} is {'above' if value > axis.current else 'below'} {value:.4g} (now {axis.current:.4g})"
