"""What every embedder offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.records import RanOn, ScoreKind
from engine.remote.pool import ClientPool
from engine.settings.schema import ProviderSettings


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """``name`` is what settings and index record; ``similarity`` is cosine (unit vectors) or dot. ``dimension`` is 0
    where only the first answer tells it."""

    name: str
    dimension: int
    revision: str = ""
    similarity: ScoreKind = ScoreKind.COSINE
    ran_on: RanOn = RanOn.THREAD


@dataclass(frozen=True, slots=True)
class EmbedContext:
    """What an embedder may need: where to compute, the services it may ask (None: none), the user's own providers, and
    where keys in files and variables are (``environ`` None: the process's own)."""

    executor: Executor
    remote: ClientPool | None = None
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    base_dir: Path | None = None
    environ: Mapping[str, str] | None = None


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
