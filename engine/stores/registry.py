"""Stores by ``store.kind``: a new one is a file and a row here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Executor
from difflib import get_close_matches
from pathlib import Path

from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext
from engine.errors import SettingsError
from engine.local.models.cache import cache_folder
from engine.settings.schema import DenseLeg, Settings
from engine.stores.base import Store

Opener = Callable[[Settings, Path, Executor, Collection[str]], Store]


def _embedded(settings: Settings, base_dir: Path, executor: Executor, explicit: Collection[str]) -> Store:
    from engine.stores.embedded.index import EmbeddedIndex
    from engine.stores.embedded.store import EmbeddedStore

    index = EmbeddedIndex.open(base_dir / Path(settings.store.path).expanduser())
    store = EmbeddedStore(index, executor, base_dir)
    try:
        for name, leg in settings.legs.items():
            if settings.weights.get(name, 0) > 0:
                embedder, fixed = None, "analyzer"
                if isinstance(leg, DenseLeg):
                    models = cache_folder(settings.local.cache_dir, base_dir=base_dir)
                    context = EmbedContext(executor, None, settings.providers, base_dir, models=models)
                    embedder = embedders.make(leg.embedder, context, path=f"legs.{name}.embedder").info
                    fixed = "text"
                store.check(name, leg, embedder=embedder, explicit=f"legs.{name}.{fixed}" in explicit)
    except BaseException:
        index.close()
        raise
    return store


def _ragflow(settings: Settings, base_dir: Path, executor: Executor, explicit: Collection[str]) -> Store:
    from engine.stores.ragflow.opening import open_ragflow

    return open_ragflow(settings, base_dir, executor)


def _elastic(settings: Settings, base_dir: Path, executor: Executor, explicit: Collection[str]) -> Store:
    from engine.stores.elastic.opening import open_elastic

    return open_elastic(settings, base_dir, executor, explicit)


STORES: dict[str, Opener] = {
    "embedded": _embedded,
    "elasticsearch": _elastic,
    "opensearch": _elastic,
    "ragflow": _ragflow,
}


def open_store(settings: Settings, base_dir: Path, executor: Executor, explicit: Collection[str] = ()) -> Store:
    """Open the store that the settings name."""
    kind = settings.store.kind
    if kind not in STORES:
        near = get_close_matches(kind, STORES, 1)
        raise SettingsError(
            f"store.kind: there is no store {kind!r}",
            path="store.kind",
            hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(STORES)}",
        )
    return STORES[kind](settings, base_dir, executor, explicit)
