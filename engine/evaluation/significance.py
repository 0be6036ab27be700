"""Whether a difference between two settings is more than luck: paired tests and intervals over the same queries.

All are seeded: the same numbers give the same answer on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np

from engine.records import FloatArray

TRIALS = 10_000
SEED = 20_100
_BLOCK = 1 << 22
"""Random numbers held at once, so that a thousand queries and ten thousand trials fit in memory."""

_NORMAL = NormalDist()
Method = Literal["percentile", "bca"]


def randomisation_test(differences: FloatArray, trials: int = TRIALS, seed: int = SEED) -> float:
    """The two-sided p-value of Fisher's paired randomisation test for the mean of ``differences`` float64[queries].

    Under the hypothesis that the two settings are the same each difference could as well have the other sign. Up to
    ``trials`` assignments of signs all are counted, which is exact; else that many random ones, the observed one with
    them. For retrieval: Smucker, Allan and Carterette, "A comparison of statistical significance tests for information
    retrieval evaluation", CIKM 2007. 1 where nothing differs.
    """
    return float(randomisation_tests(differences[:, None], trials, seed)[0])


def randomisation_tests(differences: FloatArray, trials: int = TRIALS, seed: int = SEED) -> FloatArray:
    """The same for each column of float64[queries, M], float64[M]: what a column gets does not depend on the others,
    which share its random signs."""
    p = np.ones(differences.shape[1])
    moved = (differences != 0).sum(axis=0)
    few = (moved > 0) & (moved <= int(math.log2(trials)))
    for column in np.flatnonzero(few):
        some = differences[differences[:, column] != 0, column]
        p[column] = (np.abs(_every_sign(len(some)) @ some) >= _reached(some)).mean()
    if len(many := np.flatnonzero((moved > 0) & ~few)):
        some = differences[:, many]
        extreme, random = np.zeros(len(many)), np.random.default_rng(seed)
        for count in _blocks(trials, max(some.shape)):
            extreme += (np.abs(_random_signs(random, count, len(some)) @ some) >= _reached(some)).sum(axis=0)
        p[many] = (extreme + 1) / (trials + 1)
    return p


def _reached(differences: FloatArray) -> FloatArray:
    """What a sum must reach to be as extreme as the observed one; sums of the same numbers in another order may differ
    in the last bits and are equal all the same."""
    return np.asarray(np.abs(differences.sum(axis=0)) - 1e-9 * np.abs(differences).sum(axis=0))


def _every_sign(n: int) -> FloatArray:
    """float64[2^n, n] of 1 and −1, every row another."""
    return np.asarray(1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1))


def _random_signs(random: np.random.Generator, count: int, n: int) -> FloatArray:
    """float64[count, n] of 1 and −1."""
    bits = np.unpackbits(random.integers(0, 256, (count, -(-n // 8)), dtype=np.uint8), axis=1, count=n)
    return np.asarray(1.0 - 2.0 * bits)


def bootstrap_interval(
    values: FloatArray, level: float = 0.95, method: Method = "bca", trials: int = TRIALS, seed: int = SEED
) -> tuple[float, float]:
    """The interval of the mean of ``values`` float64[queries] over queries drawn anew (Efron and Tibshirani, "An
    introduction to the bootstrap", 1993, chapters 13 and 14; ``bca`` corrects bias and skew). Where all values are
    equal, both ends are that value; NaN without values."""
    low, high = bootstrap_intervals(values[:, None], level, method, trials, seed)[0]
    return float(low), float(high)


def bootstrap_intervals(
    values: FloatArray, level: float = 0.95, method: Method = "bca", trials: int = TRIALS, seed: int = SEED
) -> FloatArray:
    """The same for each column of float64[queries, M], float64[M, 2]; the columns share what is drawn."""
    n, columns = values.shape
    if n == 0:
        return np.full((columns, 2), np.nan)
    random = np.random.default_rng(seed)
    means = np.concatenate([_drawn(random, count, n) @ values / n for count in _blocks(trials, max(n, columns))])
    intervals = np.empty((columns, 2))
    for column, (one, found) in enumerate(zip(values.T, means.T, strict=True)):
        ends = ((1 - level) / 2, (1 + level) / 2)
        if method == "bca" and np.ptp(one) > 0:
            ends = _bca(one, found, ends)
        intervals[column] = np.quantile(found, ends) if np.ptp(one) > 0 else one[0]
    return intervals


def _drawn(random: np.random.Generator, count: int, n: int) -> FloatArray:
    """float64[count, n]: how often each of n queries was drawn in n draws."""
    flat = random.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
    return np.bincount(flat.ravel(), minlength=count * n).reshape(count, n).astype(np.float64)


def _bca(values: FloatArray, means: FloatArray, ends: tuple[float, float]) -> tuple[float, float]:
    """The quantiles of ``means`` that stand for ``ends`` once bias and acceleration are taken out."""
    mean = values.mean()
    # the same sum in another order may differ in the last bits
    near = 1e-12 * np.abs(values).max()
    below = ((means < mean - near).mean() + (means <= mean + near).mean()) / 2
    if not 0 < below < 1:
        return ends
    bias = _NORMAL.inv_cdf(below)
    # of the mean without one value: its distance from the mean of such means is that value's own, over n − 1
    influence = values - mean
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)

    def corrected(end: float) -> float:
        z = bias + _NORMAL.inv_cdf(end)
        return _NORMAL.cdf(bias + z / (1 - acceleration * z))

    return corrected(ends[0]), corrected(ends[1])


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6(2), 1979), in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, (len(p_values) - place) * p_values[index])
        adjusted[index] = min(largest, 1.0)
    return adjusted


def _blocks(trials: int, n: int) -> list[int]:
    """``trials`` in parts of at most ``_BLOCK`` numbers of ``n`` each."""
    size = max(1, _BLOCK // n)
    return [min(size, trials - start) for start in range(0, trials, size)]
