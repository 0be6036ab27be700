"""What would bring a document in: each change that is named is tried with ``rank``."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.entering import Way, ways_in, ways_of_absent
from engine.evaluation.lines import axes
from engine.ranking import Weighting, rank
from engine.records import CandidatePool, Leg, RerankScores, ScoreKind
from engine.settings import knobs
from engine.settings.schema import Settings
from engine.tracking import Tracked, TrackedLeg


def pool_of(scores: list[list[float]]) -> CandidatePool:
    values = np.array(scores, dtype=np.float64)
    legs = (Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.COSINE))
    return CandidatePool(tuple("ABCDEF"[: len(values)]), legs, np.nan_to_num(values), ~np.isnan(values))


def scores_of(*raw: float) -> RerankScores:
    none = RerankScores.none(len(raw))
    return RerankScores(np.array(raw), ScoreKind.PROBABILITY, none.token_similarity, none.tokens, none.truncated)


def by_path(ways: tuple[Way, ...]) -> dict[str, Way]:
    return {way.path: way for way in ways}


def test_a_result_needs_nothing() -> None:
    assert ways_in(pool_of([[3, 0.5], [1, 0.2]]), None, Weighting({"lexical": 1.0, "dense": 1.0}), 0, 1) == ()


def test_weights_and_top_k() -> None:
    pool = pool_of([[10, 0.2], [8, 0.3], [2, 0.9]])
    weighting = Weighting({"lexical": 0.9, "dense": 0.1})
    ways = by_path(ways_in(pool, None, weighting, 2, 1))
    assert ways["cut.top_k"].value == 3
    for path, axis in axes(pool, weighting).items():
        value = ways[path].value
        assert isinstance(value, float)
        past = value + math.copysign(1e-6, value - axis.current)
        assert rank(pool, None, axis.at(weighting, past)).order[0] == 2
        assert rank(pool, None, axis.at(weighting, value - math.copysign(1e-6, value - axis.current))).order[0] != 2


def test_thresholds() -> None:
    pool = pool_of([[10, 0.9], [8, 0.8], [9, 0.7]])
    raw = scores_of(0.9, 0.3, 0.5)
    weighting = Weighting({"lexical": 0.5, "dense": 0.5}, threshold=0.4)
    assert by_path(ways_in(pool, raw, weighting, 1, 3))["cut.threshold"].value == pytest.approx(0.3)
    assert by_path(ways_in(pool, raw, weighting, 1, 2))["cut.threshold"].value is None
    dense_only = pool_of([[10, 0.9], [8, 0.8], [math.nan, 0.3]])
    strict = Weighting({"lexical": 0.5, "dense": 0.5}, similarity_thresholds={"dense": 0.5})
    way = by_path(ways_in(dense_only, None, strict, 2, 3))["legs.dense.similarity_threshold"]
    assert way.value == pytest.approx(0.3)
    assert rank(dense_only, None, replace(strict, similarity_thresholds={"dense": 0.3})).rank[2] == 3


def test_the_number_of_reranked() -> None:
    pool = pool_of([[10, 0.9], [9, 0.8], [8, 0.7], [7, 0.6]])
    weighting = Weighting({"lexical": 0.5, "dense": 0.5}, top_n=2)
    inside = by_path(ways_in(pool, scores_of(0.2, 0.1, 0.9, 0.1), weighting, 2, 1))["rerank.top_n"]
    assert inside.value == 3
    unknown = by_path(ways_in(pool, scores_of(0.2, 0.1, math.nan, math.nan), weighting, 3, 1))["rerank.top_n"]
    assert unknown.value is None
    assert "rerank.top_n 4 would have it scored" in unknown.text


def test_a_leg_that_did_not_return_it() -> None:
    pool = pool_of([[10, 0.9], [8, 0.8], [math.nan, 0.3]])
    way = by_path(ways_in(pool, None, Weighting({"lexical": 0.5, "dense": 0.5}), 2, 1))["legs.lexical.top_k"]
    assert way.value is None
    assert "did not return it among its 2" in way.text


def test_a_document_that_no_leg_brought() -> None:
    settings = knobs.replace_all(Settings(), {"filter.lang": ["en", "fr"], "legs.dense.top_k": 5})
    legs = {
        "lexical": TrackedLeg(0, 0.0, 2.0, 1024, "lexical: does not match"),
        "dense": TrackedLeg(0, 0.3, 0.4, 5, "dense: not among its 5"),
    }
    ways = by_path(ways_of_absent(Tracked("X", True, False, legs), settings, {"lang": "de"}))
    assert ways["filter.lang"].value == "de"
    assert "would reach it" in ways["legs.dense.top_k"].text
    assert "would reach it" not in ways["legs.lexical.top_k"].text
    assert not [way for way in ways_of_absent(Tracked("X", True, False, legs), settings, {"lang": ["fr"]}) if way.value]
    assert "no document X" in ways_of_absent(Tracked("X", False, False, {}), settings, {})[0].text
