"""``max``: s/max, for scores of 0 and above. A leg whose scores are all 0 stays at 0."""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray


def scale(columns: Columns) -> FloatArray:
    _, high = columns.extremes()
    return columns.scores / np.where(high != 0, high, 1.0)


MAX = Normalizer("max", "share of the greatest score", scale, non_negative=True)
