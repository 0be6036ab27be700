"""Presets give settings that are valid, and rank as the product that they imitate."""

from __future__ import annotations

import pytest
from ranking_pools import make_pool

from engine.errors import SettingsError
from engine.fusion.presets import PRESETS, apply, preset_values
from engine.ranking import Weighting, rank
from engine.rerankers.term import QUIRKS
from engine.settings.schema import DenseLeg, FeatureSettings, LexicalLeg, Settings

# lexical finds d0, d1, d2; dense finds d2, d1, d0
POOL = make_pool([[9, 0.1], [5, 0.5], [1, 0.9]])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_applies_and_ranks(name: str) -> None:
    settings = apply(Settings(), name)
    near = make_pool([[9, 0.3], [5, 0.5], [1, 0.9]])
    assert sorted(rank(near, None, Weighting.of(settings)).order.tolist()) == [0, 1, 2]
    assert "\n" not in PRESETS[name].summary
    assert apply(settings, name) == settings


def test_the_presets_that_were_promised() -> None:
    promised = {"ragflow", "elasticsearch-linear", "elasticsearch-rrf", "opensearch-hybrid", "semantik"}
    assert promised | {"quality", "balanced", "speed"} <= PRESETS.keys()


def test_ragflow() -> None:
    settings = apply(Settings(features={"pr": FeatureSettings(field="pr", scale=0.01)}), "ragflow")
    assert (settings.features["pr"].scale, settings.features["pr"].weight) == (1, 1)
    assert settings.rerank.quirks == list(QUIRKS)
    weighting = Weighting.of(settings)
    assert weighting.blend == "replace"
    # d0's cosine is below 0.2 and counts as absent
    assert rank(POOL, None, weighting).fused_score == pytest.approx([0.45, 0.25 + 0.75, 0.05 + 0.95])


def test_elasticsearch_rrf_gives_the_plain_formula() -> None:
    ranking = rank(POOL, None, Weighting.of(apply(Settings(), "elasticsearch-rrf")))
    assert ranking.fused_score == pytest.approx([1 / 61 + 1 / 63, 2 / 62, 1 / 63 + 1 / 61])


def test_opensearch_hybrid_gives_the_least_0_001() -> None:
    ranking = rank(POOL, None, Weighting.of(apply(Settings(), "opensearch-hybrid")))
    assert ranking.fused_score == pytest.approx([(1 + 0.001) / 2, 0.5, (0.001 + 1) / 2])


def test_elasticsearch_linear_gives_raw_scores_where_all_are_equal() -> None:
    pool = make_pool([[7, 0.1], [7, 0.5]])
    ranking = rank(pool, None, Weighting.of(apply(Settings(), "elasticsearch-linear")))
    assert ranking.fused_score == pytest.approx([3.5, 4])


def test_a_preset_goes_by_the_kind_of_a_leg_not_its_name() -> None:
    settings = Settings(
        legs={"words": LexicalLeg(), "small": DenseLeg(), "large": DenseLeg()},
        weights={"words": 0.2, "small": 0.3, "large": 0.5},
    )
    changed = apply(settings, "ragflow")
    assert changed.weights == {"words": 0.05, "small": 1, "large": 1}
    assert [changed.legs[name].similarity_threshold for name in ("small", "large")] == [0.2, 0.2]  # type: ignore[union-attr]


def test_a_preset_that_leaves_no_leg_is_refused() -> None:
    with pytest.raises(SettingsError, match="all of them are 0"):
        apply(Settings(legs={"lexical": LexicalLeg()}, weights={"lexical": 1.0}), "ragflow-2026-07")


def test_values_are_by_dotted_name() -> None:
    assert preset_values("speed", Settings())["rerank.enabled"] is False


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        apply(Settings(), "elastic-rrf")
    assert "did you mean 'elasticsearch-rrf'" in caught.value.hint
