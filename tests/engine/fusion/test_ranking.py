"""``rank``: who is ranked, ties, thresholds, groups, the cut and the reasons for what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from ranking_pools import NAN, make_pool, reranked, weigh

from engine.errors import SettingsError
from engine.fusion.order import by_rank, descending
from engine.ranking import FeatureWeight, Fuser, Weighting, rank
from engine.records import CandidatePool, DropRule, Leg, Ranking, ScoreKind
from engine.settings.schema import DenseLeg, FeatureSettings, RerankSettings, Settings

BM25, COSINE = ScoreKind.BM25, ScoreKind.COSINE


def rules(ranking: Ranking) -> list[str | None]:
    return [rule and rule.value for rule in map(ranking.drop_rule, range(len(ranking.dropped)))]


def test_an_absent_score_never_stands_above_an_equal_document_that_has_it() -> None:
    """The worst score of a leg and no score at all give the same under min-max; a combiner must not reward the gap."""
    pool = make_pool([[5, NAN], [5, 0.1], [1, 0.9]])
    ranking = rank(pool, None, weigh(1, 1, normalizer="min-max"))
    assert ranking.fused_score[0] == ranking.fused_score[1]
    assert ranking.fused_order.tolist() == [1, 2, 0]  # d1 and d2 tie at 0.5 and lack nothing


def test_a_pool_is_fused_once_for_every_look_at_it() -> None:
    """And what one look drops is not dropped for the next."""
    pool, fuser = make_pool([[5, 0.3], [5, 0.1], [1, 0.9]]), Fuser()
    narrow, wide = weigh(1, 1, top_k=1), weigh(1, 1, top_k=3)
    for weighting in (narrow, wide, narrow):
        ranking, alone = rank(pool, None, weighting, fuser(pool, weighting)), rank(pool, None, weighting)
        assert ranking.results.tolist() == alone.results.tolist()
        assert rules(ranking) == rules(alone)
    fused = fuser(pool, wide)
    assert fuser(pool, weigh(1, 1, top_k=3)) is fused
    assert rules(rank(pool, None, wide, fused)) == [None, None, None]
    assert fuser(make_pool([[1, 1]]), wide) is not fused


def test_ties_by_fewer_absent_legs_then_pool_order() -> None:
    pool = make_pool([[2, NAN], [2, -1.0], [2, NAN], [2, -1.0]])
    assert rank(pool, None, weigh(1, 1)).order.tolist() == [1, 3, 0, 2]


def test_legs_at_weight_0_do_not_break_ties() -> None:
    pool = make_pool([[2, NAN], [2, 0.5]])
    assert rank(pool, None, weigh(1, 0)).order.tolist() == [0, 1]


def test_a_failed_legs_weight_still_divides() -> None:
    pool = make_pool([[2], [1]], [BM25])
    ranking = rank(pool, None, Weighting({"lexical": 0.3, "dense": 0.7}))
    assert ranking.leg_weight == pytest.approx([0.3])
    assert ranking.fused_score == pytest.approx([0.3, 0.15])


def test_weight_0_documents_are_not_ranked_and_change_no_statistic() -> None:
    """d2 is known to dense alone; with it, min-max of the lexical leg would start at its completed 0."""
    pool = make_pool([[4, 0.9], [2, 0.1], [0, 0.8]], returned=[[True, False], [True, False], [False, True]])
    ranking = rank(pool, None, weigh(1, 0, normalizer="min-max"))
    assert ranking.fused_score[:2].tolist() == [1, 0]
    assert np.isnan(ranking.fused_score[2])
    assert np.isnan(ranking.score[2])
    assert ranking.rank.tolist() == [1, 2, 0]
    assert rules(ranking) == [None, None, "weight-zero"]
    assert ranking.contribution[2].tolist() == [0, 0]


def test_the_scores_of_a_leg_at_weight_0_are_still_shown_normalised() -> None:
    pool = make_pool([[4, 0.5], [2, 0.0]])
    assert rank(pool, None, weigh(1, 0)).normalized[:, 1] == pytest.approx([1, 2 / 3])


def test_similarity_threshold() -> None:
    """d0: a cosine below it counts as absent; d1: only the dense leg had returned it."""
    pool = make_pool([[3, 0.1], [NAN, 0.15], [1, 0.8]])
    ranking = rank(pool, None, weigh(0.5, 0.5, similarity_thresholds={"dense": 0.2}))
    assert np.isnan(ranking.normalized[0, 1])
    assert ranking.contribution[0, 1] == 0
    assert ranking.fused_score[0] == pytest.approx(0.5)
    assert ranking.order.tolist() == [2, 0]
    assert rules(ranking) == [None, "similarity_threshold", None]


def test_similarity_threshold_keeps_a_cosine_that_equals_it_and_statistics_leave_out_the_others() -> None:
    pool = make_pool([[3, 0.1], [2, 0.5], [1, 0.7]])
    ranking = rank(pool, None, weigh(0.5, 0.5, normalizer="min-max", similarity_thresholds={"dense": 0.5}))
    assert ranking.normalized[:, 1] == pytest.approx([NAN, 0, 1], nan_ok=True)


def test_similarity_threshold_on_another_kind_says_that_it_does_nothing() -> None:
    pool = make_pool([[3, 5.0]], [BM25, ScoreKind.DOT])
    ranking = rank(pool, None, weigh(1, 1, similarity_thresholds={"dense": 9}))
    assert ranking.rank.tolist() == [1]
    assert "dot scores" in ranking.warnings[0]


def test_the_threshold_of_a_leg_at_weight_0_drops_by_weight_zero() -> None:
    pool = make_pool([[3, NAN], [NAN, 0.1]])
    assert rules(rank(pool, None, weigh(1, 0, similarity_thresholds={"dense": 0.5}))) == [None, "weight-zero"]


def test_a_document_that_no_leg_returned_fell_below_every_top_k() -> None:
    pool = make_pool([[3, 0.5], [1, 0.2]], returned=[[True, True], [False, False]])
    ranking = rank(pool, None, weigh(1, 1))
    assert rules(ranking) == [None, "top_k"]
    assert ranking.rank.tolist() == [1, 0]


def test_features_are_added_once_after_the_legs() -> None:
    pool = make_pool([[4], [4], [2]], [BM25], features=[0, NAN, 100])
    weighting = weigh(1, features={"pagerank": FeatureWeight(0.01, 0.8)})
    ranking = rank(pool, None, weighting)
    assert ranking.feature_contribution[:, 0] == pytest.approx([0, 0, 0.8])
    assert ranking.fused_score == pytest.approx([1, 1, 1.3])
    assert ranking.order.tolist() == [2, 0, 1]


def test_a_feature_that_the_pool_lacks_is_said() -> None:
    pool = make_pool([[4]], [BM25])
    weighting = weigh(1, features={"pagerank": FeatureWeight(1, 1), "unused": FeatureWeight(1, 0)})
    assert rank(pool, None, weighting).warnings == (
        "the candidates have no column for pagerank: such a feature adds nothing",
    )


FIVE = make_pool([[10], [8], [6], [4], [2]], [BM25])


def test_offset_and_top_k_cut_after_sorting() -> None:
    pool = make_pool([[2], [10], [6], [8], [4]], [BM25])
    ranking = rank(pool, None, weigh(1, offset=1, top_k=2))
    assert ranking.results.tolist() == [3, 2]
    assert rules(ranking) == ["top_k", "offset", None, None, "top_k"]
    assert ranking.order.tolist() == [1, 3, 2, 4, 0]


def test_threshold_keeps_what_the_reranker_scored_well_and_drops_the_unscored() -> None:
    ranking = rank(FIVE, reranked(0.2, 0.9, 0.5, NAN, NAN), weigh(1, threshold=0.5))
    assert ranking.results.tolist() == [1, 2]
    assert rules(ranking) == ["threshold", None, None, "threshold", "threshold"]
    assert ranking.warnings == ()


def test_threshold_uses_rerank_score_whatever_the_blend() -> None:
    ranking = rank(FIVE, reranked(0.2, 0.9, 0.5, NAN, NAN), weigh(1, threshold=0.5, blend="rank-fusion"))
    assert sorted(ranking.results.tolist()) == [1, 2]


def test_threshold_on_fused_scores_warns() -> None:
    ranking = rank(FIVE, None, weigh(1, threshold=0.6))
    assert ranking.results.tolist() == [0, 1, 2]
    assert "no absolute meaning" in ranking.warnings[0]


def test_threshold_0_is_off() -> None:
    pool = make_pool([[-3.0], [-9.0]], [ScoreKind.LOGIT])
    ranking = rank(pool, None, weigh(1, normalizer="identity"))
    assert ranking.results.tolist() == [0, 1]
    assert ranking.warnings == ()


def test_groups_keep_the_best_of_each() -> None:
    pool = make_pool([[10], [8], [6], [4], [2]], [BM25], groups=("a", "", "a", "", "b"))
    ranking = rank(pool, None, weigh(1, top_k=3))
    assert ranking.results.tolist() == [0, 1, 3]
    assert rules(ranking) == [None, None, "group", None, "top_k"]


def test_groups_are_made_of_what_the_threshold_kept() -> None:
    pool = make_pool([[10], [8], [6]], [BM25], groups=("a", "a", "a"))
    ranking = rank(pool, reranked(0.1, 0.6, 0.7), weigh(1, threshold=0.5))
    assert ranking.results.tolist() == [2]
    assert rules(ranking) == ["threshold", "group", None]


def test_no_documents_and_no_legs() -> None:
    for pool in (CandidatePool.empty(), CandidatePool.empty((Leg("lexical", BM25),))):
        ranking = rank(pool, None, weigh(1, 1))
        assert ranking.order.tolist() == ranking.results.tolist() == []


def test_all_weights_0_is_an_error() -> None:
    with pytest.raises(SettingsError, match="all of them are 0") as caught:
        weigh(0, 0)
    assert caught.value.path == "weights"


@pytest.mark.parametrize("weight", [-0.1, NAN, float("inf")])
def test_a_weight_is_a_number_of_0_and_above(weight: float) -> None:
    with pytest.raises(SettingsError, match=r"weights\.dense"):
        weigh(1, weight)


def test_only_the_failed_leg_weighs() -> None:
    """The pool knows documents of a leg at 0 alone: nothing is ranked, nothing is divided by 0."""
    ranking = rank(make_pool([[3]], [BM25]), None, Weighting({"lexical": 0, "dense": 1}))
    assert ranking.order.tolist() == []
    assert ranking.drop_rule(0) is DropRule.WEIGHT_ZERO


def test_a_pool_is_never_changed() -> None:
    pool = make_pool([[4, 0.5], [2, 0.9]], features=[1, 2])
    for array in (pool.scores, pool.returned, pool.features):
        array.setflags(write=False)
    for normalizer in ("identity", "min-max", "theoretical-min-max"):
        rank(pool, reranked(0.1, 0.2), weigh(1, 1, normalizer=normalizer))


def test_weighting_of_settings() -> None:
    settings = Settings(
        legs={"dense": DenseLeg(similarity_threshold=0.2)},
        weights={"dense": 1.0},
        features={"pagerank": FeatureSettings(field="pr", scale=0.1, weight=2.0)},
        rerank=RerankSettings(top_n=7, weight=0.4),
    )
    weighting = Weighting.of(settings)
    assert weighting.blend == "weighted"
    assert weighting.similarity_thresholds == {"dense": 0.2}
    assert weighting.features["pagerank"].factor == pytest.approx(0.2)
    assert (weighting.top_n, weighting.blend_weight, weighting.top_k) == (7, 0.4, 10)


def test_descending_breaks_ties_by_absent_then_position() -> None:
    scores = np.array([1.0, 2.0, 1.0, 2.0, 0.0, -0.0])
    assert descending(scores).tolist() == [1, 3, 0, 2, 4, 5]
    assert descending(scores, np.array([1, 2, 0, 1, 1, 0])).tolist() == [3, 1, 2, 0, 5, 4]
    assert descending(np.zeros(0)).tolist() == []


def test_places_are_those_among_what_counts() -> None:
    scores = np.array([[3.0, 9.0, 3.0, NAN], [1.0, NAN, 2.0, 3.0]])
    counted = np.array([[True, True, True, False], [False, False, True, True]])
    places = by_rank(scores, counted, lambda count: np.arange(1.0, count + 1))
    assert np.array_equal(places, [[2, 1, 3, NAN], [NAN, NAN, 2, 1]], equal_nan=True)
