"""BM25 top-1000 against tantivy, and exact kNN against one numpy product, on 100,000 synthetic documents.

    python tests/bench/bm25_knn.py [documents] [dimension]

Zipf vocabulary of 50,000; title 4–11 words, text 20–59; 200 queries of 3–5 words; unit vectors. Peers take turns query
by query in the same process; medians and ratios over the rounds are printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tantivy

from engine.analysis.query import Query
from engine.records import Document
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import LegRequest
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.search import Searcher
from engine.stores.embedded.writer import IndexWriter

ROUNDS, QUERIES, VOCABULARY, K = 9, 200, 50_000, 1000


def words(rng: np.random.Generator, count: int) -> list[str]:
    ranks = np.minimum(rng.zipf(1.2, count), VOCABULARY)
    return [f"w{rank}" for rank in ranks]


def corpus(rng: np.random.Generator, count: int) -> list[Document]:
    return [
        Document(
            f"d{i}",
            {"title": " ".join(words(rng, rng.integers(4, 12))), "text": " ".join(words(rng, rng.integers(20, 60)))},
        )
        for i in range(count)
    ]


def build_tantivy(documents: list[Document]) -> tantivy.Index:
    builder = tantivy.SchemaBuilder()
    for name in ("title", "text"):
        builder.add_text_field(name, stored=False, tokenizer_name="whitespace")
    builder.add_unsigned_field("row", fast=True, stored=False)
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(heap_size=200_000_000, num_threads=1)
    for row, document in enumerate(documents):
        writer.add_document(tantivy.Document.from_dict({**document.fields, "row": row}, schema))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def interleaved(pairs: list[tuple[Callable[[], object], Callable[[], object]]]) -> tuple[list[float], list[float]]:
    """Per-query times in ms, ours and the peer's, taken in turns."""
    ours, peers = [], []
    for ours_run, peer_run in pairs:
        for run, times in ((ours_run, ours), (peer_run, peers)):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
    return ours, peers


def report(name: str, peer: str, rounds: list[tuple[list[float], list[float]]]) -> None:
    ours = statistics.median(statistics.median(a) for a, _ in rounds)
    theirs = statistics.median(statistics.median(b) for _, b in rounds)
    mean = statistics.median(sum(a) / sum(b) for a, b in rounds)
    p95 = statistics.median(float(np.percentile(a, 95)) for a, _ in rounds)
    print(
        f"{name}: {ours:.2f} ms p50, {p95:.2f} p95; {peer} {theirs:.2f} ms p50; "
        f"ratio of medians {ours / theirs:.2f}, of sums {mean:.2f}"
    )


def main(count: int = 100_000, dimension: int = 384) -> None:
    rng = np.random.default_rng(7)
    documents = corpus(rng, count)
    vectors = rng.standard_normal((count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    spec = IndexSpec({"title": "standard", "text": "standard"}, EmbeddingSpec("random", dimension))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with IndexWriter(Path(folder) / "index", spec) as writer:
            for at in range(0, count, 1000):
                writer.add(documents[at : at + 1000], vectors[at : at + 1000])
            staged = time.perf_counter()
            writer.commit()
        print(f"build: {time.perf_counter() - start:.1f} s, of it staging {staged - start:.1f} s")
        start = time.perf_counter()
        index = EmbeddedIndex.open(Path(folder) / "index")
        print(f"open: {(time.perf_counter() - start) * 1e3:.1f} ms")
        searcher = Searcher(index)
        peer = build_tantivy(documents)
        lexical(rng, searcher, peer)
        dense(rng, searcher, vectors)


def lexical(rng: np.random.Generator, searcher: Searcher, peer: tantivy.Index) -> None:
    leg = LexicalLeg(top_k=K)
    tantivy_searcher = peer.searcher()
    texts = [" ".join(words(rng, rng.integers(3, 6))) for _ in range(QUERIES)]
    pairs = []
    for text in texts:
        request = LegRequest("lexical", leg, Query.plain(text))
        parsed = peer.parse_query(text, ["title", "text"])
        pairs.append((lambda r=request: searcher.search(r), lambda p=parsed: tantivy_searcher.search(p, K)))
    interleaved(pairs)
    report("BM25 top-1000", "tantivy", [interleaved(pairs) for _ in range(ROUNDS)])


def dense(rng: np.random.Generator, searcher: Searcher, vectors: np.ndarray) -> None:
    leg = DenseLeg(top_k=K)
    queries = rng.standard_normal((20, vectors.shape[1])).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    pairs = [
        (
            lambda q=query: searcher.search(LegRequest("dense", leg, Query.plain("x"), vector=q)),
            lambda q=query: vectors @ q,
        )
        for query in queries
    ]
    interleaved(pairs)
    report("kNN top-1000", "matrix @ vector", [interleaved(pairs) for _ in range(ROUNDS)])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
