"""What each leg's score weighs in the engine's own units: fusion as one sum of boosts.

The fused score of ``convex`` is Σ wₗ·nₗ(sₗ). Where nₗ is a line, nₗ(s) = αₗ·s + βₗ, and the engine reports
e = σₗ·s + τₗ, the order is that of Σ (wₗ·αₗ/σₗ)·eₗ: the boosts below. βₗ and τₗ move every document that has the score
alike.

``theoretical-min-max``, ``max`` and ``min-max`` are lines whose slope depends on the query: on its greatest (and least)
scores. ``identity`` and the combiner ``ragflow`` are the same line for every query.
"""

from __future__ import annotations

import json

from engine.export.base import Boost, Expression, Wish
from engine.records import ScoreKind
from engine.settings.schema import DenseLeg, LexicalLeg, Settings

FIXED = ("identity",)
BY_TOPS = ("theoretical-min-max", "max")
BY_EXTREMES = ("min-max",)
LINES = (*FIXED, *BY_TOPS, *BY_EXTREMES)


def bm25_ratio(wish: Wish, engine: str) -> float:
    """The engine's BM25 score over the one that our store reports: Elasticsearch, and OpenSearch before 3, multiply
    Lucene's formula by k1 + 1, the embedded store does not (OpenSearch's PR 17306 dropped it)."""
    kind, factor = wish.settings.store.kind, wish.shape.k1 + 1.0
    if kind == engine:
        return 1.0
    theirs = 1.0 if engine == "opensearch" and wish.version is not None and wish.version >= (3, 0) else factor
    return theirs / (1.0 if kind == "embedded" else factor)


def shares(settings: Settings) -> dict[str, float]:
    """Weights above 0 divided by their sum, as ``convex`` does; 1 each for ``comb-sum``."""
    weights = {name: weight for name, weight in settings.weights.items() if weight > 0 and name in settings.legs}
    if settings.fusion.combiner == "comb-sum":
        return dict.fromkeys(weights, 1.0)
    total = sum(settings.weights.values())
    return {name: weight / total for name, weight in weights.items()}


def boosts(wish: Wish, engine: str) -> dict[str, Boost]:
    """The boost of each active leg's clause, for a wish that ``obstacles.not_a_sum`` lets through.

    In a program it is divided by the greatest score that the engine reports for the leg, once that is known.
    """
    settings = wish.settings
    active = wish.active()
    if len(active) == 1 and not wish.features:
        return dict.fromkeys(active, 1.0)
    found: dict[str, Boost] = {}
    for name, leg in active.items():
        cosine = isinstance(leg, DenseLeg)
        if settings.fusion.combiner == "ragflow":
            found[name] = 1.0 if cosine else settings.weights[name] / bm25_ratio(wish, engine)
            continue
        if wish.program and settings.fusion.normalizer in BY_TOPS:
            found[name] = Expression(f"{shares(settings)[name]:.9g} / greatest[{json.dumps(name)}]")
            continue
        slope = _slope(wish, name, ScoreKind.COSINE if cosine else ScoreKind.BM25)
        ratio = 0.5 if cosine else bm25_ratio(wish, engine) if isinstance(leg, LexicalLeg) else 1.0
        found[name] = shares(settings)[name] * slope / ratio
    return found


def _slope(wish: Wish, name: str, kind: ScoreKind) -> float:
    """α of the leg's normaliser: how much a point of raw score is worth on the common scale."""
    how = wish.settings.fusion.normalizer
    if how in FIXED or wish.given is None:
        return 1.0
    high, low = wish.given.high.get(name, 0.0), wish.given.low.get(name, 0.0)
    bound = {"theoretical-min-max": -1.0 if kind is ScoreKind.COSINE else 0.0, "min-max": low}.get(how, 0.0)
    return 1.0 / (high - bound) if high > bound else 0.0
