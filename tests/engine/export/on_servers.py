"""Cranfield on an engine and in an index of ours, the same texts and vectors in both: what the tests of exports run on.

Requests go out by urllib as an exported body has them, not through any client of ours.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.api import SyncPipeline
from engine.embedders.static import StaticEmbedder
from engine.executor import make_executor
from engine.export.base import Given, Wish, assumed
from engine.export.given import given_of
from engine.records import Document
from engine.search import Search
from engine.settings import knobs
from engine.settings.schema import FeatureSettings, Settings
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.trace import Trace
from tests.servers.engines import Server

CRANFIELD = Path(__file__).parents[4] / "shared" / "data" / "cranfield"
INDEX = "rankscope-test-cranfield"
needs_cranfield = pytest.mark.skipif(not CRANFIELD.is_dir(), reason=f"{CRANFIELD} is not there")
BASE = {
    "legs.lexical.analyzer": "standard",
    "legs.lexical.fields": {"title": 2.0, "text": 1.0},
    "rerank.enabled": False,
    "cut.top_k": 20,
}


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any

    @property
    def ids(self) -> list[str]:
        assert self.status == 200, self.body
        return [hit["_id"] for hit in self.body["hits"]["hits"]]

    @property
    def scores(self) -> list[float]:
        return [hit["_score"] for hit in self.body["hits"]["hits"]]


def send(server: Server, method: str, path: str, body: object = None) -> Reply:
    """One request as a shell would send it."""
    lines = isinstance(body, str)
    data = None if body is None else (str(body) if lines else json.dumps(body)).encode()
    kind = "application/x-ndjson" if lines else "application/json"
    request = urllib.request.Request(server.url + path, data, {"Content-Type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reply(answer.status, json.load(answer))
    except urllib.error.HTTPError as error:
        return Reply(error.code, json.load(error))


def documents() -> list[Document]:
    rows = [json.loads(line) for line in (CRANFIELD / "corpus.jsonl").read_text().splitlines()]
    return [
        Document(row["_id"], {"title": row["title"], "text": row["text"], "parity": "odd" if n % 2 else "even", "n": n})
        for n, row in enumerate(rows)
    ]


def queries() -> list[str]:
    return [json.loads(line)["text"] for line in (CRANFIELD / "queries.jsonl").read_text().splitlines()]


def build(folder: Path) -> dict[str, Sequence[float]]:
    """The index of ours in ``folder``; the vectors per document, without those that have none."""
    from engine.stores.embedded.writer import IndexWriter

    embedder = StaticEmbedder(make_executor())
    rows = documents()
    vectors = embedder.encode([f"{row.text_of('title')}\n{row.text_of('text')}" for row in rows])
    info = embedder.info
    embedding = EmbeddingSpec(info.name, info.dimension, info.revision, "{title}\n{text}", "cosine")
    with IndexWriter(folder, IndexSpec({"title": "standard", "text": "standard"}, embedding, "test")) as writer:
        writer.add(rows, vectors)
        writer.commit()
    return {row.id: vector.tolist() for row, vector in zip(rows, vectors, strict=True) if not np.isnan(vector[0])}


def load(server: Server, vectors: Mapping[str, Sequence[float]]) -> None:
    """The same documents into the engine, one shard; they stay for the next that asks."""
    there = send(server, "GET", f"/{INDEX}/_count")
    if there.status == 200 and there.body["count"] == len(documents()):
        return
    open_search = server.kind == "opensearch"
    vector: dict[str, Any] = {"type": "dense_vector", "dims": 256, "index": True, "similarity": "cosine"}
    vector["index_options"] = {"type": "hnsw"}
    if open_search:
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
        vector = {"type": "knn_vector", "dimension": 256, "method": method}
    settings = {"number_of_shards": 1, "number_of_replicas": 0, **({"index.knn": True} if open_search else {})}
    text = {"type": "text", "analyzer": "standard"}
    fields = {"title": text, "text": text, "parity": {"type": "keyword"}, "n": {"type": "float"}, "vector": vector}
    send(server, "DELETE", f"/{INDEX}")
    made = send(server, "PUT", f"/{INDEX}", {"settings": settings, "mappings": {"properties": fields}})
    assert made.status == 200, made.body
    lines = []
    for row in documents():
        lines.append(json.dumps({"index": {"_index": INDEX, "_id": row.id}}))
        lines.append(json.dumps({**row.fields, **({"vector": vectors[row.id]} if row.id in vectors else {})}))
    done = send(server, "POST", "/_bulk?refresh=true", "\n".join(lines) + "\n")
    assert not done.body["errors"]
    send(server, "POST", f"/{INDEX}/_forcemerge?max_num_segments=1")


@dataclass
class Console:
    """Searches of the index of ours."""

    folder: Path

    def __post_init__(self) -> None:
        self.settings = knobs.replace_all(Settings(), {**BASE, "store.path": str(self.folder), "store.index": INDEX})
        self._open = SyncPipeline.open(self.settings, Path())

    def with_(self, **values: Any) -> Settings:
        """The settings with these changes; ``__`` stands for the dot."""
        features = {name: FeatureSettings(**one) for name, one in values.pop("features", {}).items()}
        settings = msgspec.structs.replace(self.settings, features=features)
        return knobs.replace_all(settings, {name.replace("__", "."): value for name, value in values.items()})

    def search(self, text: str, settings: Settings) -> tuple[Trace, Given]:
        async def run() -> tuple[Trace, Given]:
            search: Search = self._open.pipeline.begin(text)
            trace = await search.finish(settings)
            return trace, given_of(search, trace)

        return asyncio.run_coroutine_threadsafe(run(), self._open._loop).result()

    def wish(self, settings: Settings, given: Given | None = None, version: tuple[int, int] | None = None) -> Wish:
        return Wish(settings, assumed(settings), given, version)

    def close(self) -> None:
        self._open.close()


def shown(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.results]


def same_order(trace: Trace, theirs: list[str], tolerance: float = 2e-6) -> bool:
    """Whether the engine's order is ours; documents whose fused scores are equal in float32 may change places."""
    ours, score = shown(trace), dict(zip(trace.pool.ids, trace.ranking.score, strict=True))
    if len(ours) != len(theirs) or any(i not in score for i in theirs):
        return False
    gaps = [abs(score[a] - score[b]) for a, b in zip(ours, theirs, strict=True)]
    return max(gaps, default=0.0) <= tolerance * max(1.0, max(abs(score[i]) for i in ours))
