from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluation.runs import encode_id, run_lines, strictly_decreasing

anything = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60)
crowded = st.lists(st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, 5e-324, 1e-40, -1e-40, 1e308, -1e308]), max_size=60)


@given(anything | crowded)
def test_scores_strictly_decrease_as_an_evaluator_reads_them(scores: list[float]) -> None:
    lines = list(run_lines("q", [f"d{i}" for i in range(len(scores))], scores))
    read = [np.float32(line.split()[4]) for line in lines]
    assert all(a > b for a, b in pairwise(read))
    assert all(np.isfinite(read))
    assert all(value == 0 or abs(value) >= np.finfo(np.float32).tiny for value in read)


@given(anything)
def test_scores_that_decrease_already_stay(scores: list[float]) -> None:
    kept = np.unique(np.clip(np.array(scores), -1e38, 1e38).astype(np.float32))[::-1]
    kept = kept[(kept == 0) | (np.abs(kept) >= np.finfo(np.float32).tiny)]
    assert strictly_decreasing(kept.astype(np.float64)).tolist() == kept.tolist()


def test_ties_and_rises_go_one_step_down() -> None:
    step = 2.0**-24
    assert strictly_decreasing([1.0, 1.0, 3.0, 0.5]).tolist() == [1.0, 1.0 - step, 1.0 - 2 * step, 0.5]


def test_lines_are_ranked_from_one() -> None:
    assert list(run_lines("7", ["os.path.join", "time.sleep"], [0.75, 0.5], tag="t")) == [
        "7 Q0 os.path.join 1 0.75 t",
        "7 Q0 time.sleep 2 0.5 t",
    ]


@pytest.mark.parametrize(
    ("id_", "written"),
    [
        ("plain", "plain"),
        ("a b", "a%20b"),
        ("tab\tline\n", "tab%09line%0A"),
        ("per%cent", "per%cent"),
        ("wide\u3000space", "wide%E3%80%80space"),
        ("ünï", "ünï"),
        ("unit\x1fseparator", "unit%1Fseparator"),
    ],
)
def test_white_space_in_ids_is_encoded(id_: str, written: str) -> None:
    assert encode_id(id_) == written
    assert len(next(iter(run_lines(id_, [id_], [1.0]))).split()) == 6
