"""What every embedder offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.records import RanOn, ScoreKind


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """``name`` is what settings and index record; ``similarity`` is cosine (unit vectors) or dot."""

    name: str
    dimension: int
    revision: str = ""
    similarity: ScoreKind = ScoreKind.COSINE
    ran_on: RanOn = RanOn.THREAD


class Embedder(Protocol):
    """Turns texts into vectors. Raises ``EmbedderError``."""

    @property
    def info(self) -> EmbedderInfo: ...

    async def embed_query(self, text: str) -> npt.NDArray[np.float32] | None:
        """float32[d], or None for a text without any known token."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[len(texts), d]; a row of NaN where a text has no vector (blank)."""
        ...
