"""``rrf``: Σ wₗ/(k + rankₗ) over what each leg returned (Cormack, Clarke, Büttcher, SIGIR 2009; k = 60 there).

Weights act as configured: 1 each, as in the presets, gives the plain formula's scores.
"""

from __future__ import annotations

from engine.fusion.columns import Columns, Normalized
from engine.fusion.combiners.base import Combiner, as_configured
from engine.fusion.order import by_rank, reciprocal


def terms(columns: Columns) -> Normalized:
    return Normalized(by_rank(columns.scores, columns.returned, reciprocal(columns.rank_constant)))


RRF = Combiner("rrf", "reciprocal ranks, scores ignored", as_configured, terms, uses_rank_constant=True)
