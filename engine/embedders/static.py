"""Static token vectors, averaged: the embedder that needs neither torch nor a download.

The weights and the tokenizer are those of WordLlama (https://github.com/dleemiller/WordLlama, MIT), read straight out
of its wheel: its own package would import pydantic and requests and look for files on the network.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.embedders.base import EmbedderInfo
from engine.errors import EmbedderError, MissingExtraError
from engine.executor import run_in

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_BATCH = 256


class StaticEmbedder:
    """Mean of the token vectors, scaled to unit length. Weights are read with the first text."""

    info = EmbedderInfo(name="static", dimension=256, revision="wordllama-l2-supercat-256")

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def embed_query(self, text: str) -> npt.NDArray[np.float32] | None:
        """float32[256] of unit length, or None for a blank text."""
        vector = (await self.embed_documents([text]))[0]
        return None if np.isnan(vector[0]) else vector

    async def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[len(texts), 256]; a blank text's row is NaN."""
        return await run_in(self._executor, self.encode, texts)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same, synchronously: for indexing."""
        out = np.full((len(texts), self.info.dimension), np.nan, dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            self._encode_batch(texts[start : start + _BATCH], out[start : start + _BATCH])
        return out

    def _encode_batch(self, texts: Sequence[str], out: npt.NDArray[np.float32]) -> None:
        tokenizer, weights = self._model
        rows = [row for row, text in enumerate(texts) if text.strip()]
        encodings = tokenizer.encode_batch([texts[row] for row in rows], add_special_tokens=False)
        for row, encoding in zip(rows, encodings, strict=True):
            if encoding.ids:
                vector = weights[encoding.ids].sum(axis=0, dtype=np.float32)
                length = float(np.linalg.norm(vector))
                if length > 0:
                    out[row] = vector / length

    @cached_property
    def _model(self) -> tuple[Tokenizer, npt.NDArray[np.float16]]:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = _package_folder()
        try:
            tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
            weights: npt.NDArray[np.float16] = load_file(folder / _WEIGHTS)["embedding.weight"]
        except Exception as error:  # both libraries raise bare Exception subclasses of their own
            raise EmbedderError(
                f"the static embedder's files in {folder} cannot be read: {error}",
                hint="reinstall them: pip install --force-reinstall wordllama==0.4.0.post1",
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer, weights


def _package_folder() -> Path:
    """Where the wheel of WordLlama lies, found without importing it."""
    spec = importlib.util.find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "the static embedder's weights are not installed", hint="pip install wordllama==0.4.0.post1"
        )
    return Path(spec.submodule_search_locations[0])
