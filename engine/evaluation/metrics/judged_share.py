"""judged@k: the share of the documents among the first k that somebody has judged.

How far the other metrics can be trusted: they count what is unjudged as not relevant. Places past a list's end hold no
document and are not counted, so an empty list has nothing unjudged and the share is 1.
"""

from __future__ import annotations

import numpy as np

from engine.evaluation.judged import NOTHING
from engine.records import FloatArray


def judged_share(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """Judged among the first k / documents among the first k."""
    documents = gains[:, :k] != NOTHING
    judged = documents & ~np.isnan(gains[:, :k])
    return np.where(documents.any(axis=1), judged.sum(axis=1) / np.maximum(documents.sum(axis=1), 1), 1.0)
