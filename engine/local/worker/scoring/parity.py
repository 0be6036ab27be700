"""Whether a backend scores as the fp32 reference does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from engine.local.base import Parity

LIMITS = {"fp32": 1e-4, "fp16": 0.1, "bf16": 0.5, "int8": 0.5}
"""Most |Δlogit| by format, for scores that spread by 1 or less; in proportion above. fp32 differs by the order of its
sums alone; bf16 has steps of 0.06 from 8 on and moves by 0.15 with the layout alone; int8 adds its rounding to that."""


def compare(reference: Sequence[float], chosen: Sequence[float], dtype: str, fell_back: str = "") -> Parity:
    """How the chosen backend's raw scores differ from the reference's; a score that is not a number differs without
    end."""
    pairs = list(zip(reference, chosen, strict=True))
    differences = [abs(one - other) for one, other in pairs]
    difference = max((each if math.isfinite(each) else math.inf for each in differences), default=0.0)
    spread = max(reference) - min(reference) if reference else 0.0
    return Parity(
        difference=difference,
        tau=_tau(pairs),
        pairs=len(pairs),
        limit=LIMITS[dtype] * max(1.0, spread),
        fell_back=fell_back,
    )


def within(parity: Parity) -> bool:
    return parity.difference <= parity.limit


def _tau(pairs: Sequence[tuple[float, float]]) -> float:
    """Kendall's τ-a: concordant less discordant, of all."""
    signs = [
        (a > b) - (a < b) if (x > y) else (a < b) - (a > b) if (x < y) else 0
        for (x, a), (y, b) in combinations(pairs, 2)
    ]
    return sum(signs) / len(signs) if signs else 1.0
