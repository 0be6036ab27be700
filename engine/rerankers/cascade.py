"""The rerank stages of a cascade: a small model over many, a large one over the best of those.

Each stage asks as if it were the only one; ``engine.ranking`` puts their scores together.
"""

from __future__ import annotations

import msgspec
import numpy as np

from engine.fusion.weighting import cascade_of
from engine.settings.schema import RerankSettings, RerankStage, Settings
from engine.trace import Trace

FIRST = "rerank"
"""The name of the first stage's report; a further one is ``rerank.NAME``."""


def rerank_stages(settings: Settings) -> dict[str, RerankSettings]:
    """Every rerank stage by the name of its report, in order; none where reranking is off."""
    rerank = settings.rerank
    if not rerank.enabled:
        return {}
    return {FIRST: rerank, **{f"{FIRST}.{name}": _alone(stage, rerank) for name, stage in cascade_of(rerank).items()}}


def _alone(stage: RerankStage, first: RerankSettings) -> RerankSettings:
    """The stage as if it were the first, with what all share."""
    own = {name: getattr(stage, name) for name in stage.__struct_fields__}
    return msgspec.structs.replace(first, **own, cascade={}, fallback="none")


def window(trace: Trace, index: int, top_n: int) -> list[str]:
    """The documents that stage ``index`` (from 1) is asked for: the first ``top_n`` after the stages before it, of
    those the last of them scored."""
    ranking = trace.ranking
    before = ranking.stages[index - 1].rank
    rows = np.argsort(np.where(before > 0, before, len(before) + 1), kind="stable")[: min(top_n, len(ranking.order))]
    spoke = [stage.score for stage in ranking.stages[:index] if not np.isnan(stage.score).all()]
    if spoke:
        rows = rows[~np.isnan(spoke[-1][rows])]
    return [trace.pool.ids[row] for row in rows]
