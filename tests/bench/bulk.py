"""Documents per second into an engine: our writer beside ``elasticsearch.helpers.async_bulk`` alone, in the same run.

``python tests/bench/bulk.py --url http://localhost:9200 [--documents 100000] [--dimension 256] [--rounds 3]``

Both send the same documents with the same ready vectors into an index of the same layout; the peer with chunks of its
own default size and of ours. What is timed is everything from the first document to the swap (ours) or the refresh.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from engine.ingest.base import Item, SourceDocument, SourceSchema
from engine.records import Document
from engine.settings.schema import StoreSettings
from engine.stores.elastic.building import build_in_engine
from engine.stores.elastic.connection import connect
from engine.stores.elastic.detect import detect
from engine.stores.elastic.layout import VECTOR, Layout, index_body
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec

NAME = "rankscope-bench"
WORDS = [f"word{number}" for number in range(20_000)]


def words(numbers: Sequence[int]) -> str:
    return " ".join(WORDS[number] for number in numbers)


class Corpus:
    """Made-up documents, a title of 6 words and a text of 40, by Zipf's law."""

    name, schema = "bench", SourceSchema({"title": "standard", "text": "standard"})

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(7)
        drawn = np.minimum(rng.zipf(1.3, size=(count, 46)), len(WORDS)) - 1
        self.held = [
            Document(
                f"d{n}", {"title": " ".join(WORDS[w] for w in row[:6]), "text": " ".join(WORDS[w] for w in row[6:])}
            )
            for n, row in enumerate(drawn)
        ]

    def fingerprint(self) -> str:
        return str(time.time())

    def count(self) -> int:
        return len(self.held)

    def documents(self) -> Iterator[Item]:
        return (SourceDocument(document, "bench") for document in self.held)


class Ready:
    """An embedder whose vectors are there already: the bench is of the bulk."""

    def __init__(self, dimension: int) -> None:
        from engine.embedders.base import EmbedderInfo

        self.info = EmbedderInfo("ready", dimension)
        made = np.random.default_rng(3).normal(size=(4096, dimension)).astype(np.float32)
        self.rows = made / np.linalg.norm(made, axis=1, keepdims=True)

    async def embed_query(self, text: str) -> Any:
        return self.rows[0]

    async def embed_documents(self, texts: Sequence[str]) -> Any:
        return self.rows[np.arange(len(texts)) % len(self.rows)]


async def ours(store: StoreSettings, layout: Layout, corpus: Corpus, ready: Ready) -> float:
    start = time.perf_counter()
    report = await build_in_engine(corpus, store, layout, ready, rebuild=True)
    assert report.documents == len(corpus.held)
    return time.perf_counter() - start


async def theirs(store: StoreSettings, layout: Layout, corpus: Corpus, ready: Ready, chunk: int) -> float:
    from elasticsearch.helpers import async_bulk

    client = connect(store, timeout_s=120)
    try:
        body = index_body(layout, layout.index(1), await detect(client), {})
        body.pop("aliases")
        await client.indices.create(index=f"{NAME}-peer", **body)

        async def actions() -> AsyncIterator[dict[str, Any]]:
            for number, document in enumerate(corpus.held):
                vector = ready.rows[number % len(ready.rows)].tolist()
                yield {"_id": document.id, **document.fields, "order": number, VECTOR: vector}

        start = time.perf_counter()
        done, _ = await async_bulk(client, actions(), index=f"{NAME}-peer", chunk_size=chunk, refresh=False)
        await client.indices.refresh(index=f"{NAME}-peer")
        seconds = time.perf_counter() - start
        assert done == len(corpus.held)
    finally:
        await client.indices.delete(index=f"{NAME}-peer", ignore_unavailable=True)
        await client.close()
    return seconds


async def run(arguments: argparse.Namespace) -> None:
    store = StoreSettings(kind=arguments.kind, url=arguments.url)
    corpus, ready = Corpus(arguments.documents), Ready(arguments.dimension)
    spec = IndexSpec(dict(corpus.schema.text_fields), EmbeddingSpec("ready", arguments.dimension))
    layout = Layout(NAME, spec, arguments.knn)
    await theirs(store, layout, Corpus(2000), ready, 500)  # the engine compiles what it runs often
    found: dict[str, list[float]] = {"ours": [], "async_bulk, 500": [], "async_bulk, 2000": []}
    for _ in range(arguments.rounds):
        found["ours"].append(await ours(store, layout, corpus, ready))
        found["async_bulk, 500"].append(await theirs(store, layout, corpus, ready, 500))
        found["async_bulk, 2000"].append(await theirs(store, layout, corpus, ready, 2000))
    client = connect(store)
    await client.indices.delete(index=f"{NAME}-0*")
    await client.close()
    what = f"{arguments.documents:,} documents, {arguments.dimension} dimensions, {arguments.knn}"
    print(f"{what}, median of {arguments.rounds}, load {os.getloadavg()[0]:.1f}")
    rates = {name: arguments.documents / median(seconds) for name, seconds in found.items()}
    for name, rate in rates.items():
        ratio = "" if name == "ours" else f"  ours is {rates['ours'] / rate:.2f} times that"
        print(f"{name:>18}: {rate:8,.0f} documents/s{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:9200")
    parser.add_argument("--kind", default="elasticsearch")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--knn", choices=["exact", "hnsw"], default="exact")
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
