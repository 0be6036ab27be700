"""``borda``: Σ wₗ·(n − rankₗ + 1)/n over the n documents that the leg returned (Aslam and Montague, SIGIR 2001)."""

from __future__ import annotations

from engine.fusion.columns import Columns, Normalized
from engine.fusion.combiners.base import Combiner
from engine.fusion.normalizers.rank import RANK


def terms(columns: Columns) -> Normalized:
    return RANK(columns)


BORDA = Combiner("borda", "points by position in each leg's list", terms=terms)
