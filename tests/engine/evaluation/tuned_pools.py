"""Query sets whose best weights are known, and the same without any truth in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.evaluation.judged import JudgedPool, judge
from engine.records import CandidatePool, Leg, RerankScores, ScoreKind
from engine.settings.schema import DenseLeg, LexicalLeg, RerankSettings, Settings

NAMES = ("lexical", "dense", "sparse", "graph")


def settings_of(*weights: float) -> Settings:
    """Legs with these weights, nothing reranked."""
    legs = {name: LexicalLeg() if name == "lexical" else DenseLeg() for name in NAMES[: len(weights)]}
    return Settings(
        legs=legs,
        weights=dict(zip(NAMES[: len(weights)], weights, strict=True)),
        rerank=RerankSettings(enabled=False),
    )


def query_set(
    truth: Sequence[float], queries: int = 40, n: int = 60, seed: int = 0, noise: float = 0.02
) -> list[JudgedPool]:
    """The relevant documents are those with the highest Σ truth·score, but for some noise."""
    random = np.random.default_rng(seed)
    return [_query(f"q{number}", np.array(truth), n, noise, random) for number in range(queries)]


def _query(name: str, truth: np.ndarray, n: int, noise: float, random: np.random.Generator) -> JudgedPool:
    scores = random.random((n, len(truth)))
    scores[0], scores[1] = 0.0, 1.0  # so that min-max leaves the scores as they are
    order = np.argsort(-(scores @ truth + noise * random.normal(size=n)))
    pool = CandidatePool(
        tuple(f"d{row}" for row in range(n)),
        tuple(Leg(leg, ScoreKind.PROBABILITY) for leg in NAMES[: len(truth)]),
        scores,
        np.ones(scores.shape, dtype=bool),
    )
    return judge(name, pool, None, {f"d{row}": 1 for row in order[:8]} | {f"d{row}": 0 for row in order[8:20]})


def shuffled(pools: Sequence[JudgedPool], seed: int) -> list[JudgedPool]:
    """The same judgments on other documents."""
    random = np.random.default_rng(seed)
    return [replace(each, gains=random.permutation(each.gains)) for each in pools]


def always(pools: Sequence[JudgedPool]) -> Callable[[Settings], Sequence[JudgedPool]]:
    """Pools that do not depend on the settings."""
    return lambda settings: pools


def with_reranker(pools: Sequence[JudgedPool], seed: int = 0) -> list[JudgedPool]:
    """Every document scored by a reranker that knows the grades, badly."""
    random = np.random.default_rng(seed)
    found = []
    for each in pools:
        none = RerankScores.none(len(each.pool))
        raw = 0.3 * np.nan_to_num(each.gains) + random.random(len(each.pool))
        scores = RerankScores(raw, ScoreKind.LOGIT, none.token_similarity, none.tokens, none.truncated)
        found.append(replace(each, rerank=scores))
    return found
