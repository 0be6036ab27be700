"""``weighted``: (1 − v)·n(fused) + v·n(raw), both normalised over the scored documents by ``rerank.normalizer``."""

from __future__ import annotations

import numpy as np

from engine.fusion.blends.base import Blend, Blended, Scored, sum_of
from engine.fusion.columns import Columns
from engine.records import ScoreKind


def apply(scored: Scored) -> Blended:
    scores = np.stack([scored.fused, scored.raw])
    all_of_them = np.ones(scores.shape, dtype=bool)
    columns = Columns(
        scores,
        present=all_of_them,
        returned=all_of_them,
        active=np.ones(2, dtype=bool),
        names=("the fused list", "the reranker"),
        kinds=(ScoreKind.FUSED, scored.kind),
        path="rerank.normalizer",
    )
    fused, rerank = scored.normalizer(columns).values
    return sum_of((1.0 - scored.weight) * fused, scored.weight * rerank)


WEIGHTED = Blend(
    "weighted", "(1 − v) of the fused score, v of the reranker's", apply, uses_weight=True, uses_normalizer=True
)
