"""Batches: within the budget, windows in order, true lengths inside a window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.local.worker.planner import plan


def test_a_window_is_sorted_and_cut_by_tokens() -> None:
    assert plan([5, 9, 1, 4], 10) == [[1], [0, 3, 2]]


def test_windows_run_in_the_order_given() -> None:
    assert plan([1, 1, 50, 50], 100, window=2) == [[0, 1], [2, 3]]


def test_a_batch_size_only_caps_the_budget() -> None:
    assert plan([1] * 5, 100, batch=2) == [[0, 1], [2, 3], [4]]


def test_a_pair_longer_than_the_budget_goes_alone() -> None:
    assert plan([3, 500, 3], 10) == [[1], [0, 2]]


def test_equal_lengths_keep_their_rank() -> None:
    assert plan([7] * 4, 14) == [[0, 1], [2, 3]]


def test_nothing_to_plan() -> None:
    assert plan([], 10) == []


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        plan([1], 0)


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 400), st.integers(0, 9), st.integers(0, 20))
def test_every_pair_runs_once_within_the_limits(lengths: list[int], budget: int, batch: int, window: int) -> None:
    batches = plan(lengths, budget, batch, window)
    assert sorted(index for one in batches for index in one) == list(range(len(lengths)))
    for one in batches:
        assert len(one) == 1 or sum(lengths[index] for index in one) <= budget
        assert len(one) <= (batch or len(lengths))
    windows = [index // window if window else 0 for one in batches for index in one]
    assert windows == sorted(windows), "an earlier window ends before a later one begins"
