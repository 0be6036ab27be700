"""``identity``: raw scores as they are; an absent one stands at the smaller of 0 and the least present."""

from __future__ import annotations

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer, least_floor
from engine.records import FloatArray


def scale(columns: Columns) -> FloatArray:
    return columns.scores


IDENTITY = Normalizer("identity", "raw scores, unscaled", scale, least_floor)
