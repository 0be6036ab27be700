"""Putting scores in order, ties by rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.records import BoolArray, FloatArray, IntArray


def descending(scores: FloatArray, absent: IntArray | None = None) -> IntArray:
    """int64[n], positions by falling score; equal scores by fewer ``absent`` (int[n]), then by position.

    Unstable sorts are several times faster than stable ones. The first finds which scores are equal; where some are,
    the second sorts whole numbers that are all different: level of score, then absent, then position.
    """
    keys = -scores
    order = np.argsort(keys)
    ordered = keys[order]
    rises = ordered[1:] != ordered[:-1]
    if rises.all():
        return order
    level = np.concatenate([[0], np.cumsum(rises)])
    if absent is not None:
        level = level * (absent.max() + 1) + absent[order]
    return order[np.argsort(level * len(keys) + order)]


def by_rank(scores: FloatArray, counted: BoolArray, points: Callable[[int], FloatArray]) -> FloatArray:
    """float64[legs, n], what each document's place in its row of ``scores`` is worth; NaN where not ``counted``.

    ``points(k)`` is float64[k], the worth of places 1 … k among the k that count. Equal scores are placed by position.
    """
    result = np.full(scores.shape, np.nan)
    for row, values, mask in zip(result, scores, counted, strict=True):
        places = np.flatnonzero(mask)
        row[places[descending(values[places])]] = points(len(places))
    return result


def reciprocal(rank_constant: int) -> Callable[[int], FloatArray]:
    """Points of reciprocal rank fusion: 1/(k + rank)."""

    def points(count: int) -> FloatArray:
        return 1.0 / (rank_constant + np.arange(1.0, count + 1))

    return points
