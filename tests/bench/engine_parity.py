"""Every Cranfield query on the embedded store and on real engines: the largest differences, and orders that differ.

    python tests/bench/engine_parity.py [elasticsearch-8 | elasticsearch-9 | opensearch-2 …]

Field scores are compared once divided by the engine's factor (k1 + 1), cosines as they are. ``near`` are queries where
two documents stand the other way round whose fused scores are nearer than 32 bits can tell; ``orders`` are the others.
Cranfield has to lie in ``../shared/data``, the engines in ``../shared/servers``, beside the project.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engine.stores.elastic.parity import Corpus, compare, queries
from tests.servers.engines import NAMES, running


def main(names: list[str]) -> None:
    corpus, texts = Corpus.cranfield(), queries()
    print(f"{len(corpus.documents)} documents, {len(texts)} queries")
    print("engine           analyzer     scores   Δ field  Δ cosine  near  orders  ms/query")
    for name in names:
        with running(name) as server:
            for analyzer in ("standard", "english"):
                if analyzer == "english" and name == "elasticsearch-9":
                    continue  # this build has the analyzers of the core alone
                with tempfile.TemporaryDirectory() as folder:
                    index = corpus.embedded(Path(folder) / "index", analyzer)
                    corpus.into(server, "cranfield", analyzer)
                    began = time.perf_counter()
                    apart = asyncio.run(compare(index, server.store("cranfield"), texts))
                    ms = (time.perf_counter() - began) * 1e3 / len(texts)
                assert not apart.pools, apart.pools
                print(
                    f"{name:16} {analyzer:9} {apart.scores:9} {apart.field_score:9.1e} {apart.cosine:9.1e} "
                    f"{apart.near:5} {len(apart.orders):7} {ms:9.1f}"
                )


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
