"""What the worker hosts: scorers of pairs and encoders of texts, and the records that describe them.

Imported on both sides of the pipe, so nothing here imports torch or numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec

Role = Literal["reranker", "embedder"]


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A model as asked for; equal specs share one loaded model.

    model       hub name (``Qwen/Qwen3-Reranker-0.6B``), local folder, or the name of a preset
    revision    of the hub; '' the newest
    dtype       auto, fp32, bf16, fp16, int8
    device      auto, cpu, cuda, cuda:1, mps
    backend     auto, padded, packed, causal
    max_tokens  of one pair or text, 0: what the model takes
    budget      tokens of one forward pass, 0: measured or the device's default
    batch       most documents of one forward pass, 0: the budget alone decides
    """

    role: Role
    model: str
    revision: str = ""
    dtype: str = "auto"
    device: str = "auto"
    backend: str = "auto"
    max_tokens: int = 0
    budget: int = 0
    batch: int = 0


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How the chosen backend compared with the fp32 reference at load; ``difference`` is max |Δlogit| of ``pairs``."""

    difference: float
    tau: float
    pairs: int
    limit: float
    fell_back: str = ""
    """The backend that was given up for the reference, '' where none was."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model as loaded.

    kind           of its raw scores: logit, probability, cosine, …
    instruction    the one that is used where none is given, '' for models without
    instructed     takes an instruction
    weights_bytes  of its parameters on the device
    dimension      of an embedder's vectors, 0 for a reranker
    load_ms        from the call to ready, without the download
    """

    role: Role
    model: str
    revision: str = ""
    dtype: str = ""
    device: str = ""
    backend: str = ""
    kind: str = "logit"
    max_tokens: int = 0
    budget: int = 0
    instruction: str = ""
    instructed: bool = False
    family: str = ""
    weights_bytes: int = 0
    dimension: int = 0
    parity: Parity | None = None
    load_ms: float = 0.0
    notes: tuple[str, ...] = ()


class Pair(Protocol):
    """A query and a document as token ids. ``length`` is what it costs of a batch's token budget."""

    @property
    def length(self) -> int: ...

    @property
    def tokens(self) -> int:
        """Tokens of the document that the model sees."""
        ...

    @property
    def total(self) -> int:
        """Tokens that the document has; more than ``tokens`` where it was cut."""
        ...


class Scorer(Protocol):
    """A loaded cross-encoder. Called from the worker's one compute thread."""

    @property
    def info(self) -> ModelInfo: ...

    def pairs(self, query: str, texts: Sequence[str], instruction: str = "", max_tokens: int = 0) -> list[Pair]:
        """Each text with the query, as ids (the documents' from the cache where they were seen before)."""
        ...

    def batches(self, pairs: Sequence[Pair], budget: int = 0, batch: int = 0) -> list[list[int]]:
        """Which of the pairs go through the model together: indices, longest first. A pass holds at most ``budget``
        tokens (0: as the model was loaded; never more than memory allowed) and ``batch`` pairs (0: no such limit)."""
        ...

    def score(
        self, pairs: Sequence[Pair], stopped: Callable[[], bool] = ..., budget: int = 0, batch: int = 0
    ) -> list[float]:
        """The raw score of each pair, computed in fp32 at the end, in the order given; pairs of different queries may
        be mixed. ``stopped`` is asked between layers of long batches, which are those of ``batches``. Raises
        ``Stopped``, and torch's own errors."""
        ...


class TextEncoder(Protocol):
    """A loaded embedder. Called from the worker's one compute thread."""

    @property
    def info(self) -> ModelInfo: ...

    def encode(
        self, texts: Sequence[str], as_query: bool, instruction: str = "", stopped: Callable[[], bool] = ...
    ) -> tuple[bytes, list[int], list[bool]]:
        """float32[len(texts), dimension] as bytes, the tokens seen of each text, and whether it was cut. ``stopped`` is
        asked between layers, as by a scorer. Raises ``Stopped``, and torch's own errors."""
        ...


class Stopped(Exception):
    """The work was called off between two layers or batches."""


def never() -> bool:
    """``stopped`` of a work that nobody calls off."""
    return False
