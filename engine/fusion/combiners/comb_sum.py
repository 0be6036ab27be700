"""``comb-sum``: Σ nₗ (Fox and Shaw, TREC-2, 1994). Weights do not act, but a leg at 0 still stays out."""

from __future__ import annotations

from engine.fusion.combiners.base import Combiner, ones

COMB_SUM = Combiner(
    "comb-sum",
    "plain sum of the normalised scores",
    ones,
    frozen_reason="comb-sum adds the normalised scores without weights",
)
