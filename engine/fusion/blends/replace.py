"""``replace``: the reranker's word is final; order by raw score, ties in fused order."""

from __future__ import annotations

import numpy as np

from engine.fusion.blends.base import Blend, Blended, Scored


def apply(scored: Scored) -> Blended:
    none = np.full(len(scored.raw), np.nan)
    return Blended(scored.raw, scored.score, none, none)


REPLACE = Blend("replace", "order by the reranker alone", apply)
