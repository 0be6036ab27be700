"""Documents for the writer's tests, apart from them so that a process to be killed starts quickly."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.records import Document
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.writer import IndexWriter

SPEC = IndexSpec({"title": "english", "text": "identifier"}, EmbeddingSpec("random", 3))
WORDS = ["red", "green", "os.path.join", "fox", "dogs", "running", "the", "time.sleep"]


def documents(numbers: range, version: int = 0) -> list[Document]:
    rng = np.random.default_rng(version)
    return [
        Document(
            f"d{n}",
            {
                "title": " ".join(rng.choice(WORDS, n % 4)),
                "text": " ".join(rng.choice(WORDS, 5 + n % 30)),
                "tag": f"t{n % 3}",
                "n": n if version == 0 else f"v{n}",
            },
        )
        for n in numbers
    ]


def vectors(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    made[::5] = np.nan
    return made


def update(path: Path) -> None:
    """Adds, replaces and deletes, going on where a killed update of the same source stopped."""
    with IndexWriter(path, SPEC, fingerprint="update") as writer:
        skip = writer.staged
        for i, first in enumerate((50, 60, 0)):
            if i * 10 >= skip:
                writer.add(documents(range(first, first + 10), 1), vectors(10, i))
        writer.delete([f"d{n}" for n in range(10, 15)])
        writer.commit()
