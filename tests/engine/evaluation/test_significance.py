"""Against scipy on the same numbers, and what must hold for any."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.significance import (
    SEED,
    bootstrap_interval,
    bootstrap_intervals,
    holm,
    randomisation_test,
    randomisation_tests,
)

Array = npt.NDArray[np.float64]


def differences(n: int, seed: int, shift: float = 0.1) -> Array:
    """Of metrics: many equal, some large, few different values."""
    random = np.random.default_rng(seed)
    return np.round(random.normal(shift, 0.3, n) * (random.random(n) < 0.8), 2)


def scipys_p(values: Array) -> float:
    return float(
        scipy.stats.permutation_test(
            (values,),
            lambda x, axis: x.mean(axis=axis),
            permutation_type="samples",
            n_resamples=40_000,
            vectorized=True,
            batch=10_000,
            random_state=np.random.default_rng(3),
        ).pvalue
    )


@pytest.mark.parametrize("n", [2, 3, 5, 8, 11, 13])
def test_few_queries_are_counted_exactly(n: int) -> None:
    for seed in range(4):
        values = differences(n, seed)
        if np.any(values):
            assert randomisation_test(values) == pytest.approx(scipys_p(values), abs=1e-12)


@pytest.mark.parametrize(("n", "shift"), [(30, 0.0), (60, 0.05), (225, 0.02), (225, 0.04)])
def test_many_queries_agree_with_scipy_up_to_the_noise_of_chance(n: int, shift: float) -> None:
    values = differences(n, 7, shift)
    p = scipys_p(values)
    noise = math.sqrt(p * (1 - p) * (1 / 10_000 + 1 / 40_000))
    assert randomisation_test(values) == pytest.approx(p, abs=4 * noise + 1e-4)


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize(("n", "skew"), [(12, 1), (68, 1), (225, 3)])
def test_intervals_are_scipys(n: int, skew: int, method: str) -> None:
    values = np.abs(differences(n, 11)) ** skew
    theirs = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=10_000,
        method="BCa" if method == "bca" else method,
        random_state=np.random.default_rng(SEED),
    ).confidence_interval
    low, high = bootstrap_interval(values, method=method)  # type: ignore[arg-type]
    spread = theirs.high - theirs.low
    # the same draws up to the blocks they are drawn in, else within the noise of ten thousand
    assert low == pytest.approx(theirs.low, abs=0.03 * spread)
    assert high == pytest.approx(theirs.high, abs=0.03 * spread)
    if method == "bca":
        assert (low, high) != bootstrap_interval(values, method="percentile")


def test_an_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    sets = random.exponential(1.0, (60, 300))
    intervals = bootstrap_intervals(sets, trials=2_000)
    covered = ((intervals[:, 0] <= 1) & (intervals[:, 1] >= 1)).mean()
    assert 0.9 <= covered <= 0.985


def test_when_nothing_differs_nothing_is_significant() -> None:
    assert randomisation_test(np.zeros(9)) == 1.0
    assert randomisation_test(np.zeros(0)) == 1.0
    assert randomisation_test(np.array([0.3])) == 1.0, "either sign is as extreme"
    assert bootstrap_interval(np.zeros(9)) == (0.0, 0.0)
    assert bootstrap_interval(np.full(3, 0.25)) == (0.25, 0.25)
    assert np.isnan(bootstrap_interval(np.zeros(0))).all()


def test_a_p_value_never_depends_on_its_companions() -> None:
    few, many = np.zeros(40), differences(40, 1)
    few[:6] = [0.1, 0.2, -0.05, 0.3, 0.2, 0.1]
    together = randomisation_tests(np.stack([few, many, np.zeros(40), -many], axis=1))
    assert together.tolist() == [randomisation_test(few), randomisation_test(many), 1.0, together[1]]
    assert randomisation_test(many) == randomisation_test(many)


def test_under_the_null_p_values_are_uniform() -> None:
    random = np.random.default_rng(9)
    p = randomisation_tests(random.normal(0, 1, (50, 400)), trials=2_000)
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.001


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_nothing_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, corrected in zip(p_values, adjusted, strict=True):
        assert p <= corrected <= min(1.0, p * len(p_values)) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
