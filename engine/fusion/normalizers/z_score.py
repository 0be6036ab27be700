"""``z-score``: (clip((s − μ)/σ, −3, 3) + 3)/6 with the population's σ, 1 where all are equal.

Renda and Straccia 2003 fuse by z-scores; the clip and shift bring them to 0…1, so that an absent score is never
better than a present one.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray


def scale(columns: Columns) -> FloatArray:
    low, high = columns.extremes()
    count = np.maximum(columns.present.sum(axis=1, keepdims=True), 1)
    centred = columns.scores - np.where(columns.present, columns.scores, 0.0).sum(axis=1, keepdims=True) / count
    sigma = np.sqrt(np.where(columns.present, centred * centred, 0.0).sum(axis=1, keepdims=True) / count)
    # the mean of equal scores may be off by a rounding error, which then looks like a spread
    flat = (high <= low) | (sigma == 0.0)
    scaled: FloatArray = (np.clip(centred / np.where(flat, 1.0, sigma), -3.0, 3.0) + 3.0) / 6.0
    return np.where(flat & columns.present, 1.0, scaled)


Z_SCORE = Normalizer("z-score", "standard deviations from the mean, ±3 to 0…1", scale)
