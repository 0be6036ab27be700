"""Leg answers into one pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import pool as pools
from engine.records import Leg, ScoreKind
from engine.stores.base import EveryScore, LegHits


def hits(rows: list[int], scores: list[float], fields: list[list[float]] | None = None) -> LegHits:
    return LegHits(
        tuple(f"d{row}" for row in rows),
        np.array(rows, dtype=np.int64),
        np.array(scores, dtype=np.float64),
        len(rows),
        ("title", "text") if fields else (),
        np.array(fields) if fields else None,
    )


LEXICAL, DENSE = Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.COSINE)


def test_the_union_stands_in_index_order_with_every_leg_in_its_place() -> None:
    lexical = hits([7, 2], [5.0, 3.0], [[4.0, 1.0], [0.0, 3.0]])
    dense = hits([2, 9], [0.8, 0.4])
    candidates = pools.unite([lexical, dense])
    assert candidates.ids == ("d2", "d7", "d9")
    assert candidates.absent(0) == ("d9",)
    assert candidates.absent(1) == ("d7",)
    completed = [hits([9], [0.5], [[0.5, 0.0]]), hits([7], [np.nan])]
    pool = pools.build(
        candidates,
        [pools.LegColumn(LEXICAL, lexical), pools.LegColumn(DENSE, dense)],
        completed,
        {"pagerank": np.array([1.0, np.nan, 3.0])},
        ("a", "", "a"),
    )
    assert np.array_equal(pool.scores, [[3.0, 0.8], [5.0, np.nan], [0.5, 0.4]], equal_nan=True)
    assert pool.returned.tolist() == [[True, True], [True, False], [False, True]]
    assert pool.features.tolist() == [[1.0], [0.0], [3.0]]
    assert pool.field_scores["lexical"].tolist() == [[0.0, 3.0], [4.0, 1.0], [0.5, 0.0]]
    assert "dense" not in pool.field_scores
    assert pool.groups == ("a", "", "a")
    every = EveryScore(np.arange(10.0), (np.arange(10.0), np.zeros(10)))
    known = pools.LegColumn(LEXICAL, replace(lexical, every=every))
    without_asking = pools.build(candidates, [known, pools.LegColumn(DENSE, dense)], [None, completed[1]], {})
    assert without_asking.scores[:, 0].tolist() == [2.0, 7.0, 9.0]
    assert without_asking.field_scores["lexical"].tolist() == [[2.0, 0.0], [7.0, 0.0], [9.0, 0.0]]


def test_rows_far_apart_are_united_as_near_ones_are() -> None:
    far = pools.unite([hits([7_000_000, 2], [5.0, 3.0]), hits([2, 900], [0.8, 0.4])])
    assert far.ids == ("d2", "d900", "d7000000")
    assert [place.tolist() for place in far.places] == [[2, 0], [0, 1]]


def test_without_completion_a_score_stays_absent() -> None:
    lexical, dense = hits([1], [2.0]), hits([3], [0.5])
    candidates = pools.unite([lexical, dense])
    columns = [pools.LegColumn(LEXICAL, lexical), pools.LegColumn(DENSE, dense)]
    pool = pools.build(candidates, columns, [None, None], {})
    assert np.array_equal(pool.scores, [[2.0, np.nan], [np.nan, 0.5]], equal_nan=True)
    assert pool.features.shape == (2, 0)


def test_no_answers_make_an_empty_pool() -> None:
    pool = pools.build(pools.unite([]), [], [], {})
    assert len(pool) == 0
    nothing = pools.unite([hits([], []), hits([], [])])
    assert nothing.ids == ()
