"""Many searches at once against a reranker that takes 300 ms ± 10 %: ``python tests/bench/remote.py CORPUS [ROUNDS]``.

CORPUS is a BEIR folder. The reranker is a loopback server in a process of its own. Two tables, every row beside its
peers in the same run, medians of the rounds:

    calls     20 documents each: this client, bare aiohttp, httpx's client over the same transport, 32 threads
    searches  whole searches of an embedded index, 20 documents reranked, by this client, bare aiohttp and 32 threads

``ideal`` is in flight ÷ 0.3 s. A whole search also works on the index (``ms CPU``), and Python works on one core at a
time: no client can do more than 1 ÷ that time. ``bound`` is the less of the two, so that a share of it says how much
of what this machine can do at all is reached. Queries repeat, so that vectors and analysed words come from memory, as
they do for all rows; rerank scores do not.
"""

from __future__ import annotations

import asyncio
import http.client
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from console.cli import run
from console.collector import collect_rarely
from engine.api import open_pipeline
from engine.executor import make_executor
from engine.ingest.queries import QueryItem, read_queries
from engine.pipeline import Pipeline
from engine.records import RerankerInfo, ScoreKind
from engine.remote.pool import ClientPool
from engine.remote.wire import JSON_HEADERS, Limits, Service, WireRequest
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.registry import RERANKERS
from engine.settings.schema import ProviderSettings, RerankSettings, Settings, StoreSettings
from engine.trace import Fused

LATENCY_S, JITTER, DOCUMENTS, THREADS = 0.3, 0.1, 20, 32
STATM = Path("/proc/self/statm")
Post = Callable[[bytes], Awaitable[bytes]]


class Asked(msgspec.Struct):
    documents: list[msgspec.Raw]


class Result(msgspec.Struct):
    index: int
    relevance_score: float


class Answered(msgspec.Struct):
    results: list[Result]


class Reranker(asyncio.Protocol):
    """The server: as little as HTTP needs, so that it is not what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, blank, body = self.data.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self.data = b""
        count = len(msgspec.json.decode(body, type=Asked).documents)
        results = [Result(index, (count - index) / count) for index in reversed(range(count))]
        answer = msgspec.json.encode(Answered(results))
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        wait = LATENCY_S * random.uniform(1 - JITTER, 1 + JITTER)
        asyncio.get_running_loop().call_later(wait, self.transport.write, lines.encode() + answer)


def serve(pipe: Connection) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Reranker, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


@asynccontextmanager
async def by_aiohttp(url: str) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(body: bytes) -> bytes:
            async with session.post(url, data=body, headers=JSON_HEADERS) as response:
                return await response.read()

        yield post


@asynccontextmanager
async def by_httpx(url: str) -> AsyncIterator[Post]:
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=0), verify=False)
    async with httpx.AsyncClient(transport=transport, timeout=30) as client:

        async def post(body: bytes) -> bytes:
            return (await client.post(url, content=body, headers=JSON_HEADERS)).content

        yield post


@asynccontextmanager
async def by_rankscope(url: str) -> AsyncIterator[Post]:
    executor = make_executor()
    pool, service = ClientPool(executor), Service("bench", Limits(concurrency=0))

    async def post(body: bytes) -> bytes:
        return (await pool.send(service, WireRequest("POST", url, JSON_HEADERS, body))).body

    yield post
    await pool.close()
    executor.shutdown()


@asynccontextmanager
async def by_threads(url: str) -> AsyncIterator[Post]:
    local, connections = threading.local(), []
    host = url.split("/")[2]

    def call(body: bytes) -> bytes:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(host)
            connections.append(local.connection)
        local.connection.request("POST", "/v1/rerank", body, JSON_HEADERS)
        return bytes(local.connection.getresponse().read())

    with ThreadPoolExecutor(THREADS) as executor:
        loop = asyncio.get_running_loop()
        yield lambda body: loop.run_in_executor(executor, call, body)
        for connection in connections:
            connection.close()


CLIENTS = {"aiohttp": by_aiohttp, "rankscope": by_rankscope, "httpx": by_httpx, f"{THREADS} threads": by_threads}


@dataclass
class Watch:
    """Wall and processor time, the longest the loop was held up, the most threads and memory there were."""

    stall_s: float = 0.0
    threads: int = 0
    memory_mb: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    late: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        ticker = asyncio.create_task(self._tick())
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            self.stall_s = max(self.stall_s, time.perf_counter() - before - 0.005)
            self.threads = max(self.threads, threading.active_count())
            self.memory_mb = max(self.memory_mb, resident_mb())


def resident_mb() -> float:
    """What the process holds now, where the system tells; else the most it ever held."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def calls(post: Post, in_flight: int, each: int) -> Watch:
    documents = [f"document {i} " + "of some length, as passages have it, " * 12 for i in range(DOCUMENTS)]
    body = msgspec.json.encode({"model": "m", "query": "a query", "documents": documents})

    async def worker(times: int) -> None:
        for _ in range(times):
            await post(body)

    await asyncio.gather(*(worker(1) for _ in range(in_flight)))  # connections are made
    watch = Watch()
    async with watch.running():
        await asyncio.gather(*(worker(each) for _ in range(in_flight)))
    return watch


