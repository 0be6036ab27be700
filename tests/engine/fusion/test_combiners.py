"""Every combiner against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from ranking_pools import NAN, make_pool, weigh

from engine.errors import SettingsError
from engine.fusion.combiners import COMBINERS, combiner
from engine.ranking import FeatureWeight, rank
from engine.records import ScoreKind
from engine.settings import table

# lexical: d0 first, d1 second; dense: d2 first, d1 second, d0's score completed
POOL = make_pool([[4, 0.0], [2, 0.5], [NAN, 1.0]], returned=[[True, False], [True, True], [False, True]])


def test_convex() -> None:
    """theoretical-min-max gives lexical 1, 0.5, absent and dense 0.5, 0.75, 1."""
    ranking = rank(POOL, None, weigh(0.2, 0.6))
    assert ranking.leg_weight == pytest.approx([0.25, 0.75])
    assert ranking.normalized == pytest.approx(np.array([[1, 0.5], [0.5, 0.75], [NAN, 1]]), nan_ok=True)
    assert ranking.contribution == pytest.approx(np.array([[0.25, 0.375], [0.125, 0.5625], [0, 0.75]]))
    assert ranking.fused_score == pytest.approx([0.625, 0.6875, 0.75])
    assert ranking.fused_order.tolist() == [2, 1, 0]


def test_rrf_counts_what_was_returned_and_takes_weights_as_they_are() -> None:
    ranking = rank(POOL, None, weigh(1, 1, combiner="rrf"))
    assert ranking.leg_weight.tolist() == [1, 1]
    assert ranking.fused_score == pytest.approx([1 / 61, 2 / 62, 1 / 61])
    assert np.isnan(ranking.normalized[0, 1])
    # d0 and d2 tie: d0 lacks no score, d2 lacks one
    assert ranking.fused_order.tolist() == [1, 0, 2]
    assert rank(POOL, None, weigh(0.5, 2, combiner="rrf", rank_constant=9)).fused_score == pytest.approx(
        [0.5 / 10, 0.5 / 11 + 2 / 11, 2 / 10]
    )


def test_rrf_ranks_equal_scores_in_pool_order() -> None:
    pool = make_pool([[3], [3], [5]], [ScoreKind.BM25])
    assert rank(pool, None, weigh(1, combiner="rrf")).fused_score == pytest.approx([1 / 62, 1 / 63, 1 / 61])


def test_comb_sum_ignores_weights() -> None:
    for weights in ((0.3, 0.7), (1, 0.1)):
        ranking = rank(POOL, None, weigh(*weights, combiner="comb-sum"))
        assert ranking.leg_weight.tolist() == [1, 1]
        assert ranking.fused_score == pytest.approx([1.5, 1.25, 1])


def test_comb_sum_leaves_a_leg_at_0_out() -> None:
    ranking = rank(POOL, None, weigh(0, 1, combiner="comb-sum"))
    assert ranking.leg_weight.tolist() == [0, 1]
    assert ranking.fused_order.tolist() == [2, 1]


def test_comb_mnz_multiplies_by_the_legs_that_returned() -> None:
    ranking = rank(POOL, None, weigh(0.25, 0.75, combiner="comb-mnz"))
    assert ranking.fused_score == pytest.approx([0.625, 2 * 0.6875, 0.75])
    assert ranking.contribution[1] == pytest.approx([2 * 0.25 * 0.5, 2 * 0.75 * 0.75])


def test_comb_mnz_counts_no_leg_at_0() -> None:
    pool = make_pool([[1, 0.0], [1, 0.5]])
    assert rank(pool, None, weigh(0, 1, combiner="comb-mnz")).fused_score == pytest.approx([2 / 3, 1])


@pytest.mark.parametrize("normalizer", ["identity", "elasticsearch-min-max", "infinity-atan"])
def test_comb_mnz_refuses_what_multiplying_turns_round(normalizer: str) -> None:
    with pytest.raises(SettingsError, match="upside down") as caught:
        rank(POOL, None, weigh(1, 1, combiner="comb-mnz", normalizer=normalizer))
    assert "theoretical-min-max" in caught.value.hint
    lexical = make_pool([[1], [2]], [ScoreKind.BM25])
    assert rank(lexical, None, weigh(1, combiner="comb-mnz", normalizer=normalizer)).order.tolist() == [1, 0]


def test_borda() -> None:
    ranking = rank(POOL, None, weigh(0.25, 0.75, combiner="borda"))
    assert ranking.fused_score == pytest.approx([0.25, 0.25 * 0.5 + 0.75 * 0.5, 0.75])


def test_ragflow() -> None:
    """b as configured, the vector clause boosted by 1 whatever its weight."""
    ranking = rank(POOL, None, weigh(0.05, 0.3, combiner="ragflow"))
    assert ranking.leg_weight.tolist() == [0.05, 1]
    assert ranking.normalized == pytest.approx(np.array([[4, 0.5], [2, 0.75], [NAN, 1]]), nan_ok=True)
    assert ranking.fused_score == pytest.approx([0.7, 0.85, 1.0])


def test_ragflow_adds_features_raw() -> None:
    pool = make_pool([[4, 0.0]], features=[50])
    weighting = weigh(0.05, 1, combiner="ragflow", features={"pagerank": FeatureWeight(1, 1)})
    assert rank(pool, None, weighting).fused_score == pytest.approx([50.7])


def test_what_the_console_greys() -> None:
    assert {name for name, each in COMBINERS.items() if each.frozen_reason} == {"comb-sum", "ragflow"}
    assert {name for name, each in COMBINERS.items() if not each.uses_normalizer} == {"rrf", "borda", "ragflow"}
    assert {name for name, each in COMBINERS.items() if each.uses_rank_constant} == {"rrf"}


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no 'convexx'") as caught:
        combiner("convexx")
    assert "did you mean 'convex'" in caught.value.hint


def test_the_settings_offer_every_combiner() -> None:
    assert set(table.COMBINERS) == set(COMBINERS)
