"""``rank``: 1 − (r − 1)/n with r the rank among the n documents that the leg returned (the Borda scale of a leg).

Completed scores do not count: a leg's list is what it returned.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.fusion.order import ranks
from engine.records import FloatArray


def scale(columns: Columns) -> FloatArray:
    count = np.maximum(columns.present.sum(axis=1, keepdims=True), 1)
    share = 1.0 - (ranks(columns.scores, columns.present) - 1) / count
    return np.where(columns.present, share, np.nan)


RANK = Normalizer("rank", "first 1, last 1/n, by position alone", scale, returned_only=True)
