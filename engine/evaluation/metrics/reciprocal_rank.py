"""Reciprocal rank: 1 / rank of the first relevant document, 0 where there is none.

Its mean over queries is MRR (Voorhees 1999): trec_eval's ``recip_rank``; with a cut, as MS MARCO counts it.
"""

from __future__ import annotations

import numpy as np

from engine.records import FloatArray


def reciprocal_rank(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """1 / (first relevant rank ≤ k), else 0."""
    relevant = gains[:, :k] > 0
    if not relevant.shape[1]:
        return np.zeros(len(relevant))
    return np.where(relevant.any(axis=1), 1 / (relevant.argmax(axis=1) + 1), 0.0)
