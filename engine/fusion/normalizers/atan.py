"""``atan``: (2/π)·atan(s), for scores of 0 and above; needs no statistics (Infinity's ``weighted_sum`` offers it)."""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray


def scale(columns: Columns) -> FloatArray:
    result: FloatArray = np.arctan(columns.scores) * (2.0 / np.pi)
    return result


ATAN = Normalizer("atan", "arc tangent, 0…1 whatever the others are", scale, non_negative=True)
