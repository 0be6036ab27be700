"""``min-max``: (s − min)/(max − min), 1 where all are equal. Fox and Shaw 1994 use it for Comb*; Lee 1997 names it."""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray


def scale(columns: Columns) -> FloatArray:
    low, high = columns.extremes()
    span = high - low
    scaled: FloatArray = columns.scores - low
    scaled /= np.where(span > 0, span, 1.0)
    scaled += span <= 0
    return scaled


MIN_MAX = Normalizer("min-max", "least score 0, greatest 1", scale)
