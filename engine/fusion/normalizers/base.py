"""What a normaliser is: the scores of each leg, brought to one scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.fusion.columns import Columns, Normalized
from engine.records import FloatArray


@dataclass(frozen=True, slots=True)
class Normalizer:
    """A way to bring scores to one scale.

    name          as in ``fusion.normalizer``
    summary       one line for a person
    scale         Columns → float64[legs, n], NaN where there is no score
    floor         Columns → float64[legs, 1], where an absent score stands; None is 0
    returned_only only what a leg returned counts; completed scores stand at the floor
    non_negative  refuses legs whose kind of score can be negative
    """

    name: str
    summary: str
    scale: Callable[[Columns], FloatArray]
    floor: Callable[[Columns], FloatArray] | None = None
    returned_only: bool = False
    non_negative: bool = False

    def __call__(self, columns: Columns) -> Normalized:
        """Raises ``SettingsError`` for a leg that the normaliser refuses."""
        if self.non_negative:
            columns.require_non_negative(self.name)
        if self.returned_only:
            columns = columns.only_returned()
        return Normalized(self.scale(columns), 0.0 if self.floor is None else self.floor(columns))


def least_floor(columns: Columns) -> FloatArray:
    """The smaller of 0 and the least score: for scales that keep negative scores negative."""
    low, _ = columns.extremes()
    return np.fmin(low, 0.0)
