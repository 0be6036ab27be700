"""What every search of a pipeline shares: the opened store, embedders, rerankers, threads and caches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext, Embedder, EmbedderInfo
from engine.embedders.local import pinned
from engine.errors import IndexMismatchError, RankscopeError
from engine.local.host import LocalHost
from engine.records import Analysis
from engine.remote.offline import OfflineRule
from engine.remote.pool import ClientPool
from engine.rerankers import registry as rerankers
from engine.rerankers.base import Reranker
from engine.rerankers.plugins import PluginHost
from engine.rerankers.registry import RerankContext
from engine.rerankers.score_cache import ScoreCache
from engine.rerankers.term import OwnTerms
from engine.retrieval import Vector
from engine.settings.schema import DenseLeg, ProviderSettings, RemoteSettings, RerankSettings, Settings
from engine.stores.base import Store, StoreInfo, TokenStore

_VECTORS = 256


@dataclass(slots=True)
class Resources:
    """``factories`` are the rerankers by provider, ``cache`` their scores on disk (None: not used), ``remote`` the
    services that may be asked (None: none). ``base_dir`` is what relative paths of the settings are relative to,
    ``providers`` are the user's own as they were when the pipeline was opened, ``local`` hosts models on this
    machine, ``plugins`` the rerankers of other packages."""

    store: Store
    executor: ThreadPoolExecutor
    cache: ScoreCache | None = None
    factories: Mapping[str, rerankers.Factory] = field(default_factory=lambda: rerankers.RERANKERS)
    remote: ClientPool | None = None
    base_dir: Path | None = None
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    local: LocalHost | None = None
    plugins: PluginHost = field(default_factory=PluginHost)
    _embedders: dict[tuple[str, OfflineRule | None], Embedder] = field(default_factory=dict)
    _vectors: OrderedDict[tuple[str, str], Vector | None] = field(default_factory=OrderedDict)

    def services(self, settings: RemoteSettings | None) -> ClientPool | None:
        """The services that may be asked, under these settings' rule (None: as when the pipeline was opened)."""
        if self.remote is None or settings is None:
            return self.remote
        return self.remote.under(OfflineRule.of(settings))

    def embedder(self, name: str, path: str = "legs.dense.embedder", remote: RemoteSettings | None = None) -> Embedder:
        """Made with its first use and kept; a service for each rule that the settings may have."""
        services = self.services(remote)
        key = name, services.rule if services and embedders.is_remote(name) else None
        if key not in self._embedders:
            models = self.local.models if self.local else None
            context = EmbedContext(
                self.executor, services, self.providers, self.base_dir, local=self.local, models=models
            )
            self._embedders[key] = embedders.make(name, context, path=path)
        return self._embedders[key]

    def notes(self, settings: Settings) -> tuple[str, ...]:
        """What the embedders of these settings have to say, as far as they were used."""
        names = {leg.embedder for leg in settings.legs.values() if isinstance(leg, DenseLeg)}
        return tuple(text for (name, _), made in self._embedders.items() if name in names for text in made.info.notes)

    async def embed_query(self, name: str, text: str, remote: RemoteSettings | None = None) -> Vector | None:
        """The query's vector, from memory where the same text was embedded before."""
        key = (name, text)
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return self._vectors[key]
        embedder = self.embedder(name, remote=remote)
        vector = await embedder.embed_query(text)
        if vector is not None:
            _check_vector(embedder.info, len(vector), self.store.info)
        self._vectors[key] = vector
        while len(self._vectors) > _VECTORS:
            self._vectors.popitem(last=False)
        return vector

    async def warm(self, settings: Settings) -> None:
        """Load the embedders of the legs that will run; a service is not asked before there is a query, nor a model
        downloaded."""
        for name, leg in settings.legs.items():
            runs = settings.weights.get(name, 0) > 0
            if isinstance(leg, DenseLeg) and runs and not embedders.is_remote(leg.embedder):
                with suppress(RankscopeError):  # the query itself will say so
                    if self.embedder(leg.embedder).info.revision:
                        await self.embed_query(leg.embedder, "warm")

    def rerank_context(self, analysis: Analysis, settings: Settings, deadline: float) -> RerankContext:
        """What rerankers need for one asking; ``deadline`` is the loop time at which the stage's budget ends."""
        synonyms = tuple(dict.fromkeys(term.text for term in analysis.terms if term.source))
        analyzers = self.store.info.analyzers
        services = self.services(settings.remote)
        if self.local is not None:
            self.local.heed(settings.local, settings.remote.offline)
        dense = (leg.embedder for leg in settings.legs.values() if isinstance(leg, DenseLeg))
        own = OwnTerms(analysis.keywords, self.store.document_tokens) if isinstance(self.store, TokenStore) else None
        return RerankContext(
            self.executor,
            analyzers,
            synonyms,
            services,
            deadline,
            settings.providers,
            self.base_dir,
            local=self.local,
            embedder=next(dense, ""),
            corpus=self.store.info.name,
            own_terms=own,
            plugins=self.plugins,
        )

    def reranker(self, settings: RerankSettings, context: RerankContext) -> Reranker:
        return rerankers.make(settings, context, self.factories)

    async def close(self) -> None:
        await self.store.close()
        if self.local is not None:
            await self.local.close()
        if self.remote is not None:
            await self.remote.close()
        self.plugins.close()
        self.executor.shutdown(wait=False, cancel_futures=True)
        if self.cache is not None:
            self.cache.close()


def _check_vector(made: EmbedderInfo, dimension: int, store: StoreInfo) -> None:
    """Raises ``IndexMismatchError`` for a query's vector that does not compare with the index's."""
    theirs = f" ({pinned(store.embedder, store.revision)})" if store.embedder else ""
    hint = f"use the index's embedder{theirs}, or build the index again"
    if store.dimension and dimension != store.dimension:
        raise IndexMismatchError(
            f"{made.name} makes vectors of {dimension} dimensions, but the index has {store.dimension}", hint=hint
        )
    if made.name == store.embedder and store.revision and made.revision and made.revision != store.revision:
        raise IndexMismatchError(
            f"{made.name} is at revision {made.revision}, but the index was built with {store.revision}", hint=hint
        )
