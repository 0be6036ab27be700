"""A small real index for tests, and a store around it that can be slow, fail, and count what it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.embedders.static import StaticEmbedder
from engine.executor import make_executor
from engine.pipeline import Pipeline
from engine.records import Document
from engine.rerankers.registry import RERANKERS
from engine.rerankers.score_cache import ScoreCache
from engine.resources import Resources
from engine.settings.schema import Settings
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.store import EmbeddedStore
from engine.stores.embedded.writer import IndexWriter

DOCUMENTS = [
    Document(
        "sleep",
        {"title": "time.sleep", "text": "Suspend execution for a number of seconds.", "section": "time", "pagerank": 5},
    ),
    Document(
        "wait",
        {
            "title": "Event.wait",
            "text": "Block until the internal flag of the event is true, or a timeout occurs.",
            "section": "threading",
            "pagerank": 2,
        },
    ),
    Document(
        "timer",
        {
            "title": "threading.Timer",
            "text": "Call a function after a number of seconds, on another thread.",
            "section": "threading",
            "pagerank": 3,
        },
    ),
    Document(
        "lock",
        {
            "title": "threading.Lock",
            "text": "A lock is acquired and released by threads, one at a time.",
            "section": "threading",
            "pagerank": 4,
        },
    ),
    Document(
        "join",
        {
            "title": "os.path.join",
            "text": "Join path components with the separator of the platform.",
            "section": "os",
            "pagerank": 9,
        },
    ),
    Document(
        "json", {"title": "json.dumps", "text": "Serialize an object to a string in JSON format.", "section": "json"}
    ),
    Document(
        "pause",
        {
            "title": "signal.pause",
            "text": "Wait until a signal arrives; the process is put to rest.",
            "section": "signal",
            "pagerank": 1,
        },
    ),
    Document("blank", {"title": "", "text": "", "section": "os"}),
    Document("zebra", {"title": "Zebra", "text": "An animal with stripes that is in no module.", "section": "animals"}),
    Document(
        "queue",
        {
            "title": "queue.Queue.get",
            "text": "Remove and return an item; wait for seconds when the queue is empty.",
            "section": "queue",
            "pagerank": 2,
        },
    ),
]

TEMPLATE = "{title}\n{text}"


def build(path: Path, documents: Sequence[Document] = DOCUMENTS) -> Path:
    """An index with vectors of these documents."""
    embedder = StaticEmbedder(make_executor())
    info = embedder.info
    spec = IndexSpec(
        {"title": "standard", "text": "english"}, EmbeddingSpec(info.name, info.dimension, info.revision, TEMPLATE)
    )
    with IndexWriter(path, spec) as writer:
        writer.add(
            documents, embedder.encode([f"{d.text_of('title')}\n{d.text_of('text')}".strip() for d in documents])
        )
        writer.commit()
    return path


class WatchedStore(EmbeddedStore):
    """Counts calls; ``faults`` maps a leg's name to an exception to raise, ``delays`` to seconds to wait."""

    def __init__(self, path: Path) -> None:
        super().__init__(EmbeddedIndex.open(path), make_executor())
        self.calls: Counter[str] = Counter()
        self.faults: dict[str, Exception] = {}
        self.delays: dict[str, float] = {}

    async def _meet(self, name: str) -> None:
        self.calls[name] += 1
        await asyncio.sleep(self.delays.get(name, 0))
        if name in self.faults:
            raise self.faults[name]

    async def search_leg(self, request: Any) -> Any:
        await self._meet(request.name)
        return await super().search_leg(request)

    async def complete(self, request: Any, ids: Any) -> Any:
        await self._meet("complete")
        return await super().complete(request, ids)

    async def fetch(self, ids: Any) -> Any:
        await self._meet("fetch")
        return await super().fetch(ids)

    async def analyze(self, query: Any, leg: Any) -> Any:
        await self._meet("analyse")
        return await super().analyze(query, leg)


def pipeline_on(store: EmbeddedStore, cache: ScoreCache | None = None, **rerankers: Any) -> Pipeline:
    """A pipeline over the store; keyword arguments are further rerankers by provider."""
    return Pipeline(Resources(store, make_executor(), cache, {**RERANKERS, **rerankers}))


def changed(settings: Settings, **tables: Any) -> Settings:
    """Settings with tables (dicts of keys) replaced: ``changed(s, rerank={"top_n": 3}, weights={"dense": 0})``."""
    for name, values in tables.items():
        table = getattr(settings, name)
        new = {**table, **values} if isinstance(table, dict) else msgspec.structs.replace(table, **values)
        settings = msgspec.structs.replace(settings, **{name: new})
    return settings
