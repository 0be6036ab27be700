"""``ragflow``: b·BM25 + (1 + cos)/2, RAGFlow's first stage on Elasticsearch; scores as the engine reports them.

The query string is boosted by b (1 minus the vector weight of its ``weighted_sum``: 0.05 until July 2026, 0 since)
and the kNN clause by 1, whatever the user's weights; b is the configured weight of the lexical leg.
Source: infiniflow/ragflow, rag/utils/es_conn.py.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns, Normalized
from engine.fusion.combiners.base import Combiner
from engine.records import BoolArray, FloatArray, ScoreKind


def _vectors(columns: Columns) -> BoolArray:
    return np.array([kind in (ScoreKind.COSINE, ScoreKind.DOT) for kind in columns.kinds], dtype=bool)


def terms(columns: Columns) -> Normalized:
    """Elasticsearch reports a cosine, and the dot product of unit vectors, as (1 + s)/2."""
    reported = np.where(_vectors(columns)[:, None], (1.0 + columns.scores) / 2.0, columns.scores)
    return Normalized(reported, np.fmin.reduce(reported, axis=1, keepdims=True, initial=0.0))


def effective(weights: FloatArray, elsewhere: float, columns: Columns) -> FloatArray:
    """1 for every vector leg above 0, b as configured for the others."""
    return np.where(_vectors(columns), (weights > 0).astype(np.float64), weights)


RAGFLOW = Combiner(
    "ragflow",
    "RAGFlow's first stage: b·BM25 + (1 + cos)/2",
    effective,
    terms,
    frozen_reason="RAGFlow fixes b·BM25 + (1 + cos)/2; b is the file's weights.lexical",
)
