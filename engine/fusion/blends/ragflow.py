"""``ragflow``: (1 − v)·token similarity + v·model score + features, RAGFlow's order when it has a rerank model.

RAGFlow takes model scores as they are when all lie in 0…1 and min-max scales the call's scores otherwise.
Source: infiniflow/ragflow, rag/nlp/search.py (``rerank_by_model``), state of August 2026.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.blends.base import Blend, Blended, Scored, unit_range


def apply(scored: Scored) -> Blended:
    unknown = np.isnan(scored.token_similarity)
    token_part = (1.0 - scored.weight) * np.where(unknown, 0.0, scored.token_similarity)
    in_range = bool(((scored.raw >= 0.0) & (scored.raw <= 1.0)).all())
    model_part = scored.weight * (scored.raw if in_range else unit_range(scored.raw))
    total = token_part + model_part + scored.features
    warnings: tuple[str, ...] = ()
    if unknown.any():
        warnings = (f"blend ragflow: {unknown.sum()} scored documents have no token similarity and count as 0",)
    return Blended(total, total, token_part, model_part, warnings)


RAGFLOW = Blend("ragflow", "(1 − v) token similarity, v model score, and features", apply, uses_weight=True)
