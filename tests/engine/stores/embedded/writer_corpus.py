"""Documents for the writer's tests, apart from them so that a process to be killed starts quickly."""

from __future__ import annotations

import numpy as np

from engine.records import Document
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec

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
