"""The combiners by name. A new one is a file beside this and a row here."""

from __future__ import annotations

from engine.fusion.combiners.base import Combiner
from engine.fusion.combiners.borda import BORDA
from engine.fusion.combiners.comb_mnz import COMB_MNZ
from engine.fusion.combiners.comb_sum import COMB_SUM
from engine.fusion.combiners.convex import CONVEX
from engine.fusion.combiners.ragflow import RAGFLOW
from engine.fusion.combiners.rrf import RRF
from engine.fusion.lookup import find

COMBINERS: dict[str, Combiner] = {
    combiner.name: combiner for combiner in (CONVEX, RRF, COMB_SUM, COMB_MNZ, BORDA, RAGFLOW)
}


def combiner(name: str, path: str = "fusion.combiner") -> Combiner:
    """The combiner of that name. Raises ``SettingsError`` at ``path`` for an unknown one."""
    return find(COMBINERS, name, path)
