"""What a blend is: the order of the documents that a reranker scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray, IntArray, ScoreKind


@dataclass(frozen=True, slots=True)
class Scored:
    """The scored documents, s of them in fused order.

    raw               float64[s] reranker scores of ``kind``
    score             float64[s] the same in 0…1 (``rerank.score``)
    fused             float64[s] fused scores
    fused_rank        int64[s] their places in the whole fused list, from 1
    token_similarity  float64[s], NaN where unknown
    features          float64[s] sum of the feature contributions
    weight            v, the reranker's share
    normalizer, rank_constant  of ``rerank.*``
    """

    raw: FloatArray
    score: FloatArray
    kind: ScoreKind
    fused: FloatArray
    fused_rank: IntArray
    token_similarity: FloatArray
    features: FloatArray
    weight: float
    normalizer: Normalizer
    rank_constant: int


@dataclass(frozen=True, slots=True)
class Blended:
    """What the scored documents are ordered by (``key``, descending, ties in fused order), the final ``score`` they
    show, and the two parts of it, NaN where the blend has none."""

    key: FloatArray
    score: FloatArray
    fused_part: FloatArray
    rerank_part: FloatArray
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Blend:
    """A way to order scored documents; ``uses_weight`` and ``uses_rank_constant`` say which sliders matter."""

    name: str
    summary: str
    apply: Callable[[Scored], Blended]
    uses_weight: bool = False
    uses_normalizer: bool = False
    uses_rank_constant: bool = False


def sum_of(fused_part: FloatArray, rerank_part: FloatArray) -> Blended:
    """A blend that is the sum of its two parts."""
    total = fused_part + rerank_part
    return Blended(total, total, fused_part, rerank_part)


def unit_range(raw: FloatArray) -> FloatArray:
    """Min-max to 0…1; 1 where all are equal."""
    if len(raw) == 0:
        return raw
    low, high = raw.min(), raw.max()
    return (raw - low) / (high - low) if high > low else np.ones_like(raw)


def rerank_score(raw: FloatArray, kind: ScoreKind) -> FloatArray:
    """Raw reranker scores as ``rerank.score``, float64[s] in 0…1: a probability as it is, a logit by the logistic
    function, a cosine as (1 + c)/2, any other kind min-max over the scored ones."""
    match kind:
        case ScoreKind.PROBABILITY:
            return np.clip(raw, 0.0, 1.0)
        case ScoreKind.LOGIT:
            return 0.5 * (1.0 + np.tanh(raw / 2.0))
        case ScoreKind.COSINE:
            return np.clip((1.0 + raw) / 2.0, 0.0, 1.0)
        case _:
            return unit_range(raw)
