"""Hit rate: 1 where a relevant document stands among the first k, else 0; trec_eval's ``success``."""

from __future__ import annotations

import numpy as np

from engine.records import FloatArray


def hit(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """1.0 or 0.0."""
    return np.asarray((gains[:, :k] > 0).any(axis=1), dtype=np.float64)
