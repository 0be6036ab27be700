"""``theoretical-min-max``: (s − m)/(max − m) with m the least score that the kind allows.

m is 0 for bm25, sparse, probability, judge and fused, −1 for cosine, and the least score present for dot, logit and
unknown, which have no bound. Where all scores are equal they give 1, or 0 if they stand at m. Unlike ``min-max`` it
does not put the last of a good list at 0 (Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid
Retrieval", ACM TOIS 2023, call it TM2C2 when combined convexly).
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray, ScoreKind

_BOUND = {
    ScoreKind.BM25: 0.0,
    ScoreKind.SPARSE: 0.0,
    ScoreKind.PROBABILITY: 0.0,
    ScoreKind.JUDGE: 0.0,
    ScoreKind.FUSED: 0.0,
    ScoreKind.COSINE: -1.0,
}


def scale(columns: Columns) -> FloatArray:
    low, high = columns.extremes()
    bound = np.array([[_BOUND.get(kind, np.nan)] for kind in columns.kinds])
    bound = np.where(np.isnan(bound), low, bound)
    span = high - bound
    scaled: FloatArray = columns.scores - bound
    scaled /= np.where(span > 0, span, 1.0)
    # a float32 cosine may be a hair below −1; an absent score at 0 must not stand above it
    return np.maximum(scaled, 0.0, out=scaled)


THEORETICAL_MIN_MAX = Normalizer("theoretical-min-max", "least possible score 0, greatest found 1", scale)
