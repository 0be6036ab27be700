"""Average precision: the mean, over every relevant document, of the precision at its rank, 0 where it is not found.

Its mean over queries is MAP: trec_eval's ``map``, and ``map_cut`` with a cut; both divide by all relevant documents.
"""

from __future__ import annotations

import numpy as np

from engine.records import FloatArray


def average_precision(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """Σ over relevant ranks ≤ k of (relevant up to there / rank) / relevant."""
    relevant = gains[:, :k] > 0
    precision = relevant.cumsum(axis=1) / np.arange(1, relevant.shape[1] + 1)
    return np.asarray((precision * relevant).sum(axis=1) / (grades > 0).sum(axis=1))