class PlainReranker:
    """What somebody would write by hand around a client: the peer of the whole search."""

    info = RerankerInfo(provider="plain", kind=ScoreKind.PROBABILITY)
    window, cacheable = DOCUMENTS, False

    def __init__(self, post: Post) -> None:
        self._post = post

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        texts = [document.text for document in documents]
        body = msgspec.json.encode({"model": "m", "query": query, "documents": texts})
        answer = msgspec.json.decode(await self._post(body), type=Answered)
        scores = [0.0] * len(documents)
        for result in answer.results:
            scores[result.index] = result.relevance_score
        yield RerankBatch.of(0, scores)


async def searches(pipeline: Pipeline, settings: Settings, queries: list[str], in_flight: int) -> tuple[Watch, Watch]:
    """All of the queries, so many at once. The second watch has the times to the fused list in ``late``."""
    waiting, watch, fused = iter(queries), Watch(), Watch()

    async def worker() -> None:
        for query in waiting:
            start = time.perf_counter()
            async for event in pipeline.run(query, settings, syntax=False):
                if isinstance(event, Fused):
                    fused.late.append(time.perf_counter() - start)
            assert event.trace.stage("rerank").outcome.ok, event.trace.stage("rerank")
            watch.late.append(time.perf_counter() - start)

    async with watch.running():
        await asyncio.gather(*(worker() for _ in range(in_flight)))
    return watch, fused


def row(name: str, in_flight: int, done: int, watches: list[Watch], peer: float) -> float:
    """Prints one line; returns its throughput."""
    rate = statistics.median(done / watch.wall_s for watch in watches)
    cpu = statistics.median(watch.cpu_s / done for watch in watches)
    stall = statistics.median(watch.stall_s for watch in watches)
    threads = max(watch.threads for watch in watches)
    memory = max(watch.memory_mb for watch in watches)
    ideal = in_flight / LATENCY_S
    ratio = f"{rate / peer:5.2f} × aiohttp" if peer else " " * 15
    print(
        f"{name:12} {in_flight:4} in flight {rate:7.0f}/s  {rate / ideal:4.2f} of the ideal "
        f"{rate / min(ideal, 1 / cpu):4.2f} of the bound  {ratio}  {cpu * 1e3:6.2f} ms CPU  stall {stall * 1e3:5.0f} ms"
        f"  {threads:3} threads  {memory:4.0f} MB"
    )
    return rate


async def bench_calls(url: str, rounds: int) -> None:
    for in_flight, each in ((100, 6), (500, 4)):
        found: dict[str, list[Watch]] = {name: [] for name in CLIENTS}
        for number in range(rounds):
            for name, client in CLIENTS.items():
                if name.endswith("threads") and number:
                    continue  # slow, and always the same: 32 ÷ 0.3 s
                async with client(url) as post:
                    found[name].append(await calls(post, in_flight, 1 if name.endswith("threads") else each))
        peer = 0.0
        for name, watches in found.items():
            done = in_flight * (1 if name.endswith("threads") else each)
            rate = row(name, in_flight, done, watches, peer)
            peer = peer or rate


@asynccontextmanager
async def searching(name: str, url: str, folder: Path) -> AsyncIterator[tuple[Pipeline, Settings]]:
    """A pipeline whose reranker asks by that client: ours as users have it, the peers as written by hand."""
    ours = {"bench": ProviderSettings(base_url=url, models=["m"], concurrency=4096)}
    provider = "bench" if name == "rankscope" else "peer"
    rerank = RerankSettings(provider=provider, top_n=DOCUMENTS, auto=False)
    settings = Settings(store=StoreSettings(path="index"), providers=ours, rerank=rerank)
    async with AsyncExitStack() as stack:
        post = await stack.enter_async_context(CLIENTS[name](url))
        peer = {**RERANKERS, "peer": lambda _settings, _context: PlainReranker(post)}
        yield await stack.enter_async_context(open_pipeline(settings, folder, rerankers=peer)), settings


async def bench_searches(url: str, corpus: Path, folder: Path, rounds: int) -> None:
    texts = [item.text for item in read_queries(corpus / "queries.jsonl") if isinstance(item, QueryItem)]
    for in_flight in (50, 100, 500):
        queries = [texts[i % len(texts)] for i in range(2 * max(in_flight, 100))]
        found: dict[str, list[tuple[Watch, Watch]]] = {name: [] for name in CLIENTS if name != "httpx"}
        for _ in range(rounds):
            for name in found:
                async with searching(name, url, folder) as (pipeline, settings):
                    await searches(pipeline, settings, queries[:in_flight], in_flight)  # connections, vectors
                    found[name].append(await searches(pipeline, settings, queries, in_flight))
        peer = 0.0
        for name, pairs in found.items():
            rate = row(name, in_flight, len(queries), [watch for watch, _ in pairs], peer)
            peer = peer or rate
            for what, which in (("fused", 1), ("reranked", 0)):
                late = sorted(time_s for pair in pairs for time_s in pair[which].late)
                shown = [f"p{int(q * 100)} {late[int(q * (len(late) - 1))] * 1e3:.0f}" for q in (0.5, 0.95, 0.99)]
                print(f"{'':12} {what:9} {'  '.join(shown)} ms")


async def main(corpus: Path, rounds: int, folder: Path) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/v1/rerank"
    try:
        await bench_calls(url, rounds)
        await bench_searches(url, corpus, folder, rounds)
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        collect_rarely()
        run(["index", sys.argv[1], "--into", f"{temporary}/index"])
        rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
        asyncio.run(main(Path(sys.argv[1]), rounds, Path(temporary)))
