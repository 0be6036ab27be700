"""What holds for every pool and weighting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ranking_pools import NAMES, batch_of, pools, weightings

from engine.ranking import FeatureWeight, WeightGrid, Weighting, fused_scores, rank, top_rows
from engine.records import CandidatePool, Leg, RerankScores, ScoreKind

quick = settings(max_examples=60, deadline=None)


@quick
@given(st.data())
def test_contributions_sum_to_the_fused_score(data: st.DataObject) -> None:
    pool = data.draw(pools())
    ranking = rank(pool, None, data.draw(weightings(pool)))
    total = ranking.contribution.sum(axis=1) + ranking.feature_contribution.sum(axis=1)
    assert total == pytest.approx(ranking.fused_score, abs=1e-12)


@quick
@given(st.data())
def test_weight_times_normalised_is_the_contribution(data: st.DataObject) -> None:
    pool = data.draw(pools())
    weighting = data.draw(weightings(pool))
    assume(weighting.combiner != "comb-mnz")
    ranking = rank(pool, None, weighting)
    counted = ~np.isnan(ranking.normalized)
    assert (ranking.leg_weight * ranking.normalized)[counted] == pytest.approx(ranking.contribution[counted])


@quick
@given(st.data())
def test_raising_a_weight_never_moves_a_document_below_one_the_leg_gives_less(data: st.DataObject) -> None:
    pool = data.draw(pools(features=False, least=2))
    weighting = data.draw(weightings(pool))
    leg = data.draw(st.integers(0, len(pool.legs) - 1))
    name = NAMES[leg]
    raised = replace(
        weighting, weights={**weighting.weights, name: weighting.weights[name] + data.draw(st.floats(0.1, 5))}
    )
    before, after = rank(pool, None, weighting), rank(pool, None, raised)
    gives = before.contribution[:, leg]
    fused = before.fused_score
    for upper in range(len(pool)):
        less = gives < gives[upper] - 1e-9
        clearly_above = fused[upper] > fused + 1e-9
        assert (after.rank[upper] < after.rank)[less & clearly_above].all()


@quick
@given(st.data())
def test_an_absent_score_gives_no_more_than_the_least_present_one(data: st.DataObject) -> None:
    pool = data.draw(pools(least=2))
    ranking = rank(pool, None, data.draw(weightings(pool)))
    for gives, scores in zip(ranking.contribution.T, pool.scores.T, strict=True):
        absent = np.isnan(scores)
        if absent.any() and not absent.all():
            assert gives[absent].max() <= gives[~absent].min() + 1e-12


@quick
@given(st.data())
def test_equal_but_for_an_absent_score_stands_below(data: st.DataObject) -> None:
    """A twin that lacks one of a document's scores never stands above it, under any combiner."""
    pool = data.draw(pools(gaps=False))
    assume(len(pool.legs) > 1)
    row, leg = data.draw(st.integers(0, len(pool) - 1)), data.draw(st.integers(0, len(pool.legs) - 1))
    others = [each for each in range(len(pool.legs)) if each != leg]
    assume(pool.returned[row, others].any())
    scores, returned = pool.scores[row].copy(), pool.returned[row].copy()
    scores[leg], returned[leg] = np.nan, False
    # the twin comes first in the pool: only the rules keep it below
    twins = CandidatePool(
        ids=("twin", *pool.ids),
        legs=pool.legs,
        scores=np.vstack([scores, pool.scores]),
        returned=np.vstack([returned, pool.returned]),
        feature_names=pool.feature_names,
        features=np.vstack([pool.features[row], pool.features]),
    )
    weighting = data.draw(weightings(pool))
    by_position = {"rrf", "borda"} | ({weighting.combiner} if weighting.normalizer == "rank" else set())
    assume(weighting.combiner not in by_position)  # equal scores have different ranks there
    ranking = rank(twins, None, weighting)
    assert ranking.rank[row + 1] < ranking.rank[0]


@quick
@given(st.data())
def test_ties_are_in_order_of_absent_legs_then_pool(data: st.DataObject) -> None:
    pool = data.draw(pools())
    ranking = rank(pool, None, data.draw(weightings(pool)))
    keys = [(-ranking.fused_score[row], int(np.isnan(pool.scores[row]).sum()), row) for row in range(len(pool))]
    assert ranking.order.tolist() == [row for _, _, row in sorted(keys)]


@quick
@given(st.data())
def test_permuting_the_pool_permutes_the_ranking(data: st.DataObject) -> None:
    pool = data.draw(pools())
    weighting = data.draw(weightings(pool))
    for leg in range(len(pool.legs)):  # ranks within a leg break ties by pool order
        found = pool.scores[pool.returned[:, leg], leg]
        assume(len(set(found.tolist())) == len(found))
    ranking = rank(pool, None, weighting)
    assume(len(pool) < 2 or np.diff(np.sort(ranking.fused_score)).min() > 1e-9)
    mix = np.array(data.draw(st.permutations(range(len(pool)))))
    mixed = CandidatePool(
        ids=tuple(pool.ids[row] for row in mix),
        legs=pool.legs,
        scores=pool.scores[mix],
        returned=pool.returned[mix],
        feature_names=pool.feature_names,
        features=pool.features[mix],
    )
    again = rank(mixed, None, weighting)
    assert [mixed.ids[row] for row in again.order] == [pool.ids[row] for row in ranking.order]


