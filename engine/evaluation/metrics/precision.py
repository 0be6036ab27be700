"""Precision: the relevant share of the first k places, empty places counted; trec_eval's ``P``."""

from __future__ import annotations

import numpy as np

from engine.records import FloatArray


def precision(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """Relevant among the first k / k; k is never None."""
    return np.asarray((gains[:, :k] > 0).sum(axis=1) / (k or 1))
