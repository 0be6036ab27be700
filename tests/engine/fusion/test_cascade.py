"""``rank`` with a cascade: each stage reorders the best that the one before it scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ranking_pools import NAN, make_pool, reranked, weigh

from engine.evaluation.orders import orders, places
from engine.evaluation.turning import Sweep
from engine.fusion.weighting import Blending, cascade_of
from engine.ranking import WeightGrid, Weighting, rank
from engine.records import RerankScores, ScoreKind
from engine.settings.schema import RerankSettings, RerankStage, Settings

POOL = make_pool([[6, 0.0], [5, 0.0], [4, 0.0], [3, 0.0], [2, 0.0]])
SMALL = reranked(0.1, 0.5, 0.9, 0.7, NAN)  # after it: d2, d3, d1, d0, d4
LARGE = reranked(NAN, NAN, -2.0, 3.0, NAN, kind=ScoreKind.LOGIT)


def cascade(small: RerankScores, *further: RerankScores) -> RerankScores:
    return replace(small, cascade=further)


def weighting(*stages: Blending) -> Weighting:
    return weigh(1, 0, top_n=4, cascade=stages)


def test_the_second_stage_reorders_the_best_of_the_first() -> None:
    ranking = rank(POOL, cascade(SMALL, LARGE), weighting(Blending(top_n=2)))
    assert ranking.order.tolist() == [3, 2, 1, 0, 4]
    assert ranking.rank.tolist() == [4, 3, 2, 1, 5]


def test_every_stage_keeps_its_ranks_and_scores() -> None:
    ranking = rank(POOL, cascade(SMALL, LARGE), weighting(Blending(top_n=2)))
    first, second = ranking.stages
    assert first.rank.tolist() == [4, 3, 1, 2, 5]
    assert first.score[:4].tolist() == [0.1, 0.5, 0.9, 0.7]
    assert second.rank.tolist() == ranking.rank.tolist()
    assert second.score[2:4] == pytest.approx(1 / (1 + np.exp([2.0, -3.0])))
    assert np.isnan(second.score[[0, 1, 4]]).all()
    assert [ranking.deepest(row) for row in range(5)] == [0, 0, 1, 1, 0]


def test_the_score_shown_is_of_the_stage_that_spoke_last() -> None:
    ranking = rank(POOL, cascade(SMALL, LARGE), weighting(Blending(top_n=2)))
    assert ranking.rerank_score[:2].tolist() == [0.1, 0.5]
    assert ranking.rerank_score[2:4] == pytest.approx(1 / (1 + np.exp([2.0, -3.0])))
    assert np.isnan(ranking.rerank_score[4])


def test_a_stage_takes_only_what_the_one_before_scored() -> None:
    """d4 has a score of the large model (of another order), but the small one never saw it."""
    large = reranked(NAN, NAN, 0.2, 0.1, 0.9)
    ranking = rank(POOL, cascade(SMALL, large), weighting(Blending(top_n=5)))
    assert ranking.order.tolist() == [2, 3, 1, 0, 4]


def test_a_stage_that_failed_leaves_the_order_of_the_one_before() -> None:
    alone = rank(POOL, SMALL, weigh(1, 0, top_n=4))
    ranking = rank(POOL, cascade(SMALL, RerankScores.none(5)), weighting(Blending(top_n=2)))
    assert ranking.order.tolist() == alone.order.tolist() == [2, 3, 1, 0, 4]
    assert np.isnan(ranking.stages[1].score).all()
    np.testing.assert_array_equal(ranking.score, alone.score)


def test_a_first_stage_that_failed_leaves_the_second_the_fused_list() -> None:
    ranking = rank(POOL, cascade(RerankScores.none(5), reranked(0.2, 0.8, NAN, NAN, NAN)), weighting(Blending(top_n=2)))
    assert ranking.order.tolist() == [1, 0, 2, 3, 4]


def test_weighted_blends_with_the_score_of_the_stage_before() -> None:
    """Half of each, both min-max over the two: d2 1 and 0, d3 0 and 1, so the earlier order stands; at 0.6 it turns."""
    half = rank(POOL, cascade(SMALL, LARGE), weighting(Blending(top_n=2, blend="weighted", weight=0.5)))
    more = rank(POOL, cascade(SMALL, LARGE), weighting(Blending(top_n=2, blend="weighted", weight=0.6)))
    assert half.order[:2].tolist() == [2, 3]
    assert more.order[:2].tolist() == [3, 2]
    assert more.score[[2, 3]] == pytest.approx([0.4, 0.6])


def test_without_a_cascade_there_are_no_stages() -> None:
    assert rank(POOL, SMALL, weigh(1, 0, top_n=4)).stages == ()


def test_a_sweep_gives_what_rank_gives() -> None:
    scores, how = cascade(SMALL, LARGE), weighting(Blending(top_n=2))
    found = orders(POOL, scores, how, Sweep(WeightGrid.of(np.array([[1.0, 0.0], [0.5, 0.5]]))), 5)
    assert found.tolist() == [[3, 2, 1, 0, 4]] * 2
    assert places(POOL, scores, how, Sweep(WeightGrid.of(np.array([[1.0, 0.0]]))), 2).tolist() == [2]


def test_a_stage_switched_off_is_no_part_of_the_weighting() -> None:
    stages = {"off": RerankStage(enabled=False), "large": RerankStage(provider="local", top_n=7, blend="auto")}
    settings = Settings(rerank=RerankSettings(cascade=stages))
    assert list(cascade_of(settings.rerank)) == ["large"]
    assert Weighting.of(settings).cascade == (Blending(7, "replace"),)