@quick
@given(st.data())
def test_a_leg_at_weight_0_changes_nothing(data: st.DataObject) -> None:
    """Against the pool that never had the leg, nor the documents that only it knows."""
    pool = data.draw(pools())
    assume(len(pool.legs) > 1)
    weighting = data.draw(weightings(pool))
    last = NAMES[len(pool.legs) - 1]
    without = pool.returned[:, :-1].any(axis=1)
    assume(without.any())
    smaller = CandidatePool(
        ids=tuple(np.array(pool.ids)[without]),
        legs=pool.legs[:-1],
        scores=pool.scores[without][:, :-1],
        returned=pool.returned[without][:, :-1],
        feature_names=pool.feature_names,
        features=pool.features[without],
    )
    weights = {**weighting.weights, last: 0.0}
    at_0 = rank(pool, None, replace(weighting, weights=weights))
    never = rank(smaller, None, replace(weighting, weights=weights))
    assert [pool.ids[row] for row in at_0.order] == [smaller.ids[row] for row in never.order]
    assert at_0.fused_score[without] == pytest.approx(never.fused_score)
    assert at_0.contribution[without][:, :-1] == pytest.approx(never.contribution)


@quick
@given(st.data())
def test_a_batch_of_weightings_equals_single_ones(data: st.DataObject) -> None:
    pool = data.draw(pools())
    weighting = data.draw(weightings(pool))
    row = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), min_size=len(pool.legs), max_size=len(pool.legs))
    weights = batch_of(data.draw(st.lists(row.filter(any), min_size=1, max_size=6)))
    k = data.draw(st.integers(1, 5))
    fused = fused_scores(pool, weighting, weights)
    best = top_rows(pool, weighting, WeightGrid.of(weights), k)
    for each, scores, first in zip(weights, fused, best, strict=True):
        single = rank(pool, None, replace(weighting, weights=dict(zip(NAMES, each.tolist(), strict=False))))
        assert np.array_equal(scores, single.fused_score, equal_nan=True)
        assert first[first >= 0].tolist() == single.order[:k].tolist()


@quick
@given(st.data())
def test_results_and_dropped_are_the_whole_pool(data: st.DataObject) -> None:
    pool = data.draw(pools())
    raw = np.array(
        data.draw(st.lists(st.sampled_from([np.nan, 0.2, 0.4, 0.8]), min_size=len(pool), max_size=len(pool)))
    )
    none = RerankScores.none(len(pool))
    scores = RerankScores(raw, ScoreKind.PROBABILITY, none.token_similarity, none.tokens, none.truncated)
    weighting = replace(
        data.draw(weightings(pool)),
        blend=data.draw(st.sampled_from(["replace", "weighted", "rank-fusion", "ragflow"])),
        top_n=data.draw(st.integers(1, 12)),
        threshold=data.draw(st.sampled_from([0.0, 0.3])),
        offset=data.draw(st.integers(0, 3)),
        top_k=data.draw(st.integers(1, 5)),
    )
    ranking = rank(pool, scores, weighting)
    kept = {row for row in range(len(pool)) if ranking.drop_rule(row) is None}
    assert kept == set(ranking.results.tolist())
    assert sorted(ranking.order.tolist()) == sorted(ranking.fused_order.tolist()) == list(range(len(pool)))
    assert ranking.rank[ranking.order].tolist() == list(range(1, len(pool) + 1))
    scored = ~np.isnan(ranking.rerank_score)
    assert not scored[ranking.fused_order[weighting.top_n :]].any()
    places = ranking.rank[scored], ranking.rank[~scored]
    assert not len(places[0]) or not len(places[1]) or places[0].max() < places[1].min()


def test_many_weightings_over_a_large_pool_agree_with_a_full_sort() -> None:
    """Enough weightings for many boxes, several patterns, ties, gaps, features and a failed leg."""
    rng = np.random.default_rng(7)
    n = 300
    scores = np.column_stack([rng.integers(0, 9, n), rng.integers(-8, 9, n) / 8, rng.integers(0, 9, n)]).astype(float)
    scores[rng.random((n, 3)) < 0.3] = np.nan
    returned = ~np.isnan(scores) & (rng.random((n, 3)) < 0.8)
    kinds = (ScoreKind.BM25, ScoreKind.COSINE, ScoreKind.SPARSE)
    pool = CandidatePool(
        ids=tuple(map(str, range(n))),
        legs=tuple(Leg(name, kind) for name, kind in zip(NAMES, kinds, strict=False)),
        scores=scores,
        returned=returned,
        feature_names=("pagerank",),
        features=rng.integers(0, 5, (n, 1)).astype(float),
    )
    weights = rng.dirichlet(np.ones(3), 3000)
    weights[:200, 1] = 0
    weighting = Weighting({"gone": 0.5}, features={"pagerank": FeatureWeight(0.02, 1)})
    for combiner in ("convex", "rrf", "comb-mnz", "comb-sum"):
        each = replace(weighting, combiner=combiner)
        best = top_rows(pool, each, WeightGrid.of(weights), 10)
        fused = fused_scores(pool, each, weights)
        for row in range(0, 3000, 37):
            active = weights[row] > 0
            absent = np.isnan(scores[:, active]).sum(axis=1)
            keys = [(-fused[row, doc], absent[doc], doc) for doc in range(n) if not np.isnan(fused[row, doc])]
            assert best[row].tolist() == [doc for _, _, doc in sorted(keys)[:10]]
