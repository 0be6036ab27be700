"""What the lists show, and the lines between them, on a pool small enough to be checked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from console.views import (
    ABSENT,
    COMPLETED,
    CUT,
    ENTERED,
    LEFT,
    NEWCOMER,
    UNSCORED,
    fused_view,
    journey,
    leg_view,
    reranked_view,
    short_number,
    views,
)
from console.widgets.flow import CURSOR, LOST, SAME, WON, raster, visible_lines
from console.widgets.result_list import moved
from engine.analysis.query import Query
from engine.ranking import Weighting, rank
from engine.records import CandidatePool, Document, Leg, RerankScores, ScoreKind
from engine.settings.schema import FieldValue, Settings
from engine.trace import Trace
from tests.corpus import changed

NAN = float("nan")
SETTINGS = changed(
    Settings(), weights={"lexical": 1.0, "dense": 1.0}, cut={"top_k": 2}, rerank={"top_n": 3, "blend": "replace"}
)


def trace(raw: list[float], **tables: object) -> Trace:
    """Five documents a…e. lexical returned a, b, c (8, 4, 2) and completes e with 1; dense returned b, d, e and has
    nothing for the rest but a completed .2 of a."""
    settings = changed(SETTINGS, **tables)
    pool = CandidatePool(
        ids=("a", "b", "c", "d", "e"),
        legs=(Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.COSINE)),
        scores=np.array([[8, 0.2], [4, 0.9], [2, NAN], [NAN, 0.5], [1, 0.4]]),
        returned=np.array([[1, 0], [1, 1], [1, 0], [0, 1], [0, 1]], dtype=bool),
    )
    scores = replace(RerankScores.none(5), raw=np.array(raw), kind=ScoreKind.PROBABILITY)
    ranking = rank(pool, scores, Weighting.of(settings))
    documents = {"a": Document("a", {"title": "Alpha"})}
    return Trace(Query.plain("q"), settings, pool, scores, ranking, documents=documents)


UNRERANKED = [NAN] * 5


def test_the_fused_list_is_in_fused_order_with_what_is_cut_marked() -> None:
    view = fused_view(trace(UNRERANKED), 7)
    assert [view.id_at(place) for place in range(len(view))] == ["a", "b", "e", "d", "c"]
    assert view.version == 7
    assert [bool(flag & CUT) for flag in view.flags] == [False, False, True, True, True]
    assert [view.place_of(i) for i in "abcde"] == [0, 1, 4, 3, 2]
    assert view.place_of("nowhere") == -1
    assert view.id_at(99) == ""
    assert not len(view.delta)


def test_the_reranked_list_says_who_moved_entered_and_left() -> None:
    answer = trace([0.1, 0.5, NAN, NAN, 0.9])  # the first three, a b e, are scored
    view, fused = reranked_view(answer, 1), fused_view(answer, 1)
    assert [view.id_at(place) for place in range(len(view))] == ["e", "b", "a", "d", "c"]
    assert view.delta.tolist() == [2, 0, -2, 0, 0]
    assert view.flags[0] & ENTERED
    assert not view.flags[1] & ENTERED
    assert fused.flags[0] & LEFT
    assert not fused.flags[1] & LEFT
    assert [bool(flag & UNSCORED) for flag in view.flags] == [False, False, False, True, True]
    assert [view.score_text(place) for place in range(5)] == [".900", ".500", ".100", "·", "·"]
    assert view.note == "3 scored"


def test_a_newcomer_to_the_first_n_is_marked_as_unscored() -> None:
    view = reranked_view(trace([0.1, 0.5, NAN, NAN, NAN]), 1)
    newcomers = [view.id_at(place) for place in range(len(view)) if view.flags[place] & NEWCOMER]
    assert newcomers == ["e"]


def test_without_the_reranker_the_second_list_is_the_first_and_says_so() -> None:
    view = reranked_view(trace(UNRERANKED, rerank={"enabled": False}), 1)
    assert [view.id_at(place) for place in range(len(view))] == ["a", "b", "e", "d", "c"]
    assert not len(view.delta)
    assert "off" in view.note


def test_bars_tell_returned_completed_and_absent_apart() -> None:
    buckets = fused_view(trace(UNRERANKED), 1).buckets
    assert buckets[0, 0] == 8  # the largest contribution of all
    assert COMPLETED < buckets[0, 1] < ABSENT
    assert 0 < buckets[1, 0] < 8
    assert buckets[2, 1] == ABSENT
    assert buckets[3, 0] == ABSENT
    assert buckets[4, 0] > COMPLETED


def test_a_leg_has_a_list_of_what_it_returned_itself() -> None:
    view = leg_view(replace(trace(UNRERANKED), totals={"dense": 3, "lexical": 40}), 1, 0)
    assert [view.id_at(place) for place in range(len(view))] == ["a", "b", "c"]
    assert view.scores.tolist() == [8, 4, 2]
    assert view.note == "3 of 40"
    assert [each.name for each in views(trace(UNRERANKED), 1, legs=True)] == ["lexical", "dense", "fused", "reranked"]


def test_a_pool_of_nothing_has_empty_lists() -> None:
    answer = trace(UNRERANKED)
    pool = CandidatePool.empty(answer.pool.legs)
    nothing = replace(
        answer, pool=pool, rerank=RerankScores.none(0), ranking=rank(pool, RerankScores.none(0), Weighting.of(SETTINGS))
    )
    assert [len(view) for view in views(nothing, 1, legs=True)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.8312, 3, ".831"),
        (1.0, 3, "1.00"),
        (0.9996, 3, "1.00"),
        (-0.2, 3, "-.20"),
        (12.314, 3, "12.31"),
        (0.03254, 4, ".0325"),
        (NAN, 3, "·"),
    ],
)
def test_scores_are_short(value: float, decimals: int, text: str) -> None:
    assert short_number(value, decimals) == text


@pytest.mark.parametrize(("delta", "text"), [(3, "▲3"), (-12, "▼12"), (0, "=")])
def test_places_won_and_lost_differ_by_sign(delta: int, text: str) -> None:
    assert moved(delta) == text


def test_the_way_of_a_document() -> None:
    answer = trace([0.1, 0.5, NAN, NAN, 0.9])
    way = journey(answer, "a")
    assert way.title == "Alpha"
    assert way.steps == (("lexical", "1"), ("dense", "completed"), ("fused", "1"), ("reranked", "3"))
    assert way.end == "dropped by top_k"
    assert journey(answer, "c").steps[1] == ("dense", "absent")
    assert journey(answer, "e").kept
    assert journey(answer, "elsewhere").end == "in no leg's candidates"


def test_lines_join_what_is_in_view_and_point_to_what_is_not() -> None:
    answer = trace([0.1, 0.5, NAN, NAN, 0.9])
    fused, reranked = fused_view(answer, 1), reranked_view(answer, 1)
    lines = visible_lines(fused, reranked, (0, 0), 2, "b", "")
    assert lines.tolist() == [[2, 0, WON], [0, 2, LOST], [1, 1, CURSOR]]
    text, kinds = raster(lines, 6, 2)
    assert text[0][0] == "↓"
    assert text[0][-1] == "↓"
    assert set(kinds[1]) == {CURSOR}
    assert all(0x2800 < ord(character) < 0x2900 for character in text[1])


def test_a_line_goes_from_its_row_to_its_row() -> None:
    text, kinds = raster(np.array([[0, 3, LOST]]), 4, 4)
    assert text[0][0] != " "
    assert text[3][-1] != " "
    assert text[0][-1] == text[3][0] == " "
    assert {kind for row in kinds for kind in row} == {SAME, LOST}


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"title": "time.sleep", "text": "Suspend execution."}, "time.sleep"),
        ({"title": " ", "text": "Suspend\n  execution."}, "Suspend execution."),
        ({"body": "Suspend execution of the thread.", "lang": "in English"}, "Suspend execution of the thread."),
        ({"lang": "en", "year": 1990}, "id"),
        ({"title": "", "text": ""}, "id"),
        ({"text": "word " * 1000}, ("word " * 40).strip()),
    ],
)
def test_a_document_without_a_title_goes_by_how_its_text_begins(fields: dict[str, FieldValue], title: str) -> None:
    assert Document("id", fields).title == title
