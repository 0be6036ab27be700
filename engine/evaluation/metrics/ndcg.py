"""Normalised discounted cumulative gain.

DCG = Σ gain(grade) / log2(rank + 1), divided by the DCG of the best list there could be (Järvelin and Kekäläinen 2002,
with the discount that trec_eval and BEIR use). ``linear`` gain is the grade itself, ``exponential`` 2^grade − 1 (Burges
et al. 2005). Grades below 0 and unjudged documents gain 0.
"""

from __future__ import annotations

import numpy as np

from engine.records import FloatArray


def linear(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """nDCG with the grade as gain: trec_eval's ``ndcg`` and ``ndcg_cut``."""
    return _dcg(_positive(gains[:, :k])) / _dcg(grades[:, :k])


def exponential(gains: FloatArray, grades: FloatArray, k: int | None) -> FloatArray:
    """nDCG with 2^grade − 1 as gain."""
    return _dcg(np.exp2(_positive(gains[:, :k])) - 1) / _dcg(np.exp2(grades[:, :k]) - 1)


def _positive(gains: FloatArray) -> FloatArray:
    return np.where(gains > 0, gains, 0.0)


def _dcg(gains: FloatArray) -> FloatArray:
    discounted: FloatArray = gains / np.log2(np.arange(2, gains.shape[1] + 2))
    return np.asarray(discounted.sum(axis=1))
