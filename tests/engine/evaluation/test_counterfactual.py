"""Counterfactuals by hand, and against brute force: ``rank`` asked again at many values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.evaluation.counterfactual import axis_of, rank_curve, reaching, top_changes, uncut, why_above
from engine.evaluation.lines import axes
from engine.ranking import FeatureWeight, Weighting, rank
from engine.records import CandidatePool, Leg, RerankScores, ScoreKind


def tied_pool(scores: list[list[float]], **more: object) -> CandidatePool:
    values = np.array(scores, dtype=np.float64)
    legs = (Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.BM25))
    ids = tuple("ABCDEFGH"[: len(values)])
    return CandidatePool(ids, legs, values, np.ones(values.shape, dtype=bool), **more)  # type: ignore[arg-type]


def scores_of(raw: list[float]) -> RerankScores:
    none = RerankScores.none(len(raw))
    return RerankScores(np.array(raw), ScoreKind.PROBABILITY, none.token_similarity, none.tokens, none.truncated)


def real_pool(seed: int, n: int = 30) -> tuple[CandidatePool, RerankScores]:
    """Scores without ties, some of them absent, some documents found by one leg only."""
    random = np.random.default_rng(seed)
    scores = np.column_stack([random.gamma(2, 3, n), random.uniform(-0.2, 0.9, n), random.gamma(1, 2, n)])
    returned = random.random((n, 3)) < 0.7
    scores[(random.random((n, 3)) < 0.2) & ~returned] = np.nan
    returned[~returned.any(axis=1), 1] = True
    scores[:, 1] = np.where(np.isnan(scores[:, 1]), 0.1, scores[:, 1])
    pool = CandidatePool(
        tuple(f"d{row}" for row in range(n)),
        (Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.COSINE), Leg("sparse", ScoreKind.SPARSE)),
        scores,
        returned,
        ("pagerank",),
        random.random((n, 1)),
    )
    none = RerankScores.none(n)
    raw = np.where(random.random(n) < 0.85, random.random(n), np.nan)
    return pool, RerankScores(raw, ScoreKind.PROBABILITY, random.random(n), none.tokens, none.truncated)


def test_why_above_by_hand() -> None:
    # normalised: A (1, .5), B (.4, 1); convex .6/.4 → A .8, B .64
    pool = tied_pool([[10, 5], [4, 10]])
    why = why_above(pool, None, Weighting({"lexical": 0.6, "dense": 0.4}), 0, 1)
    assert [(part.name, pytest.approx(part.difference)) for part in why.parts] == [("lexical", 0.36), ("dense", -0.2)]
    assert why.text == "A is 0.16 ahead of B: lexical +0.36, dense -0.2"
    # 1·x + .5·.4 = .4·x + 1·.4 at x = 1/3; with y = dense: .6 + .5y = .24 + y at y = .72
    assert [(flip.path, flip.value) for flip in why.flips] == [
        ("weights.lexical", pytest.approx(1 / 3)),
        ("weights.dense", pytest.approx(0.72)),
    ]
    assert why.flips[0].text == "B passes A once weights.lexical is below 0.3333 (now 0.6)"


def test_who_is_ahead_on_every_leg_is_never_passed() -> None:
    why = why_above(tied_pool([[10, 10], [4, 8]]), None, Weighting({"lexical": 0.6, "dense": 0.4}), 0, 1)
    assert [flip.value for flip in why.flips] == [None, None]
    assert why.flips[0].text == "B passes A: at no value of weights.lexical"
    with pytest.raises(UsageError, match="does not stand above"):
        why_above(tied_pool([[10, 10], [4, 8]]), None, Weighting({"lexical": 0.6, "dense": 0.4}), 1, 0)


def test_a_feature_flips() -> None:
    pool = tied_pool([[10, 5], [5, 10]], feature_names=("pagerank",), features=np.array([[0.0], [2.0]]))
    weighting = Weighting({"lexical": 0.6, "dense": 0.4}, features={"pagerank": FeatureWeight(0.1, 0.0)})
    flips = {flip.path: flip.value for flip in why_above(pool, None, weighting, 0, 1).flips}
    assert flips["features.pagerank.weight"] == pytest.approx(0.5)  # .8 − .7 = .1 = .2·.5


def test_the_reranker_decides_and_the_blend_weight_flips() -> None:
    pool, raw = tied_pool([[10, 10], [4, 4], [0, 0]]), scores_of([0.2, 0.9, 0.1])
    replaced = why_above(pool, raw, Weighting({"lexical": 0.5, "dense": 0.5}, blend="replace"), 1, 0)
    assert [(part.name, part.difference) for part in replaced.parts] == [("rerank", pytest.approx(0.7))]
    assert all(flip.value is None for flip in replaced.flips)
    # fused 1 and .4 (min-max over the three), rerank .125 and 1: (1−v) + .125v = .4(1−v) + v at v = .6/1.475
    weighting = Weighting({"lexical": 0.5, "dense": 0.5}, blend="weighted", blend_weight=0.3)
    why = why_above(pool, raw, weighting, 0, 1)
    flip = next(flip for flip in why.flips if flip.path == "rerank.weight")
    assert flip.value == pytest.approx(0.6 / 1.475)
    ranking = rank(pool, raw, weighting)
    assert sum(part.difference for part in why.parts) == pytest.approx(ranking.score[0] - ranking.score[1])


def test_scored_stands_above_unscored() -> None:
    pool, raw = tied_pool([[10, 10], [4, 4]]), scores_of([np.nan, 0.9])
    why = why_above(pool, raw, Weighting({"lexical": 0.5, "dense": 0.5}), 1, 0)
    assert why.text == "B was reranked and A was not: what is scored stands first"


def test_an_axis_that_does_not_act_is_refused() -> None:
    pool = tied_pool([[10, 5], [5, 10]])
    weighting = Weighting({"lexical": 0.5, "dense": 0.5}, combiner="comb-sum")
    assert not axes(pool, weighting)
    with pytest.raises(UsageError, match="moves nothing"):
        axis_of(pool, None, weighting, "weights.dense")


CASES = st.tuples(
    st.integers(0, 100_000),
    st.sampled_from(["none", "replace", "weighted", "rank-fusion", "ragflow"]),
    st.sampled_from(["convex", "rrf", "comb-mnz"]),
    st.sampled_from(["min-max", "theoretical-min-max", "max", "identity", "rank"]),
)


def case_of(
    seed: int, blend: str, combiner: str, normalizer: str
) -> tuple[CandidatePool, RerankScores | None, Weighting, np.random.Generator]:
    random = np.random.default_rng(seed)
    pool, raw = real_pool(seed)
    weights = dict(zip(pool.leg_names, random.integers(1, 9, 3) / 8, strict=True))
    weighting = Weighting(
        weights,
        features={"pagerank": FeatureWeight(0.5, 0.2)},
        combiner=combiner,
        blend="replace" if blend == "none" else blend,
        blend_weight=0.4,
        rerank_normalizer=normalizer,
        top_n=12,
    )
    return pool, None if blend == "none" else raw, weighting, random


def probes(random: np.random.Generator, path: str) -> list[float]:
    high = 1.0 if path == "rerank.weight" else 3.0
    low = -3.0 if path.startswith("features") else 0.0
    return random.uniform(low, high, 60).tolist()


@given(CASES)
@settings(max_examples=15, deadline=None)
def test_curves_equal_brute_force(case: tuple[int, str, str, str]) -> None:
    pool, raw, weighting, random = case_of(*case)
    for path, axis in axes(pool, weighting, blended=raw is not None).items():
        row = int(random.integers(0, len(pool)))
        curve = rank_curve(pool, raw, weighting, row, path)
        changes = top_changes(pool, raw, weighting, path, 5)
        for value in probes(random, path):
            ranking = rank(pool, raw, axis.at(weighting, value))
            near = np.abs(curve.breaks - value).min(initial=1) < 1e-9
            assert near or curve.at(value) == ranking.rank[row], (path, value)
        # where the first five differ between two values, a change is listed between them
        values = sorted(probes(random, path))
        tops = [rank(pool, raw, axis.at(weighting, value)).order[:5].tolist() for value in values]
        for low, high, one, other in zip(values[:-1], values[1:], tops[:-1], tops[1:], strict=True):
            inside = [change for change in changes if low <= change.value <= high]
            assert inside or one == other
            if len(inside) == 1:
                assert set(inside[0].entered) == {pool.ids[new] for new in other if new not in one}


@given(CASES)
@settings(max_examples=15, deadline=None)
def test_a_flip_really_flips_and_nothing_smaller_does(case: tuple[int, str, str, str]) -> None:
    pool, raw, weighting, random = case_of(*case)
    order = rank(pool, raw, weighting).order
    above, below = sorted(random.choice(len(order), 2, replace=False).tolist())
    one, other = int(order[above]), int(order[below])

    def turned(path: str, value: float) -> bool:
        ranks = rank(pool, raw, known[path].at(weighting, value)).rank
        return bool(ranks[other] > 0 and (ranks[one] == 0 or ranks[other] < ranks[one]))

    known = axes(pool, weighting, blended=raw is not None)
    for flip in why_above(pool, raw, weighting, one, other).flips:
        if flip.value is None:
            assert not any(turned(flip.path, value) for value in probes(random, flip.path))
            continue
        if flip.value == 0 and flip.path.startswith("weights"):
            assert turned(flip.path, 0.0)
            nearer = random.uniform(1e-9, 2 * flip.current, 20)
        else:
            way = np.sign(flip.value - flip.current) or 1.0
            past = flip.value + way * 1e-9 * max(abs(flip.value), 1.0)
            assert turned(flip.path, past) or turned(flip.path, flip.value - (past - flip.value))
            nearer = flip.current + (flip.value - flip.current) * random.uniform(0, 0.999999, 20)
            mirrored = 2 * flip.current - nearer
            axis = known[flip.path]
            nearer = np.concatenate([nearer, mirrored[(mirrored > axis.low) & (mirrored < axis.high)]])
        assert not any(turned(flip.path, value) for value in nearer.tolist())


@given(CASES, st.integers(1, 6))
@settings(max_examples=10, deadline=None)
def test_reaching_the_first_k(case: tuple[int, str, str, str], k: int) -> None:
    pool, raw, weighting, random = case_of(*case)
    row = int(rank(pool, raw, weighting).order[-1])
    for path, axis in axes(pool, weighting, blended=raw is not None).items():
        turn = reaching(pool, raw, weighting, row, k, path)
        reached = [
            value for value in probes(random, path) if 0 < rank(pool, raw, axis.at(weighting, value)).rank[row] <= k
        ]
        assert turn.value is not None or not reached
        assert all(abs(value - axis.current) >= turn.change - 1e-9 for value in reached)


def test_uncut_leaves_the_order() -> None:
    pool, raw = real_pool(1)
    weighting = Weighting({"lexical": 0.5, "dense": 0.5}, threshold=0.9, offset=4)
    assert rank(*_with(raw, *uncut(pool, weighting))).order.tolist() == rank(pool, raw, weighting).order.tolist()


def _with(
    raw: RerankScores, pool: CandidatePool, weighting: Weighting
) -> tuple[CandidatePool, RerankScores, Weighting]:
    return pool, raw, weighting
