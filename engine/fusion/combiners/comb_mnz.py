"""``comb-mnz``: m·Σ wₗ·nₗ with m the legs of weight above 0 that returned the document (Fox and Shaw, TREC-2, 1994)."""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.combiners.base import Combiner
from engine.records import FloatArray


def legs_that_returned(columns: Columns) -> FloatArray:
    count: FloatArray = columns.returned[columns.active].sum(axis=0).astype(np.float64)
    return count


COMB_MNZ = Combiner("comb-mnz", "weighted mean times the number of legs that agree", multiplier=legs_that_returned)
