"""``rrf``: Σ wₗ/(k + rankₗ) over what each leg returned (Cormack, Clarke, Büttcher, SIGIR 2009; k = 60 there).

Weights act as configured: 1 each, as in the presets, gives the plain formula's scores.
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns, Normalized
from engine.fusion.combiners.base import Combiner, as_configured
from engine.fusion.order import ranks


def terms(columns: Columns) -> Normalized:
    positions = ranks(columns.scores, columns.returned)
    reciprocal = np.full(columns.scores.shape[1] + 1, np.nan)
    reciprocal[1:] = 1.0 / (columns.rank_constant + np.arange(1, len(reciprocal)))
    return Normalized(reciprocal[positions])


RRF = Combiner("rrf", "reciprocal ranks, scores ignored", as_configured, terms, uses_rank_constant=True)
