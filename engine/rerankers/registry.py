"""Rerankers by provider: a new one is a file and a row here; other packages' join by ``engine.rerankers.plugins``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import SettingsError
from engine.remote.pool import ClientPool
from engine.rerankers.base import Reranker
from engine.rerankers.several import SEVERAL, SeveralReranker
from engine.rerankers.term import OwnTerms, TermReranker
from engine.settings.schema import ProviderSettings, RerankSettings

if TYPE_CHECKING:
    from engine.local.host import LocalHost
    from engine.rerankers.plugins import PluginHost


@dataclass(frozen=True, slots=True)
class RerankContext:
    """What a reranker may need beside its settings: where to compute, the index's analysers, the query's synonyms, the
    services it may ask and the end of the stage's budget (loop time), the user's own providers, where keys in files and
    variables are (``environ`` None: the process's own), the host of local models
    with the embedder and the corpus that they are to match, the terms of an index whose documents hold their own, and
    the host of plugins."""

    executor: Executor
    field_analyzers: Mapping[str, str] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    remote: ClientPool | None = None
    deadline: float = math.inf
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    base_dir: Path | None = None
    environ: Mapping[str, str] | None = None
    local: LocalHost | None = None
    embedder: str = ""
    corpus: str = ""
    own_terms: OwnTerms | None = None
    plugins: PluginHost | None = None


Factory = Callable[[RerankSettings, RerankContext], Reranker]


def _local(settings: RerankSettings, context: RerankContext) -> Reranker:
    from engine.rerankers.local import LocalReranker

    if context.local is None:
        raise SettingsError(
            "rerank.provider: no local model can be asked here", path="rerank.provider", hint="choose another provider"
        )
    return LocalReranker(settings, context, context.local)


RERANKERS: dict[str, Factory] = {
    "term": lambda settings, context: TermReranker(
        settings, context.executor, context.field_analyzers, context.synonyms, context.own_terms
    ),
    "local": _local,
}


def make(settings: RerankSettings, context: RerankContext, registry: Mapping[str, Factory] = RERANKERS) -> Reranker:
    """The reranker that the settings name: of the registry, else a provider of the table or of the user's own, else
    one of another package's."""
    factory = registry.get(settings.provider)
    if factory is not None:
        return factory(settings, context)
    if settings.provider == SEVERAL:
        return SeveralReranker(settings, lambda member: make(member, context, registry))
    from engine.rerankers.remote.providers import provider, providers

    row = provider(settings.provider, context.providers)
    if row is not None and context.remote is not None:
        from engine.rerankers.remote.reranker import RemoteReranker

        return RemoteReranker(settings, row, context, context.remote)
    plugin = None if context.plugins is None else context.plugins.find(settings.provider)
    if plugin is not None and context.plugins is not None:
        from engine.rerankers.plugins import PluginReranker

        return PluginReranker(plugin, settings, context.plugins)
    known = [*registry, SEVERAL, *providers(context.providers)]
    near = get_close_matches(settings.provider, known, 1)
    raise SettingsError(
        f"rerank.provider: there is no reranker {settings.provider!r}",
        path="rerank.provider",
        hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}",
    )
