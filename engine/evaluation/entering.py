"""What would bring a document among the first k: for every knob the nearest single change, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.evaluation.counterfactual import reaching
from engine.evaluation.lines import axes
from engine.evaluation.orders import reranked
from engine.ranking import Weighting, rank
from engine.records import CandidatePool, DropRule, FieldValue, Ranking, RerankScores
from engine.settings.schema import LegSettings, Settings
from engine.tracking import Tracked, TrackedLeg, leg_rank

_MOST = 256
"""Values of ``rerank.top_n`` that are tried, the nearest first."""


@dataclass(frozen=True, slots=True)
class Way:
    """One knob. ``value`` is what it would have to be; None where no value of it is known to do. A weight must pass
    its value; the others may have it."""

    path: str
    current: FieldValue
    value: FieldValue
    text: str


def ways_in(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, k: int = 10
) -> tuple[Way, ...]:
    """What would bring pool row ``row`` among the first ``k`` results: those that can, then those that cannot."""
    weighting = replace(weighting, offset=0, top_k=k)
    ranking = rank(pool, rerank_scores, weighting)
    if ranking.drop_rule(row) is None:
        return ()
    found = [
        *_weights(pool, rerank_scores, weighting, row, k),
        *_thresholds(pool, rerank_scores, weighting, ranking, row, k),
        *_top_n(pool, rerank_scores, weighting, ranking, row),
        *_legs(pool, row),
    ]
    if rank_now := int(ranking.rank[row]):
        cut = f"{pool.ids[row]} stands at {rank_now}: cut.top_k {rank_now} shows it"
        found.append(Way("cut.top_k", k, rank_now, cut))
    return tuple(sorted(found, key=lambda way: way.value is None))


def _weights(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int, k: int
) -> Iterator[Way]:
    for path in axes(pool, weighting, blended=reranked(rerank_scores, weighting)):
        turn = reaching(pool, rerank_scores, weighting, row, k, path)
        yield Way(path, turn.current, turn.value, turn.text)


def _thresholds(
    pool: CandidatePool,
    rerank_scores: RerankScores | None,
    weighting: Weighting,
    ranking: Ranking,
    row: int,
    k: int,
) -> Iterator[Way]:
    name = pool.ids[row]
    if ranking.drop_rule(row) is DropRule.THRESHOLD:
        without = rank(pool, rerank_scores, replace(weighting, threshold=0.0))
        score = without.rerank_score[row] if np.isfinite(without.rerank_score).any() else without.score[row]
        lowered = float(score) if np.isfinite(score) and score > 0 else 0.0
        helps = _results(pool, rerank_scores, replace(weighting, threshold=lowered), row)
        reason = f"{name} has {score:.4g}" if np.isfinite(score) else f"{name} is unscored"
        text = f"cut.threshold {weighting.threshold:g} drops it: {reason}" + ("" if helps else f"; {_even_then(k)}")
        yield Way("cut.threshold", weighting.threshold, lowered if helps else None, text)
    for index, leg in enumerate(pool.legs):
        limit, cosine = weighting.similarity_thresholds.get(leg.name, 0.0), float(pool.scores[row, index])
        if limit and cosine < limit:
            path = f"legs.{leg.name}.similarity_threshold"
            lowered = max(cosine, 0.0)
            changed = replace(weighting, similarity_thresholds={**weighting.similarity_thresholds, leg.name: lowered})
            helps = _results(pool, rerank_scores, changed, row)
            text = f"{path} {limit:g} does not count its cosine {cosine:.4g}" + ("" if helps else f"; {_even_then(k)}")
            yield Way(path, limit, lowered if helps else None, text)


def _even_then(k: int) -> str:
    return f"even counted it is not among the first {k}"


def _results(pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, row: int) -> bool:
    return rank(pool, rerank_scores, weighting).drop_rule(row) is None


def _top_n(
    pool: CandidatePool, rerank_scores: RerankScores | None, weighting: Weighting, ranking: Ranking, row: int
) -> Iterator[Way]:
    """The nearest number of reranked documents; scores beyond those known are not guessed."""
    fused, path, now = int(ranking.fused_rank[row]), "rerank.top_n", weighting.top_n
    if not reranked(rerank_scores, weighting) or not fused:
        return
    candidates = sorted(range(1, max(now, fused) + 1), key=lambda n: abs(n - now))[1 : _MOST + 1]
    for n in candidates:
        if _results(pool, rerank_scores, replace(weighting, top_n=n), row):
            yield Way(path, now, n, f"with {path} {n} instead of {now} it is among the first {weighting.top_k}")
            return
    if fused > now and np.isnan(rerank_scores.raw[row]):
        yield Way(path, now, None, f"it stands at {fused} of the fused list: {path} {fused} would have it scored")
    else:
        yield Way(path, now, None, f"no {path} brings it in with the rerank scores that are known")


def _legs(pool: CandidatePool, row: int) -> Iterator[Way]:
    """What a deeper leg could do: only for legs that did not return the document."""
    for index, leg in enumerate(pool.legs):
        if leg_rank(pool, leg.name, row):
            continue
        score, returned = float(pool.scores[row, index]), int(pool.returned[:, index].sum())
        path = f"legs.{leg.name}.top_k"
        if np.isnan(score):
            text = f"{leg.name} has no score for it"
        else:
            text = f"{leg.name} did not return it among its {returned}; its score {score:.4g} is counted all the same"
        yield Way(path, returned, None, text)


def ways_of_absent(tracked: Tracked, settings: Settings, fields: Mapping[str, FieldValue]) -> tuple[Way, ...]:
    """The same for a document that no leg brought: the filter, and how far each leg would have to go.

    ``fields`` are the document's stored ones.
    """
    if not tracked.exists:
        return (Way("", None, None, f"the index has no document {tracked.id}"),)
    filters = [
        Way(f"filter.{name}", wanted, fields.get(name), f"filter.{name} wants {wanted}, it has {fields.get(name)}")
        for name, wanted in settings.filter.items()
        if not _passes(fields.get(name), wanted)
    ]
    legs = [_reach(name, leg, settings.legs[name]) for name, leg in tracked.legs.items()]
    return (*filters, *legs)


def _passes(value: FieldValue, wanted: FieldValue) -> bool:
    """Whether a stored value, or one of a list of them, is one of those wanted."""
    values = value if isinstance(value, list) else [value]
    return any(str(one) == str(other) for one in values for other in (wanted if isinstance(wanted, list) else [wanted]))


def _reach(name: str, tracked: TrackedLeg, leg: LegSettings) -> Way:
    path = f"legs.{name}.top_k"
    full = tracked.returned >= leg.top_k
    far = f"{tracked.text}; a larger {path} would reach it" if full and tracked.raw > 0 else tracked.text
    return Way(path, leg.top_k, None, far)
