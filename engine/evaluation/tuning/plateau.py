"""The plateau: every setting that is not significantly worse than the best, and how small a difference could be seen.

The setting with the highest mean of thousands owes part of it to luck. What the queries really say is which settings
can be told from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from engine.records import BoolArray, FloatArray

FLIPS = 1000
SEED = 20_100
_NORMAL = NormalDist()
_EQUAL = 1e-12
_BLOCK = 1 << 23


@dataclass(frozen=True, slots=True)
class Plateau:
    """``best`` is the column of the highest mean, ``members`` bool[T] those that cannot be told from it."""

    best: int
    members: BoolArray


def plateau(scores: FloatArray, level: float = 0.05, flips: int = FLIPS, seed: int = SEED) -> Plateau:
    """Of trials float64[queries, T], those not significantly worse than the best at ``level``.

    Paired over the queries and corrected for the number of trials by the distribution of the greatest statistic under
    random signs (Westfall and Young, "Resampling-based multiple testing", 1993), which takes into account that near
    settings do nearly the same. The statistic is the mean difference over the root of the mean square, which under
    signs orders as Student's t does.
    """
    means = scores.mean(axis=0)
    best = int(means.argmax())
    distinct, place = np.unique(scores, axis=1, return_inverse=True)
    differences = scores[:, best, None] - distinct
    differences[np.abs(differences) <= _EQUAL] = 0.0
    size = np.sqrt((differences**2).sum(axis=0))
    moved = size > 0
    members = ~moved
    if moved.any():
        unit = differences[:, moved] / size[moved]
        bar = np.quantile(_greatest(unit, flips, seed), 1 - level)
        members[moved] = unit.sum(axis=0) <= bar
    return Plateau(best, members[place.ravel()])


def _greatest(unit: FloatArray, flips: int, seed: int) -> FloatArray:
    """float64[flips], the greatest |Σ sign·unit| over the columns under each assignment of signs."""
    random = np.random.default_rng(seed)
    signs = random.integers(0, 2, (flips, len(unit))) * 2.0 - 1.0
    block = max(1, _BLOCK // flips)
    parts = [np.abs(signs @ unit[:, start : start + block]).max(axis=1) for start in range(0, unit.shape[1], block)]
    return np.asarray(np.max(parts, axis=0))


def centre(points: FloatArray, means: FloatArray, members: BoolArray, best: int) -> int:
    """The member nearest to the plateau's centre of mass, each weighing what its mean is above the lowest of them:
    the middle of the high ground, not of all that cannot be ruled out. ``points`` float64[T, D] in 0…1, distances
    Euclidean, ties to the first."""
    inside = np.flatnonzero(members)
    if not len(inside):
        return best
    mass = means[inside] - means[inside].min() + _EQUAL
    middle = (mass / mass.sum()) @ points[inside]
    return int(inside[((points[inside] - middle) ** 2).sum(axis=1).argmin()])


def detectable(differences: FloatArray, level: float = 0.05, power: float = 0.8) -> float:
    """The least true mean difference that a paired two-sided test at ``level`` finds with probability ``power``, at
    the observed variance of ``differences`` float64[queries]: (z₁₋α⁄₂ + z_power)·s/√n. ∞ for fewer than two queries."""
    if len(differences) < 2:
        return math.inf
    z = _NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)
    return float(z * differences.std(ddof=1) / math.sqrt(len(differences)))


def queries_needed(differences: FloatArray, effect: float, level: float = 0.05, power: float = 0.8) -> int:
    """How many queries such a test needs for a true difference of ``effect`` at the same variance."""
    found = detectable(differences, level, power)
    return math.ceil(len(differences) * (found / effect) ** 2) if effect > 0 and math.isfinite(found) else 0
