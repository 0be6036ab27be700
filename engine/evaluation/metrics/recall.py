"""Recall: the share of all relevant documents that stand among the first k; trec_eval's ``recall``."""

from __future__ import annotations

import numpy as np

from engine.records import FloatArray


def recall(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """Relevant among the first k / relevant."""
    return np.asarray((gains[:, :k] > 0).sum(axis=1) / (grades > 0).sum(axis=1))
