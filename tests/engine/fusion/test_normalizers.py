"""Every normaliser against numbers worked out by hand, with its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ranking_pools import NAN

from engine.errors import SettingsError
from engine.fusion.columns import Columns
from engine.fusion.normalizers import NORMALIZERS, normalizer
from engine.records import FloatArray, ScoreKind
from engine.settings import table

BM25, COSINE, DOT, LOGIT = ScoreKind.BM25, ScoreKind.COSINE, ScoreKind.DOT, ScoreKind.LOGIT


def columns_of(scores: list[float], kind: ScoreKind = BM25, returned: list[bool] | None = None) -> Columns:
    row = np.array([scores], dtype=np.float64).reshape(1, -1)
    present = ~np.isnan(row)
    found = present if returned is None else np.array([returned])
    return Columns(row, present, found, np.array([True]), ("leg",), (kind,))


def filled(name: str, scores: list[float], kind: ScoreKind = BM25, returned: list[bool] | None = None) -> FloatArray:
    return normalizer(name)(columns_of(scores, kind, returned)).filled()[0]


CASES = [
    ("min-max", BM25, [4, 1, 2.5], [1, 0, 0.5]),
    ("min-max", LOGIT, [-3, -1, -2], [0, 1, 0.5]),
    ("min-max", BM25, [4, NAN, 2, 0], [1, 0, 0.5, 0]),
    ("min-max", BM25, [3, 3, NAN], [1, 1, 0]),
    ("min-max", BM25, [0, 0], [1, 1]),
    ("min-max", COSINE, [-0.5], [1]),
    ("theoretical-min-max", BM25, [4, 1, NAN], [1, 0.25, 0]),
    ("theoretical-min-max", COSINE, [0.6, -0.2, NAN, -1], [1, 0.5, 0, 0]),
    ("theoretical-min-max", DOT, [12, 7, 2], [1, 0.5, 0]),
    ("theoretical-min-max", BM25, [3, 3], [1, 1]),
    ("theoretical-min-max", BM25, [0, 0], [0, 0]),
    ("theoretical-min-max", DOT, [5, 5], [0, 0]),
    ("theoretical-min-max", COSINE, [-1.0000001, 0.0], [0, 1]),
    # mean 3, population σ √2: z = (−√2, −1/√2, 0, 1/√2, √2), then (z + 3)/6
    (
        "z-score",
        BM25,
        [1, 2, 3, 4, 5],
        [(z + 3) / 6 for z in (-math.sqrt(2), -math.sqrt(0.5), 0, math.sqrt(0.5), math.sqrt(2))],
    ),
    ("z-score", BM25, [1, 3, NAN], [2 / 6, 4 / 6, 0]),
    ("z-score", BM25, [0.1, 0.1, 0.1], [1, 1, 1]),
    ("z-score", BM25, [7], [1]),
    # 99 zeros and a one: z of the one is √99 > 3 and clipped
    ("z-score", BM25, [0] * 99 + [1], [(3 - 1 / math.sqrt(99)) / 6] * 99 + [1]),
    ("max", BM25, [4, 1, NAN, 0], [1, 0.25, 0, 0]),
    ("max", BM25, [0, 0], [0, 0]),
    ("max", ScoreKind.PROBABILITY, [0.5], [1]),
    ("rank", BM25, [4, 9, 1, NAN], [2 / 3, 1, 1 / 3, 0]),
    ("rank", BM25, [2, 2, 2], [1, 2 / 3, 1 / 3]),
    ("rank", LOGIT, [-7], [1]),
    ("atan", BM25, [1, 0, math.sqrt(3), NAN], [0.5, 0, 2 / 3, 0]),
    ("identity", BM25, [4, 1, NAN], [4, 1, 0]),
    ("identity", LOGIT, [-4, 1, NAN], [-4, 1, -4]),
    ("opensearch-min-max", BM25, [4, 1, 2.5, NAN], [1, 0.001, 0.5, 0]),
    ("opensearch-min-max", BM25, [3, 3], [1, 1]),
    ("elasticsearch-min-max", BM25, [4, 1, 2.5, NAN], [1, 0, 0.5, 0]),
    ("elasticsearch-min-max", BM25, [3, 3], [3, 3]),
    ("elasticsearch-min-max", COSINE, [0.4, 0.4, NAN], [0.7, 0.7, 0]),
    ("infinity-atan", COSINE, [1, -1, NAN], [0.5, -0.5, -0.5]),
]


@pytest.mark.parametrize(("name", "kind", "scores", "expected"), CASES)
def test_by_hand(name: str, kind: ScoreKind, scores: list[float], expected: list[float]) -> None:
    assert filled(name, scores, kind) == pytest.approx(expected, abs=1e-12)


def test_a_cosine_a_hair_below_its_bound_stands_at_it() -> None:
    """Otherwise weight × normalised would differ from the contribution."""
    assert normalizer("theoretical-min-max")(columns_of([-1.0000001, 0.0], COSINE)).values.tolist() == [[0, 1]]


@pytest.mark.parametrize("name", NORMALIZERS)
def test_absent_everywhere(name: str) -> None:
    """A leg without any score gives nothing, and says so without a warning."""
    normalized = normalizer(name)(columns_of([NAN, NAN]))
    assert np.isnan(normalized.values).all()
    assert normalized.filled().tolist() == [[0, 0]]


@pytest.mark.parametrize("name", NORMALIZERS)
def test_no_documents(name: str) -> None:
    assert filled(name, []).shape == (0,)


@pytest.mark.parametrize("name", ["rank", "opensearch-min-max", "elasticsearch-min-max", "infinity-atan"])
def test_completed_scores_do_not_count_where_only_returned_ones_do(name: str) -> None:
    with_completed = filled(name, [9, 4, 1], returned=[False, True, True])
    assert with_completed[0] == 0
    assert with_completed[1:].tolist() == filled(name, [4, 1]).tolist()


def test_completed_scores_count_elsewhere() -> None:
    assert filled("min-max", [9, 4, 1], returned=[False, True, True]) == pytest.approx([1, 3 / 8, 0])


@pytest.mark.parametrize("name", ["max", "atan"])
@pytest.mark.parametrize("kind", [COSINE, DOT, LOGIT, ScoreKind.UNKNOWN])
def test_kinds_that_can_be_negative_are_refused(name: str, kind: ScoreKind) -> None:
    with pytest.raises(SettingsError, match=rf"{name} needs scores of 0 and above, but leg has {kind}") as caught:
        filled(name, [1, 2], kind)
    assert "theoretical-min-max" in caught.value.hint


def test_a_leg_at_weight_0_is_not_refused() -> None:
    columns = Columns(np.ones((1, 1)), *(np.ones((1, 1), dtype=bool),) * 2, np.array([False]), ("leg",), (COSINE,))
    assert normalizer("max")(columns).filled().tolist() == [[1]]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no 'minmax'") as caught:
        normalizer("minmax")
    assert caught.value.path == "fusion.normalizer"
    assert "did you mean 'min-max'" in caught.value.hint


def test_the_settings_offer_every_normaliser() -> None:
    assert set(table.NORMALIZERS) == set(NORMALIZERS)
