"""Orders of many weightings at once are those of ``rank``, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.orders import Sweep, orders, places, weighting_at
from engine.ranking import FeatureWeight, WeightGrid, Weighting, rank
from engine.records import CandidatePool, Leg, RerankScores, ScoreKind

BLENDS = ("replace", "weighted", "rank-fusion", "ragflow")


def random_pool(seed: int, n: int = 40, legs: int = 3) -> CandidatePool:
    """A pool with gaps, equal scores, a feature, and documents that only one leg returned."""
    random = np.random.default_rng(seed)
    scores = np.column_stack(
        [random.integers(0, 12, n), random.integers(-8, 9, n) / 8, random.integers(0, 12, n)][:legs]
    ).astype(float)
    returned = random.random((n, legs)) < 0.7
    scores[(random.random((n, legs)) < 0.2) & ~returned] = np.nan
    kinds = (ScoreKind.BM25, ScoreKind.COSINE, ScoreKind.SPARSE)
    names = ("lexical", "dense", "sparse")
    return CandidatePool(
        ids=tuple(f"d{row}" for row in range(n)),
        legs=tuple(Leg(name, kind) for name, kind in zip(names[:legs], kinds[:legs], strict=True)),
        scores=scores,
        returned=returned,
        feature_names=("pagerank",),
        features=random.integers(0, 5, (n, 1)).astype(float),
    )


def random_rerank(seed: int, n: int, share: float = 0.8) -> RerankScores:
    random = np.random.default_rng(seed)
    raw = np.where(random.random(n) < share, random.integers(0, 20, n) / 20, np.nan)
    none = RerankScores.none(n)
    return RerankScores(raw, ScoreKind.PROBABILITY, random.random(n), none.tokens, none.truncated)


@pytest.mark.parametrize("blend", BLENDS)
@given(seed=st.integers(0, 10_000), combiner=st.sampled_from(["convex", "rrf", "comb-mnz", "comb-sum"]))
@settings(max_examples=25, deadline=None)
def test_orders_equal_rank(blend: str, seed: int, combiner: str) -> None:
    random = np.random.default_rng(seed)
    pool, scores = random_pool(seed), random_rerank(seed + 1, 40)
    weights = random.integers(0, 4, (30, 3)) / 4
    weights[~weights.any(axis=1), 0] = 1
    sweep = Sweep(
        WeightGrid.of(weights, random.integers(-2, 3, (30, 1)) / 16),
        random.integers(0, 5, 30) / 4,
    )
    weighting = Weighting(
        {"lexical": 1.0, "gone": 0.5},
        features={"pagerank": FeatureWeight(1, 0.1)},
        combiner=combiner,
        blend=blend,
        top_n=int(random.integers(1, 45)),
    )
    for which in (scores, None):
        found = orders(pool, which, weighting, sweep, 40)
        tracked = places(pool, which, weighting, sweep, 7)
        for index in range(len(sweep)):
            ranking = rank(pool, which, weighting_at(pool, weighting, sweep, index))
            assert found[index, : len(ranking.order)].tolist() == ranking.order.tolist()
            assert (found[index, len(ranking.order) :] == -1).all()
            assert tracked[index] == ranking.rank[7]


def test_threshold_and_groups_are_cut_as_rank_cuts_them() -> None:
    pool = replace(random_pool(3), groups=tuple("ab"[row % 2] if row % 3 else "" for row in range(40)))
    scores = random_rerank(4, 40)
    sweep = Sweep(WeightGrid.of(np.array([[1.0, 0.5, 0.0], [0.2, 0.0, 1.0]])))
    weighting = Weighting({"lexical": 1.0}, threshold=0.4, offset=3, top_k=2, top_n=20)
    found = orders(pool, scores, weighting, sweep, 12)
    for index in range(2):
        expected = rank(pool, scores, replace(weighting_at(pool, weighting, sweep, index), offset=0, top_k=12)).results
        assert found[index, : len(expected)].tolist() == expected.tolist()
        assert (found[index, len(expected) :] == -1).all()
    row = int(found[0, 1])
    assert places(pool, scores, weighting, sweep, row)[0] == 2
