"""What every embedder offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from engine.local.host import LocalHost
from engine.records import RanOn, ScoreKind
from engine.remote.pool import ClientPool
from engine.settings.schema import ProviderSettings


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """``name`` is what settings and index record; ``similarity`` is cosine (unit vectors) or dot. ``dimension`` is 0
    where only the first answer tells it, ``revision`` '' until it is known."""

    name: str
    dimension: int
    revision: str = ""
    similarity: ScoreKind = ScoreKind.COSINE
    ran_on: RanOn = RanOn.THREAD
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Sentences for the user: what was taken for granted or given up when the model was loaded."""


@dataclass(frozen=True, slots=True)
class EmbedContext:
    """What an embedder may need: where to compute, the services it may ask (None: none), the user's own providers, and
    where keys in files and variables are (``environ`` None: the process's own). ``local`` hosts models on this machine
    (None: none may be loaded), ``models`` is the folder that keeps those of the hub (None: the hub's own)."""

    executor: Executor
    remote: ClientPool | None = None
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    base_dir: Path | None = None
    environ: Mapping[str, str] | None = None
    local: LocalHost | None = None
    models: Path | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """float32[n, d] as of ``Embedder.embed_documents``, and bool[n]: which texts were longer than the model sees."""

    vectors: npt.NDArray[np.float32]
    cut: npt.NDArray[np.bool_]


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


@runtime_checkable
class MarkingEmbedder(Embedder, Protocol):
    """An embedder that knows how much of a text it sees."""

    async def embed_marked(self, texts: Sequence[str]) -> Marked: ...
