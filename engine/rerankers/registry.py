"""Rerankers by provider: a new one is a file and a row here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from difflib import get_close_matches

from engine.errors import SettingsError
from engine.remote.pool import ClientPool
from engine.rerankers.base import Reranker
from engine.rerankers.term import TermReranker
from engine.settings.schema import RerankSettings


@dataclass(frozen=True, slots=True)
class RerankContext:
    """What a reranker may need beside its settings: where to compute, the index's analysers, the query's synonyms, the
    services it may ask and the end of the stage's budget (loop time)."""

    executor: Executor
    field_analyzers: Mapping[str, str] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    remote: ClientPool | None = None
    deadline: float = math.inf


Factory = Callable[[RerankSettings, RerankContext], Reranker]

RERANKERS: dict[str, Factory] = {
    "term": lambda settings, context: TermReranker(
        settings, context.executor, context.field_analyzers, context.synonyms
    ),
}


def make(settings: RerankSettings, context: RerankContext, registry: Mapping[str, Factory] = RERANKERS) -> Reranker:
    """The reranker that the settings name."""
    factory = registry.get(settings.provider)
    if factory is None:
        near = get_close_matches(settings.provider, registry, 1)
        raise SettingsError(
            f"rerank.provider: there is no reranker {settings.provider!r}",
            path="rerank.provider",
            hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(registry)}",
        )
    return factory(settings, context)
