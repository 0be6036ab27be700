"""The worker of local models: ``python tests/bench/local_worker.py [ROUNDS] [DOCUMENTS]``. Three tables:

    loop      how long the console's loop stood still (a ticker every 5 ms) while it idled, while a cross-encoder was
              loaded and scored in the worker, and while the same was done in a thread of the process
    memory    of the console's process and of the worker: before, loaded, after a rerank, after unloading
    sharing   one request of DOCUMENTS times 50 pairs, then 50 and 200 concurrent searches of DOCUMENTS each: pairs per
              second and per second of the worker's processor time (which other load touches less), medians of
              interleaved rounds; and by how much of their documents the searches differed when half was done

The model has MiniLM-L6's shape (for ``sharing`` two of its layers) and random weights; the texts are the standard
library's docstrings.
"""

# ruff: noqa: E402  (the path comes first)

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.local.base import ModelSpec
from engine.local.host import LocalHost
from engine.local.state import memory_of
from tests.tiny_models import sentences

TICK_S = 0.005
SHAPE = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
SEARCHES = (50, 200)
QUERY = "wait a few seconds without blocking the other threads"
MAKE = """
import sys
from pathlib import Path
from tests.tiny_models import tiny_reranker
tiny_reranker(Path(sys.argv[1]), "bert", **{shape!r})
"""
THREAD = """
import asyncio, sys
from pathlib import Path
from tests.bench.local_worker import in_a_thread
asyncio.run(in_a_thread(Path(sys.argv[1])))
"""


def texts(count: int) -> list[str]:
    """Documents of 40 to 600 characters."""
    whole = "\n".join(sentences())
    return [whole[at * 317 % 60_000 :][: 40 + at * 7919 % 560] for at in range(count)]


@asynccontextmanager
async def ticker() -> AsyncIterator[list[float]]:
    """Milliseconds by which each tick came late."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            late.append((time.perf_counter() - due) * 1e3)

    task = asyncio.create_task(tick())
    try:
        yield late
    finally:
        task.cancel()


def row(what: str, late: list[float]) -> None:
    cuts = statistics.quantiles(late, n=1000)
    print(f"{what:<34}{cuts[499]:8.1f}{cuts[949]:8.1f}{cuts[989]:8.1f}{max(late):8.1f}   {len(late)}", flush=True)


async def scored(host: LocalHost, spec: ModelSpec, query: str, documents: list[str]) -> int:
    done = 0
    async with aclosing(host.score(spec, query, documents)) as batches:
        async for batch in batches:
            done += len(batch.scores)
    return done


async def loop_and_memory(spec: ModelSpec) -> None:
    host = LocalHost()
    memory: list[tuple[str, int, int]] = []

    def note(when: str) -> None:
        memory.append((when, memory_of(os.getpid()), host.state.memory_bytes))

    note("before")
    print(f"{'loop, ms late':<34}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}   ticks")
    async with ticker() as late:
        await asyncio.sleep(3)
    row("idle", late)
    async with ticker() as late:
        await host.open_model(spec)
    row("worker: start, import, load", late)
    note("loaded")
    async with ticker() as late:
        await scored(host, spec, QUERY, texts(200))
    row("worker: 200 documents", late)
    note("after a rerank")
    pid = host.state.pid
    await host.unload()
    note("unloaded")
    print(f"\n{'memory, MB':<34}{'console':>8}{'worker':>8}")
    for when, own, worker in memory:
        print(f"{when:<34}{own / 1e6:8.0f}{worker / 1e6:8.0f}")
    print(f"{'worker gone':<34}{'yes' if memory_of(pid) == 0 else 'no':>8}")
    await host.close()


async def in_a_thread(folder: Path) -> None:
    """The peer: the same import, load and rerank in a thread of the loop's own process."""

    def load() -> Callable[[], object]:
        from engine.local.worker.scoring.load import load_scorer

        scorer = load_scorer(ModelSpec(role="reranker", model=str(folder)), folder, lambda *_: None)
        return lambda: scorer.score(scorer.pairs(QUERY, texts(200)))

    async with ticker() as late:
        score = await asyncio.to_thread(load)
    row("peer, a thread: import, load", late)
    async with ticker() as late:
        await asyncio.to_thread(score)
    row("peer, a thread: 200 documents", late)


async def sharing(spec: ModelSpec, rounds: int, share: int) -> None:
    host = LocalHost()
    documents = texts(share * max(SEARCHES))
    await host.open_model(spec)
    await scored(host, spec, QUERY, documents[: share * min(SEARCHES)])
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        f"one request of {share * min(SEARCHES)}": lambda: alone(host, spec, documents[: share * min(SEARCHES)])
    }
    for searches in SEARCHES:
        ways[f"{searches} searches of {share}"] = partial(together, host, spec, documents, searches, share)
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            pairs = share * int(name.split()[0]) if "searches" in name else share * min(SEARCHES)
            start, cpu = time.perf_counter(), cpu_of(host.state.pid)
            spread = await run()
            measured[name].append(
                (pairs / (time.perf_counter() - start), pairs / (cpu_of(host.state.pid) - cpu), spread)
            )
    print(f"\n{'sharing':<34}{'pairs/s':>8}{'of one':>8}{'/CPU s':>8}{'of one':>8}{'σ of half':>12}")
    base: tuple[float, ...] = ()
    for rows in measured.items():
        rate, cpu, spread = (statistics.median(column) for column in zip(*rows[1], strict=True))
        base = base or (rate, cpu)
        print(f"{rows[0]:<34}{rate:8.1f}{rate / base[0]:8.2f}{cpu:8.1f}{cpu / base[1]:8.2f}{spread:12.2f}", flush=True)
    await host.close()


async def alone(host: LocalHost, spec: ModelSpec, documents: list[str]) -> float:
    await scored(host, spec, QUERY, documents)
    return 0.0


async def together(host: LocalHost, spec: ModelSpec, documents: list[str], searches: int, share: int) -> float:
    """How far apart the searches were when half was done: the deviation of their shares."""
    done = [0] * searches
    even: list[float] = []

    async def search(number: int) -> None:
        own = documents[number * share : (number + 1) * share]
        async with aclosing(host.score(spec, f"{QUERY} {number}", own)) as batches:
            async for batch in batches:
                done[number] += len(batch.scores)
                if not even and sum(done) >= searches * share / 2:
                    even.append(statistics.pstdev(done) / share)

    await asyncio.gather(*map(search, range(searches)))
    return even[0]


def cpu_of(pid: int) -> float:
    """Seconds of processor time that the process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make(folder: Path, layers: int) -> ModelSpec:
    """The model, written by a process of its own: torch stays out of this one."""
    shape = {**SHAPE, "num_hidden_layers": layers}
    subprocess.run([sys.executable, "-c", MAKE.format(shape=shape), str(folder)], check=True, cwd=ROOT)
    return ModelSpec(role="reranker", model=str(folder))


def main(rounds: int, share: int) -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        whole, small = make(Path(folder) / "whole", 6), make(Path(folder) / "small", 2)
        asyncio.run(loop_and_memory(whole))
        subprocess.run([sys.executable, "-c", THREAD, whole.model], check=True, cwd=ROOT)
        asyncio.run(sharing(small, rounds, share))
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [5, 20][len(numbers) :])[:2])
