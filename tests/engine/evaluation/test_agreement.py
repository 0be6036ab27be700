from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from engine.evaluation.agreement import kendall_tau_b, rank_biased_overlap

lists = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=12)
probabilities = st.floats(0.05, 0.98)


def prefix_overlap(one: list[str], other: list[str], p: float) -> float:
    """Equation 30 for lists of one length: what is seen, and the last agreement for ever after."""
    agreement = [len({*one[:d]} & {*other[:d]}) / d for d in range(1, len(one) + 1)]
    seen = (1 - p) * sum(p ** (d - 1) * a for d, a in enumerate(agreement, 1))
    return seen + agreement[-1] * p ** len(one)


def literal_equation_32(one: list[str], other: list[str], p: float) -> float:
    short, long = sorted((one, other), key=len)
    s, l = len(short), len(long)  # noqa: E741
    x = {d: len({*short[:d]} & {*long[:d]}) for d in range(1, l + 1)}
    first = sum(x[d] / d * p**d for d in range(1, l + 1))
    second = sum(x[s] * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1))
    return (1 - p) / p * (first + second) + ((x[l] - x[s]) / l + x[s] / s) * p**l


def test_overlap_by_hand() -> None:
    # overlaps 0, 2, 2 at depths 1, 2, 3
    expected = 0.5 * (0 + 0.5 * 1 + 0.25 * 2 / 3) + 2 / 3 * 0.125
    assert rank_biased_overlap(["a", "b", "c"], ["b", "a", "d"], p=0.5) == pytest.approx(expected)


@given(lists, lists, probabilities)
def test_overlap_is_the_published_equation(one: list[str], other: list[str], p: float) -> None:
    overlap = rank_biased_overlap(one, other, p)
    assert overlap == pytest.approx(rank_biased_overlap(other, one, p))
    assert -1e-12 <= overlap <= 1
    if one and other:
        assert overlap == pytest.approx(min(literal_equation_32(one, other, p), 1.0))
    if one and len(one) == len(other):
        assert overlap == pytest.approx(prefix_overlap(one, other, p))


@given(lists, probabilities)
def test_overlap_of_equal_and_of_disjoint_lists(one: list[str], p: float) -> None:
    assert rank_biased_overlap(one, one, p) == pytest.approx(1)
    assert rank_biased_overlap(one, [c.upper() for c in one], p) == pytest.approx(0 if one else 1)
    assert rank_biased_overlap(one, [], p) == (0 if one else 1)


def test_a_swap_weighs_less_the_deeper_it_is() -> None:
    base = list("abcdefgh")
    swapped = [[*base[:i], base[i + 1], base[i], *base[i + 2 :]] for i in range(len(base) - 1)]
    overlaps = [rank_biased_overlap(base, other) for other in swapped]
    assert all(a < b for a, b in pairwise(overlaps))


def test_tau_by_hand() -> None:
    assert kendall_tau_b(list("abc"), list("acb")) == pytest.approx(1 / 3)
    assert kendall_tau_b(list("abcd"), list("dcba")) == -1
    # union a b c; places 0 1 2(absent) and 0 2(absent) 1: pairs ab +, ac +, bc −
    assert kendall_tau_b(list("ab"), list("ac")) == pytest.approx(1 / 3)
    assert math.isnan(kendall_tau_b(["a"], ["a"]))
    assert math.isnan(kendall_tau_b([], list("ab")))


@given(lists, lists)
def test_tau_is_scipys_with_what_is_absent_tied_at_the_end(one: list[str], other: list[str]) -> None:
    union = sorted({*one, *other})
    places = [[items.index(c) if c in items else len(items) for c in union] for items in (one, other)]
    if len(union) < 2 or any(len(set(place)) < 2 for place in places):
        assert math.isnan(kendall_tau_b(one, other))
        return
    assert kendall_tau_b(one, other) == pytest.approx(kendalltau(*map(np.array, places)).statistic)
    if len(one) > 1:
        assert kendall_tau_b(one, one) == pytest.approx(1)
