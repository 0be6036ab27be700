"""Blends, ``rerank.score`` and what is scored, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ranking_pools import NAN, make_pool, reranked, weigh

from engine.errors import SettingsError
from engine.fusion.blends import BLENDS, blend, resolve
from engine.fusion.blends.base import rerank_score
from engine.ranking import FeatureWeight, rank
from engine.records import ScoreKind
from engine.settings import table

# one leg, fused order d0 … d4, fused scores 1, 0.8, 0.6, 0.4, 0.2
POOL = make_pool([[10], [8], [6], [4], [2]], [ScoreKind.BM25])


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (ScoreKind.PROBABILITY, [0.2, 0.9], [0.2, 0.9]),
        (ScoreKind.LOGIT, [0, math.log(3), -1e4], [0.5, 0.75, 0]),
        (ScoreKind.COSINE, [-1, 0, 0.5], [0, 0.5, 0.75]),
        (ScoreKind.JUDGE, [1, 5, 2], [0, 1, 0.25]),
        (ScoreKind.UNKNOWN, [7, 7], [1, 1]),
    ],
)
def test_rerank_score(kind: ScoreKind, raw: list[float], expected: list[float]) -> None:
    assert rerank_score(np.array(raw, dtype=np.float64), kind) == pytest.approx(expected)


def test_replace_orders_by_raw_score_and_the_rest_follows() -> None:
    ranking = rank(POOL, reranked(-1, 2, NAN, 1, NAN, kind=ScoreKind.LOGIT), weigh(1))
    assert ranking.order.tolist() == [1, 3, 0, 2, 4]
    assert ranking.fused_order.tolist() == [0, 1, 2, 3, 4]
    assert ranking.rank.tolist() == [3, 1, 4, 2, 5]
    assert ranking.rerank_score[1] == pytest.approx(1 / (1 + math.exp(-2)))
    assert np.isnan(ranking.rerank_score[[2, 4]]).all()
    assert ranking.score[1] == ranking.rerank_score[1]
    assert ranking.score[2] == ranking.fused_score[2] == 0.6
    assert np.isnan(ranking.blend_fused).all()


def test_scores_that_saturate_are_still_ordered_by_the_raw_ones() -> None:
    ranking = rank(POOL, reranked(40, 50, NAN, NAN, NAN, kind=ScoreKind.LOGIT), weigh(1))
    assert ranking.rerank_score[0] == ranking.rerank_score[1] == 1
    assert ranking.order.tolist()[:2] == [1, 0]


def test_weighted_normalises_over_the_scored_ones() -> None:
    """Fused 1, 0.8, 0.6 → 1, 0.5, 0; raw 0.3, 0.7, 0.5 → 0, 1, 0.5."""
    ranking = rank(POOL, reranked(0.3, 0.7, 0.5, NAN, NAN), weigh(1, blend="weighted", blend_weight=0.6))
    assert ranking.score[:3] == pytest.approx([0.4, 0.2 + 0.6, 0.3])
    assert ranking.blend_fused[:3] == pytest.approx([0.4, 0.2, 0])
    assert ranking.blend_rerank[:3] == pytest.approx([0, 0.6, 0.3])
    assert ranking.order.tolist() == [1, 0, 2, 3, 4]
    assert ranking.rerank_score[:3].tolist() == [0.3, 0.7, 0.5]


def test_weighted_refuses_a_scale_that_the_rerankers_kind_does_not_suit() -> None:
    weighting = weigh(1, blend="weighted", rerank_normalizer="max")
    with pytest.raises(SettingsError, match="the reranker has logit scores") as caught:
        rank(POOL, reranked(1, 2, 3, 4, 5, kind=ScoreKind.LOGIT), weighting)
    assert caught.value.path == "rerank.normalizer"


def test_rank_fusion() -> None:
    """d1 is a gap: d2 keeps its place 3 in the fused list."""
    ranking = rank(POOL, reranked(0.1, NAN, 0.9, NAN, NAN), weigh(1, blend="rank-fusion", rerank_rank_constant=10))
    assert ranking.score[[0, 2]] == pytest.approx([1 / 11 + 1 / 12, 1 / 13 + 1 / 11])
    assert ranking.order.tolist() == [0, 2, 1, 3, 4]


def test_ragflow_takes_scores_in_0_to_1_as_they_are() -> None:
    pool = make_pool([[10], [8]], [ScoreKind.BM25], features=[0, 3])
    features = {"pagerank": FeatureWeight(0.1, 1)}
    scores = reranked(0.5, 0.25, tokens=[0.8, 0.4])
    ranking = rank(pool, scores, weigh(1, blend="ragflow", blend_weight=0.3, features=features))
    assert ranking.score == pytest.approx([0.7 * 0.8 + 0.3 * 0.5, 0.7 * 0.4 + 0.3 * 0.25 + 0.3])


def test_ragflow_scales_scores_beyond_0_to_1() -> None:
    scores = reranked(-2, 6, 2, NAN, NAN, kind=ScoreKind.LOGIT, tokens=[1, 0, 0.5, NAN, NAN])
    ranking = rank(POOL, scores, weigh(1, blend="ragflow", blend_weight=0.5))
    assert ranking.score[:3] == pytest.approx([0.5, 0.5, 0.5])
    assert ranking.order.tolist() == [0, 1, 2, 3, 4]


def test_ragflow_says_which_documents_lack_token_similarity() -> None:
    ranking = rank(POOL, reranked(0.5, 0.4, NAN, NAN, NAN), weigh(1, blend="ragflow"))
    assert "2 scored documents have no token similarity" in ranking.warnings[0]
    assert ranking.score[:2] == pytest.approx([0.15, 0.12])


@pytest.mark.parametrize("name", BLENDS)
def test_flat_scores_keep_the_fused_order(name: str) -> None:
    ranking = rank(POOL, reranked(*[0.5] * 5, tokens=[0.5] * 5), weigh(1, blend=name))
    assert ranking.order.tolist() == [0, 1, 2, 3, 4]
    assert "the same score" in ranking.warnings[0]


def test_scores_count_only_inside_the_first_top_n_of_the_present_fused_order() -> None:
    scores = reranked(0.1, 0.2, 0.3, 0.4, 0.5)
    assert rank(POOL, scores, weigh(1, top_n=2)).order.tolist() == [1, 0, 2, 3, 4]
    assert rank(POOL, scores, weigh(1, top_n=4)).order.tolist() == [3, 2, 1, 0, 4]
    assert np.isnan(rank(POOL, scores, weigh(1, top_n=2)).rerank_score[2:]).all()


def test_a_disabled_reranker_changes_nothing() -> None:
    off = rank(POOL, reranked(0.1, 0.2, 0.3, 0.4, 0.5), weigh(1, rerank_enabled=False))
    assert off.order.tolist() == [0, 1, 2, 3, 4]
    assert np.isnan(off.rerank_score).all()


def test_resolve() -> None:
    assert resolve("auto", "term") == "weighted"
    assert resolve("auto", "local") == "replace"
    assert resolve("ragflow", "term") == "replace"
    assert resolve("ragflow", "cohere") == "ragflow"
    assert resolve("rank-fusion", "term") == "rank-fusion"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no 'weighed'") as caught:
        blend("weighed")
    assert "did you mean 'weighted'" in caught.value.hint


def test_the_settings_offer_every_blend() -> None:
    assert set(table.BLENDS) == {"auto", *BLENDS}
