"""``infinity-atan``: Infinity's ``atan`` as RAGFlow asks for it, for the preset that imitates it.

(2/π)·atan(s) over what the leg returned, raw cosines included: unlike ``atan`` it takes scores below 0 as they come.
Source: RAGFlow's Infinity connector (``weighted_sum`` with ``normalize: atan``).
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers import atan
from engine.fusion.normalizers.base import Normalizer, least_floor
from engine.records import FloatArray


def floor(columns: Columns) -> FloatArray:
    result: FloatArray = np.arctan(least_floor(columns)) * (2.0 / np.pi)
    return result


INFINITY_ATAN = Normalizer("infinity-atan", "Infinity's atan: cosines too", atan.scale, floor, returned_only=True)
