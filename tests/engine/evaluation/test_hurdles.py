"""What keeps a document out of the first k: each hurdle taken alone brings it in, a little less does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.hurdles import hurdles
from engine.ranking import Weighting, rank
from engine.records import Leg, ScoreKind
from tests.engine.evaluation.tuned_pools import query_set, with_reranker

WEIGHTING = Weighting({"lexical": 0.4, "dense": 0.6}, blend="weighted", top_n=20, blend_weight=0.3)


def test_a_document_among_the_first_has_none() -> None:
    judged = with_reranker(query_set((0.75, 0.25), queries=1))[0]
    first = int(rank(judged.pool, judged.rerank, WEIGHTING).order[0])
    assert hurdles(judged.pool, judged.rerank, WEIGHTING, first, 5) == ()


@pytest.mark.parametrize("reranked", [False, True])
@pytest.mark.parametrize("place", [7, 15, 30])
def test_the_score_that_a_leg_would_have_to_give_is_the_least(place: int, reranked: bool) -> None:
    judged = with_reranker(query_set((0.75, 0.25), queries=1))[0]
    pool, k, rerank = judged.pool, 5, judged.rerank if reranked else None
    row = int(rank(pool, rerank, WEIGHTING).order[place])
    found = {hurdle.name: hurdle for hurdle in hurdles(pool, rerank, WEIGHTING, row, k)}
    assert found["cut"].value == place + 1
    enough = 0
    for leg, name in enumerate(pool.leg_names):
        scores = np.linspace(pool.scores[row, leg], np.nanmax(pool.scores[:, leg]), 400)
        enters = []
        for score in scores:
            other = pool.scores.copy()
            other[row, leg] = score
            enters.append(row in rank(replace(pool, scores=other), rerank, WEIGHTING).order[:k])
        if "not even" in found[name].text:
            assert not enters[-1]
            continue
        needed = float(found[name].text.split("; ")[1].split(" ")[0])
        assert scores[enters.index(True) - 1] <= needed * (1 + 1e-3)
        assert needed <= scores[enters.index(True)] * (1 + 1e-3)
        enough += 1
    assert enough or reranked or place > 7


def test_cuts_name_the_setting_that_lets_it_through() -> None:
    judged = query_set((0.75, 0.25), queries=1)[0]
    pool = replace(judged.pool, legs=(Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.COSINE)))
    dense = pool.leg_names.index("dense")
    row = int(np.nanargmax(pool.scores[:, dense]))
    weighting = Weighting({"dense": 1.0}, similarity_thresholds={"dense": 2.0})
    hurdle = hurdles(pool, None, weighting, row, 5)[0]
    assert hurdle.path == "legs.dense.similarity_threshold"
    assert hurdle.value is not None
    through = replace(weighting, similarity_thresholds={"dense": float(hurdle.value)})
    assert row in rank(pool, None, through).order

    cut = Weighting({"lexical": 0.4, "dense": 0.6}, threshold=2.0, rerank_enabled=False)
    best = int(rank(pool, None, replace(cut, threshold=0.0)).order[0])
    hurdle = hurdles(pool, None, cut, best, 5)[0]
    assert hurdle.path == "cut.threshold"
    assert hurdle.value is not None
    assert best in rank(pool, None, replace(cut, threshold=float(hurdle.value))).results
