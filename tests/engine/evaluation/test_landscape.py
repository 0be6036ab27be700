"""A strip's scores are those of ``rank`` and the metric, value by value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.counterfactual import top_changes
from engine.evaluation.judged import JudgedPool
from engine.evaluation.landscape import landscape, stops
from engine.evaluation.lines import Axis
from engine.evaluation.metrics import parse
from engine.ranking import FeatureWeight, Weighting, rank
from engine.records import CandidatePool
from tests.engine.evaluation.tuned_pools import query_set, with_reranker

NDCG = parse("ndcg@10")


def score(judged: JudgedPool, weighting: Weighting) -> float:
    order = rank(judged.pool, judged.rerank, weighting).order
    return float(NDCG.scores(judged.in_order(order[None, :]), judged.grades)[0])


@pytest.mark.parametrize("path", ["weights.lexical", "rerank.weight"])
@pytest.mark.parametrize("reranked", [False, True])
def test_scores_are_those_of_rank(path: str, reranked: bool) -> None:
    pools = query_set((0.75, 0.25), queries=7)
    pools = with_reranker(pools) if reranked else pools
    weighting = Weighting({"lexical": 0.4, "dense": 0.6}, blend="weighted", top_n=20, blend_weight=0.3)
    found = landscape(pools, weighting, path, NDCG)
    for value, mean in zip(found.values.tolist(), found.scores.tolist(), strict=True):
        turned = replace(weighting, blend_weight=value)
        if path == "weights.lexical":
            turned = replace(weighting, weights={"lexical": value, "dense": 0.6})
        assert mean == pytest.approx(np.mean([score(each, turned) for each in pools]), abs=1e-12)
    assert found.plateau[np.nanargmax(found.scores)]
    assert found.queries == 7
    if path == "rerank.weight" and not reranked:
        assert not found.changes.any()
        assert found.plateau.all()


def test_changes_of_one_query_are_those_of_the_exact_turns() -> None:
    judged = query_set((0.75, 0.25), queries=1)[0]
    weighting = Weighting({"lexical": 0.4, "dense": 0.6})
    found = landscape([judged], weighting, "weights.lexical", NDCG)
    turns = [change.value for change in top_changes(judged.pool, None, weighting, "weights.lexical")]
    for low, high, changed in zip(found.values[1:-1], found.values[2:], found.changes[1:], strict=True):
        if changed:
            assert any(low <= turn <= high for turn in turns)


def test_the_only_leg_cannot_weigh_nothing() -> None:
    judged = query_set((1.0,), queries=2)
    found = landscape(judged, Weighting({"lexical": 0.4}), "weights.lexical", NDCG)
    assert np.isnan(found.scores[0])
    assert not found.plateau[0]
    assert found.plateau[1:].all()
    assert not found.changes[1:].any()


def test_a_leg_that_failed_changes_nothing() -> None:
    judged = query_set((0.5, 0.5), queries=2)
    weighting = Weighting({"lexical": 0.4, "dense": 0.6, "gone": 0.3})
    found = landscape(judged, weighting, "weights.gone", NDCG)
    assert len(set(found.scores.tolist())) == 1
    assert not found.changes.any()


def test_a_feature_and_an_unjudged_query() -> None:
    judged, other = query_set((0.5, 0.5), queries=2)
    random = np.random.default_rng(0)

    def with_feature(pool: CandidatePool) -> CandidatePool:
        return replace(pool, feature_names=("pagerank",), features=random.random((len(pool), 1)))

    pools = [replace(judged, pool=with_feature(judged.pool)), replace(other, pool=with_feature(other.pool))]
    pools[1] = replace(pools[1], grades=np.zeros(0))
    weighting = Weighting({"lexical": 0.5, "dense": 0.5}, features={"pagerank": FeatureWeight(2.0, 0.1)})
    found = landscape(pools, weighting, "features.pagerank.weight", NDCG, np.array([0.0, 0.5]))
    assert found.queries == 1
    for value, mean in zip((0.0, 0.5), found.scores.tolist(), strict=True):
        turned = replace(weighting, features={"pagerank": FeatureWeight(2.0, value)})
        assert mean == pytest.approx(score(pools[0], turned))


def test_stops_are_the_sliders() -> None:
    assert stops(Axis("weights.dense", 0.7, 0, np.inf)).tolist() == pytest.approx(np.arange(21) / 20)
    assert stops(Axis("weights.dense", 1.33, 0, np.inf))[-1] == 1.33
    assert 0.42 in stops(Axis("rerank.weight", 0.42, 0, 1)).tolist()
