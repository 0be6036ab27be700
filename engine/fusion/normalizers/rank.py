"""``rank``: 1 − (r − 1)/n with r the rank among the n documents that the leg returned (the Borda scale of a leg).

Completed scores do not count: a leg's list is what it returned.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.fusion.order import by_rank
from engine.records import FloatArray


def points(count: int) -> FloatArray:
    return 1.0 - np.arange(count) / max(count, 1)


def scale(columns: Columns) -> FloatArray:
    return by_rank(columns.scores, columns.returned, points)


RANK = Normalizer("rank", "first 1, last 1/n, by position alone", scale)
