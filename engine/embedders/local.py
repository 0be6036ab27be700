"""Embedders on this machine: ``local/MODEL``, computed in the worker process of local models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.embedders.base import EmbedContext, EmbedderInfo, Marked
from engine.errors import EmbedderError
from engine.local.base import ModelInfo, ModelSpec
from engine.local.host import Encoded
from engine.local.models.cache import cache_folder, whole
from engine.local.models.files import missing_files, revision_of
from engine.local.models.resolve import locate, revised
from engine.records import RanOn, ScoreKind

PREFIX = "local/"
FINGERPRINT = "sha256:"
"""Begins the revision of a folder, which no name can ask for."""


class LocalEmbedder:
    """A model by preset, name of the hub or folder; ``@REVISION`` after a hub's name asks for that one.

    Its dimension is known once it is loaded, and 0 until then; its revision as soon as its files are here.
    """

    def __init__(self, name: str, context: EmbedContext) -> None:
        """Raises ``ModelError`` for a name that names nothing."""
        model, revision = revised(name.removeprefix(PREFIX), context.base_dir)
        place = locate(model, "embedder", context.base_dir)
        self._host = context.local
        self._spec = ModelSpec(role="embedder", model=place.name, revision=revision)
        self._before = EmbedderInfo(PREFIX + place.name, 0, _revision_here(self._spec, context), ran_on=RanOn.WORKER)

    @property
    def info(self) -> EmbedderInfo:
        found = self._host.known(self._spec) if self._host else None
        return self._before if found is None else _info(self._before.name, found)

    async def embed_query(self, text: str) -> npt.NDArray[np.float32] | None:
        """float32[d], or None for a blank text."""
        return (await self._encode([text], as_query=True)).vectors[0] if text.strip() else None

    async def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[len(texts), d]; a blank text's row is NaN."""
        return (await self.embed_marked(texts)).vectors

    async def embed_marked(self, texts: Sequence[str]) -> Marked:
        """The same, and which texts were longer than the model sees. They travel by length, so that the worker's
        batches are of like ones, and come back in their own order."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        found = await self._encode([texts[at] for at in order])
        back = np.argsort(np.array(order, dtype=np.intp))
        return Marked(found.vectors[back], np.array(found.cut, dtype=bool)[back])

    async def _encode(self, texts: Sequence[str], as_query: bool = False) -> Encoded:
        if self._host is None:
            raise EmbedderError(f"{self._before.name}: this pipeline was opened without local models")
        if not texts:
            return Encoded(np.zeros((0, self.info.dimension), dtype=np.float32), [], [])
        return await self._host.encode(self._spec, texts, as_query=as_query)


def pinned(name: str, revision: str) -> str:
    """The embedder's name with the revision that it must have, where the hub keeps that one: what an index asks for."""
    plain = not revision or revision.startswith(FINGERPRINT) or not name.startswith(PREFIX) or "@" in name
    return name if plain else f"{name}@{revision}"


def _info(name: str, model: ModelInfo) -> EmbedderInfo:
    similarity = ScoreKind.DOT if model.kind == "dot" else ScoreKind.COSINE
    notes = tuple(f"embedder {name}: {text}" for text in model.notes)
    return EmbedderInfo(name, model.dimension, model.revision, similarity, RanOn.WORKER, notes)


def _revision_here(spec: ModelSpec, context: EmbedContext) -> str:
    """The revision of the files on this machine, '' where they are not all here."""
    folder = locate(spec.model, "embedder").folder
    if folder is not None:
        return revision_of(folder) if folder.is_dir() and not missing_files(folder) else ""
    found = whole(context.models or cache_folder(), spec.model, spec.revision)
    return found.revision if found else ""
