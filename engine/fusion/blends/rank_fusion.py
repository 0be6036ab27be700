"""``rank-fusion``: 1/(k + fused rank) + 1/(k + rerank rank), reciprocal rank fusion of the two lists.

The fused rank is the place in the whole fused list, as shown; the rerank rank counts the scored documents.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.blends.base import Blend, Blended, Scored, sum_of
from engine.fusion.order import by_rank, reciprocal


def apply(scored: Scored) -> Blended:
    every = np.ones((1, len(scored.raw)), dtype=bool)
    rerank_part = by_rank(scored.raw[None, :], every, reciprocal(scored.rank_constant))[0]
    return sum_of(1.0 / (scored.rank_constant + scored.fused_rank), rerank_part)


RANK_FUSION = Blend("rank-fusion", "reciprocal ranks of both lists", apply, uses_rank_constant=True)
