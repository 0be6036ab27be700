"""What a search has learned of its query, as an export needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.export.base import Given

if TYPE_CHECKING:
    from engine.search import Search
    from engine.trace import Trace


def given_of(search: Search, trace: Trace) -> Given:
    """Text, vectors, and each leg's least and greatest score among the documents that are ranked."""
    pool, ranked = trace.pool, trace.ranking.fused_rank > 0
    low, high = {}, {}
    for column, leg in enumerate(pool.legs):
        scores = pool.scores[ranked, column]
        if not np.isnan(scores).all():
            low[leg.name], high[leg.name] = float(np.nanmin(scores)), float(np.nanmax(scores))
    vectors = {
        embedder: [float(f"{each:.9g}") for each in vector]  # float32 needs no more digits
        for embedder, vector in search.retrieval.vectors.items()
        if vector is not None
    }
    return Given(search.query, vectors, low, high)
