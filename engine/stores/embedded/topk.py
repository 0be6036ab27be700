"""The k best of a score array, equal scores in index order, also at the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.records import IntArray

Scores = npt.NDArray[np.floating[Any]]

_SAMPLE_STEP = 16
"""A sixteenth of the scores gives a first lower bound; the exact selection then looks at few."""


def top_k(scores: Scores, k: int, *, above: float = 0.0) -> IntArray:
    """int64[≤ k]: the rows with the highest scores greater than ``above``, by (−score, row). NaN never counts."""
    if k <= 0 or not scores.size:
        return np.zeros(0, dtype=np.int64)
    rows = _candidates(scores, k, above)
    values = scores[rows]
    if rows.size > k:
        border = np.partition(values, rows.size - k)[rows.size - k]
        better = rows[values > border]
        # equal scores at the border: the first rows win
        level = rows[values == border][: k - better.size]
        rows = np.concatenate((better, level))
        rows.sort()
        values = scores[rows]
    return rows[np.argsort(-values, kind="stable")]


def _candidates(scores: Scores, k: int, above: float) -> IntArray:
    """Ascending rows that hold the k best for certain: all those at or above a bound that at least k reach."""
    size = scores.shape[0]
    if size > 4 * _SAMPLE_STEP * k or size > 50_000:
        sample = scores[::_SAMPLE_STEP]
        sample = sample[sample > above]
        # aim at twice k, so that the bound is rarely too high
        aim = 2 * k // _SAMPLE_STEP + 8
        if sample.size > aim:
            bound = np.partition(sample, sample.size - aim)[sample.size - aim]
            rows = np.flatnonzero(scores >= bound)
            if rows.size >= k:
                return rows
    return np.flatnonzero(scores > above)
