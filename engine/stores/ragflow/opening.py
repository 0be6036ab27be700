"""Opening RAGFlow's index: what answers, whether it is RAGFlow's, and that a knowledge base of it is named."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext
from engine.errors import IndexMismatchError, SettingsError
from engine.remote.offline import OfflineRule
from engine.settings.schema import DenseLeg, LexicalLeg, Settings
from engine.stores.elastic.cluster import Cluster
from engine.stores.elastic.connection import connect, place
from engine.stores.elastic.opening import OPENING_S, probe
from engine.stores.ragflow.index import KnowledgeBase, RagflowIndex, Shape, catalogue, no_knowledge_base
from engine.stores.ragflow.store import RagflowStore


def open_ragflow(settings: Settings, base_dir: Path, executor: Executor) -> RagflowStore:
    """The store of the settings' index; asked is on a loop of its own, the searches' client is made with the first.

    Raises ``EngineError`` (nothing there), ``StoreError`` (not RAGFlow's), ``IndexMismatchError`` (another embedder)
    and ``SettingsError`` (no index or knowledge base named).
    """
    shape, known = executor.submit(asyncio.run, look(settings, base_dir)).result()
    if not settings.store.ragflow.kb_ids:
        raise no_knowledge_base(known)
    check_words(settings)
    check_embedders(settings, shape, executor, base_dir)
    index = _index(settings, base_dir, shape, settings.budget.query_ms / 1e3)
    return RagflowStore(settings.store, index, shape, base_dir)


async def look(settings: Settings, base_dir: Path) -> tuple[Shape, Sequence[KnowledgeBase]]:
    """What the index holds, and its knowledge bases, or those of them that the settings name."""
    store = settings.store
    if not store.index:
        raise SettingsError(
            "store.index is empty: it is the index to search", path="store.index", hint="RAGFlow's is ragflow_TENANT"
        )
    found = await probe(store, base_dir, _rule(settings))
    shape = Shape(found.engine, found.shape)
    shape.check(place(store))
    index = _index(settings, base_dir, shape, OPENING_S)
    try:
        return shape, await catalogue(index, store.ragflow.kb_ids)
    finally:
        await index.cluster.client.close()


def check_words(settings: Settings) -> None:
    """Raises ``SettingsError`` for a leg of words that would ask something else than RAGFlow's own query."""
    for name, leg in settings.legs.items():
        for key in ("body", "template"):
            if isinstance(leg, LexicalLeg) and settings.weights.get(name, 0) > 0 and getattr(leg, key):
                raise SettingsError(
                    f"legs.{name}.{key} is for Elasticsearch and OpenSearch; of RAGFlow's index its own query is asked",
                    path=f"legs.{name}.{key}",
                    hint="take it away; store.ragflow.raw = true takes what is typed for a query string",
                )


def check_embedders(settings: Settings, shape: Shape, executor: Executor, base_dir: Path) -> None:
    """Raises ``IndexMismatchError`` for an embedder whose vectors the index cannot hold, as far as that is known."""
    for name, leg in settings.legs.items():
        if not isinstance(leg, DenseLeg) or settings.weights.get(name, 0) <= 0:
            continue
        context = EmbedContext(executor, None, settings.providers, base_dir)
        made = embedders.make(leg.embedder, context, path=f"legs.{name}.embedder").info.dimension
        if made and made not in shape.dimensions:
            raise IndexMismatchError(
                f"legs.{name}.embedder makes vectors of {made} dimensions, but those of {shape.index.name} have"
                f" {', '.join(map(str, shape.dimensions)) or 'none'}.",
                hint=f"Set legs.{name}.embedder to the model that RAGFlow embeds these knowledge bases with.",
            )


def _rule(settings: Settings) -> OfflineRule:
    return OfflineRule(settings.remote.offline, tuple(settings.remote.trusted_hosts))


def _index(settings: Settings, base_dir: Path, shape: Shape, timeout_s: float) -> RagflowIndex:
    client = connect(settings.store, base_dir, rule=_rule(settings), timeout_s=timeout_s)
    return RagflowIndex(Cluster(client, shape.engine, shape.index, settings.store))
