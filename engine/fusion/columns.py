"""Leg scores as normalisers and combiners take them: one row per leg, so that statistics run along memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import SettingsError
from engine.records import BoolArray, FloatArray, ScoreKind

SIGNED_KINDS = frozenset({ScoreKind.LOGIT, ScoreKind.COSINE, ScoreKind.DOT, ScoreKind.UNKNOWN})
"""Kinds of raw score that can be negative."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Scores of the ranked documents.

    scores         float64[legs, n], NaN where not present
    present        bool[legs, n], the leg has a score that counts, and the document is ranked
    returned       bool[legs, n], present, and the leg found the document itself
    active         bool[legs], the leg weighs more than 0
    names, kinds   per leg
    rank_constant  k of reciprocal ranks
    path           the settings that errors blame
    """

    scores: FloatArray
    present: BoolArray
    returned: BoolArray
    active: BoolArray
    names: Sequence[str]
    kinds: Sequence[ScoreKind]
    rank_constant: int = 60
    path: str = "fusion.normalizer"

    def only_returned(self) -> Columns:
        """The same, without the scores that were completed."""
        return replace(self, scores=np.where(self.returned, self.scores, np.nan), present=self.returned)

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Least and greatest score of each leg, float64[legs, 1]; NaN where a leg has none."""
        low = np.fmin.reduce(self.scores, axis=1, keepdims=True, initial=np.nan)
        high = np.fmax.reduce(self.scores, axis=1, keepdims=True, initial=np.nan)
        return low, high

    def require_non_negative(self, what: str) -> None:
        """Raises ``SettingsError`` when a leg that weighs more than 0 can have negative scores."""
        for name, kind, active in zip(self.names, self.kinds, self.active, strict=True):
            if active and kind in SIGNED_KINDS:
                raise SettingsError(
                    f"{self.path}: {what} needs scores of 0 and above, but {name} has {kind.value} scores",
                    path=self.path,
                    hint="use theoretical-min-max, which knows where each kind of score begins",
                )


@dataclass(frozen=True, slots=True)
class Normalized:
    """What a leg gives each document before its weight.

    values  float64[legs, n], NaN where no score counts
    floor   float64[legs, 1] or one number, where those stand; never above a value of the same leg
    """

    values: FloatArray
    floor: FloatArray | float = 0.0

    def filled(self) -> FloatArray:
        """The values, with the floor where no score counts."""
        return np.fmax(self.values, self.floor)
