"""What a combiner is: the legs' scores made one.

Every combiner here is linear in the legs' weights:

    fused[d] = Σₗ weight[l] · term[l, d]  (+ features),   term = normalised · multiplier

so that contributions sum to the fused score by construction, and any number of weightings is one product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.errors import SettingsError
from engine.fusion.columns import SIGNED_KINDS, Columns, Normalized
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray

Effective = Callable[[FloatArray, float, Columns], FloatArray]
"""Configured weights float64[W, legs] of the pool's legs, the sum of those of legs that did not answer, and the
columns → weights as they act, float64[W, legs]."""


def divided(weights: FloatArray, elsewhere: float, columns: Columns) -> FloatArray:
    """Divided by the sum of the configured weights, legs that did not answer included."""
    shares: FloatArray = weights / (weights.sum(axis=1, keepdims=True) + elsewhere)
    return shares


def as_configured(weights: FloatArray, elsewhere: float, columns: Columns) -> FloatArray:
    """As they stand in the settings."""
    return weights


def ones(weights: FloatArray, elsewhere: float, columns: Columns) -> FloatArray:
    """1 for every leg above 0."""
    return (weights > 0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Combiner:
    """A way to make one score of the legs' scores.

    name, summary       as in ``fusion.combiner``; one line for a person
    effective           the weights as they act
    terms               Columns → what a leg gives a document before its weight; None: the chosen normaliser's values
    multiplier          Columns → float64[n] on every contribution of a document; None: 1
    frozen_reason       why the weights' sliders are greyed, '' where weights matter
    uses_rank_constant  ``fusion.rank_constant`` matters
    """

    name: str
    summary: str
    effective: Effective = divided
    terms: Callable[[Columns], Normalized] | None = None
    multiplier: Callable[[Columns], FloatArray] | None = None
    frozen_reason: str = ""
    uses_rank_constant: bool = False

    @property
    def uses_normalizer(self) -> bool:
        """``fusion.normalizer`` matters."""
        return self.terms is None

    def normalize(self, columns: Columns, normalizer: Normalizer) -> Normalized:
        """What each leg gives each document before weight and multiplier.

        Raises ``SettingsError`` where the normaliser refuses a leg, or where multiplying would turn round because
        its values can be negative.
        """
        if self.terms is not None:
            return self.terms(columns)
        if self.multiplier is not None and normalizer.floor is not None:
            self._refuse_signed(columns, normalizer)
        return normalizer(columns)

    def _refuse_signed(self, columns: Columns, normalizer: Normalizer) -> None:
        for name, kind, active in zip(columns.names, columns.kinds, columns.active, strict=True):
            if active and kind in SIGNED_KINDS:
                raise SettingsError(
                    f"fusion.combiner: {self.name} multiplies by the number of legs, which turns the negative scores "
                    f"that {normalizer.name} leaves {name} upside down",
                    path="fusion.combiner",
                    hint="use the normaliser theoretical-min-max, or the combiner convex",
                )
