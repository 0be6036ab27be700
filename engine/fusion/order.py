"""Putting scores in order, ties by rule."""

from __future__ import annotations

import numpy as np

from engine.records import BoolArray, FloatArray, IntArray


def descending(scores: FloatArray, absent: IntArray | None = None) -> IntArray:
    """int64[n], positions by falling score; equal scores by fewer ``absent`` (int[n]), then by position.

    The unstable sort is several times faster and gives the same order unless scores are equal, which is then seen.
    """
    keys = -scores
    order = np.argsort(keys)
    ordered = keys[order]
    if not (ordered[1:] == ordered[:-1]).any():
        return order
    if absent is None:
        return np.argsort(keys, kind="stable")
    return np.lexsort((absent, keys))


def ranks(scores: FloatArray, counted: BoolArray) -> IntArray:
    """int64[legs, n], from 1 within each row of ``scores`` by falling score, then position; 0 where not counted."""
    result = np.zeros(scores.shape, dtype=np.int64)
    for row, values, mask in zip(result, scores, counted, strict=True):
        places = np.flatnonzero(mask)
        row[places[descending(values[places])]] = np.arange(1, len(places) + 1)
    return result
