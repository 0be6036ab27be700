"""A million documents of 100 tokens: build time and memory, opening, BM25, completion and exact kNN.

    python tests/bench/million.py [documents] [dimension] [folder]

The build runs in a process of its own, so that its peak memory is its own. Heap is what the process itself holds
(anonymous memory); resident includes the mapped files that the system may drop at any time.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engine.analysis.query import Query
from engine.records import Document
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import LegRequest
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.search import Searcher
from engine.stores.embedded.writer import IndexWriter

TOKENS, VOCABULARY, BATCH = 100, 200_000, 2000
FIELDS = {"text": 1.0}


def texts(rng: np.random.Generator, count: int, tokens: int) -> Iterator[str]:
    ranks = np.minimum(rng.zipf(1.15, (count, tokens)), VOCABULARY)
    for row in ranks.tolist():
        yield " ".join(f"w{rank}" for rank in row)


def memory() -> dict[str, float]:
    """MB of this process: anonymous now, resident at its peak. Zero where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("RssAnon", "VmHWM"))}
    return {name: int(values.get(name, 0)) / 1024 for name in ("RssAnon", "VmHWM")}


def build(count: int, dimension: int, path: Path) -> None:
    """Builds the index and prints what it took as JSON."""
    rng = np.random.default_rng(1)
    spec = IndexSpec({"text": "standard"}, EmbeddingSpec("random", dimension) if dimension else None)
    making, heap, start = 0.0, 0.0, time.perf_counter()
    with IndexWriter(path, spec) as writer:
        for at in range(0, count, BATCH):
            begun = time.perf_counter()
            batch = [Document(f"doc-{at + i}", {"text": text}) for i, text in enumerate(texts(rng, BATCH, TOKENS))]
            vectors = rng.standard_normal((BATCH, dimension), dtype=np.float32) if dimension else None
            making += time.perf_counter() - begun
            writer.add(batch, vectors)
        staged = time.perf_counter()

        def progress(done: int, total: int) -> None:
            nonlocal heap
            heap = max(heap, memory()["RssAnon"])

        writer.commit(progress)
    end = time.perf_counter()
    print(json.dumps({"stage": staged - start - making, "commit": end - staged, "heap": heap, **memory()}))


def timed(run: Callable[[], object], times: int) -> str:
    run()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append((time.perf_counter() - start) * 1e3)
    return f"{statistics.median(found):.1f} ms p50, {max(found):.1f} ms at most"


def main(count: int, dimension: int, folder: Path) -> None:
    path = folder / "index"
    command = [sys.executable, __file__, "build", str(count), str(dimension), str(path)]
    took = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"build: staging {took['stage']:.0f} s, commit {took['commit']:.0f} s")
    print(f"build memory: heap {took['heap']:.0f} MB while inverting, resident at peak {took['VmHWM']:.0f} MB")
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    print(f"on disk: {size / 1e6:.0f} MB")
    start = time.perf_counter()
    index = EmbeddedIndex.open(path)
    print(f"open: {(time.perf_counter() - start) * 1e3:.1f} ms")
    searcher = Searcher(index)
    rng = np.random.default_rng(2)
    queries = list(texts(rng, 50, 4))
    leg = LexicalLeg(fields=FIELDS, top_k=1024)
    cursor = iter(range(10**9))

    def bm25() -> object:
        text = queries[next(cursor) % len(queries)]
        return searcher.search(LegRequest("lexical", leg, Query.plain(text)))

    print(f"BM25 top-1024 of 4 words: {timed(bm25, 100)}")
    ids = [f"doc-{n}" for n in rng.integers(0, count, 1024)]
    one = LegRequest("lexical", leg, Query.plain(queries[0]))
    print(f"completion of 1024 documents: {timed(lambda: searcher.complete(one, ids), 30)}")
    if dimension:
        vector = rng.standard_normal(dimension, dtype=np.float32)
        request = LegRequest("dense", DenseLeg(top_k=1024), Query.plain("x"), vector=vector)
        print(f"kNN top-1024: {timed(lambda: searcher.search(request), 10)}")
        assert index.vectors is not None
        print(f"the bare product: {timed(lambda: index.vectors @ vector, 10)}")
    now = memory()
    print(f"reader memory: heap {now['RssAnon']:.0f} MB, resident at peak {now['VmHWM']:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["build"]:
        build(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    else:
        arguments = [*sys.argv[1:], "", ""]
        with tempfile.TemporaryDirectory() as temporary:
            main(
                int(arguments[0] or 1_000_000),
                int(arguments[1] or 256),
                Path(sys.argv[3] if sys.argv[3:] else temporary),
            )
