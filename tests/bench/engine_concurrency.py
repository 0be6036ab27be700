"""200 searches at once on one node of a real engine: searches a second, p95, and how long the event loop stood still.

    python tests/bench/engine_concurrency.py [elasticsearch-8 | …] [SEARCHES AT ONCE]

Beside it the same request bodies by the bare client, one request each, for what the engine and the wire alone allow.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
import numpy as np

from engine.analysis.query import Query
from engine.api import open_pipeline
from engine.settings.schema import Settings
from engine.stores.elastic import bodies
from engine.stores.elastic.connection import connect
from engine.stores.elastic.mapping import read
from tests.engine.stores.elastic.parity import Corpus, queries, settings
from tests.servers.engines import running

ROUNDS = 3


async def stall(stop: asyncio.Event) -> list[float]:
    """How late a timer of 5 ms comes, in milliseconds, until ``stop``."""
    late = []
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append((time.perf_counter() - began - 0.005) * 1e3)
    return late


async def once(ask: Callable[[str], Awaitable[object]], texts: list[str], at_once: int) -> tuple[float, float, float]:
    """(searches a second, p95 in milliseconds, longest stall in milliseconds) of all texts, ``at_once`` under way."""
    took: list[float] = []
    waiting, stop = iter(texts), asyncio.Event()
    watch = asyncio.create_task(stall(stop))

    async def work() -> None:
        for text in waiting:
            began = time.perf_counter()
            await ask(text)
            took.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    rate = len(texts) / (time.perf_counter() - began)
    stop.set()
    return rate, float(np.percentile(took, 95)), max(await watch)


async def crowd(name: str, ask: Callable[[str], Awaitable[object]], texts: list[str], at_once: int) -> None:
    """Prints the medians over the rounds."""
    rounds = [await once(ask, texts, at_once) for _ in range(ROUNDS)]
    rate, p95, stalled = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(f"{name:34} {rate:7.0f} searches/s   p95 {p95:6.0f} ms   stall {stalled:5.1f} ms", flush=True)


async def measure(store_settings: Settings, at_once: int) -> None:
    texts = (queries() * 4)[: 2 * at_once]
    store = store_settings.store
    small = msgspec.structs.replace(
        store_settings,
        legs={name: msgspec.structs.replace(leg, top_k=100) for name, leg in store_settings.legs.items()},
    )
    lexical = small.legs["lexical"]
    async with connect(store) as client:
        shape = await read(client, store.index)
        headers = {"accept": "application/json", "content-type": "application/json"}

        async def bare(text: str) -> None:
            query = bodies.lexical_query(Query.plain(text), lexical, shape)  # type: ignore[arg-type]
            body = bodies.ranked(query, 100, shape)
            path = f"/{store.index}/_search?include_named_queries_score=true"
            await client.perform_request("POST", path, headers=headers, body=body)

        await crowd("bare client, lexical alone", bare, texts, at_once)
    alone = msgspec.structs.replace(small, legs={"lexical": lexical}, weights={"lexical": 1.0})
    for name, wanted in (("rankscope, lexical alone", alone), ("rankscope, lexical and dense", small)):
        async with open_pipeline(wanted, Path()) as pipeline:
            await crowd(name, lambda text, w=wanted, p=pipeline: p.search(text, w, syntax=False), texts, at_once)


def main(name: str, at_once: int) -> None:
    with running(name, measured=True) as server:
        Corpus.cranfield().into(server, "cranfield", "standard")
        print(f"{name}, {at_once} at once, 100 candidates a leg, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        asyncio.run(measure(settings(server.store("cranfield")), at_once))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "elasticsearch-8", int(sys.argv[2]) if len(sys.argv) > 2 else 200)
