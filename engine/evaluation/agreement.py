"""How much two lists agree: rank-biased overlap and Kendall's tau-b. Lists may differ in length and members."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.records import FloatArray


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], p: float = 0.9) -> float:
    """RBO in 0…1, extrapolated to lists without end: 1 for equal lists, 0 where nothing is common.

    Equation 32 of Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", TOIS 28(4), 2010, for lists
    of any two lengths without repetitions. ``p`` in 0…1 says how far down one looks: the first 10 carry 86 % of the
    weight at 0.9. Two empty lists are equal.
    """
    short, long = sorted((one, other), key=len)
    s, l = len(short), len(long)  # noqa: E741
    if s == 0:
        return 1.0 if l == 0 else 0.0
    depth = np.arange(1, l + 1)
    overlap = _overlap(short, long)
    at_s, at_l = overlap[s - 1], overlap[l - 1]
    agreement = overlap / depth
    agreement[s:] += at_s * (depth[s:] - s) / (s * depth[s:])
    seen = (1 - p) / p * (agreement * p**depth).sum()
    return float(min(seen + ((at_l - at_s) / l + at_s / s) * p**l, 1.0))


def _overlap(short: Sequence[str], long: Sequence[str]) -> FloatArray:
    """float64[len(long)]: how many documents the first d of both have in common."""
    place = {item: depth for depth, item in enumerate(short)}
    found = [max(place[item], depth) for depth, item in enumerate(long) if item in place]
    return np.bincount(np.array(found, dtype=np.int64), minlength=len(long)).cumsum().astype(np.float64)


def kendall_tau_b(one: Sequence[str], other: Sequence[str]) -> float:
    """Kendall's tau-b in −1…1 over every document of either list; one that a list lacks stands behind all of it, tied
    with the others it lacks (the tie correction is tau-b's: Kendall, "The treatment of ties in ranking problems",
    Biometrika 33(3), 1945). NaN where there is no pair to compare."""
    union = list(dict.fromkeys((*one, *other)))
    a, b = _places(one, union), _places(other, union)
    upper = np.triu_indices(len(union), 1)
    signs_a = np.sign(a[:, None] - a[None, :])[upper]
    signs_b = np.sign(b[:, None] - b[None, :])[upper]
    untied = float((signs_a != 0).sum()) * float((signs_b != 0).sum())
    return float((signs_a * signs_b).sum(dtype=np.int64)) / math.sqrt(untied) if untied else math.nan


def _places(items: Sequence[str], union: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """int32[len(union)], the place of each document in ``items``; what is missing stands behind the last."""
    place = {item: index for index, item in enumerate(items)}
    return np.array([place.get(item, len(items)) for item in union], dtype=np.int32)
