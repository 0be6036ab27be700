"""What every reranker offers: scores for consecutive windows of the fused order, streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from engine.records import BoolArray, Document, FloatArray, IntArray, RerankerInfo, StagePart


@dataclass(frozen=True, slots=True)
class RerankDocument:
    """A document to score. ``text`` is the filled template, already cut; ``cosine`` and ``features`` (their sum) serve
    ``term``."""

    document: Document
    text: str
    cosine: float = float("nan")
    features: float = 0.0


@dataclass(frozen=True, slots=True)
class RerankBatch:
    """Scores of documents ``start … start + len(scores)`` of the request; NaN where unanswered.

    ``tokens`` were seen, of ``total`` that query and document have together.
    ``token_similarity`` is the part of the score that provider ``term`` reports, so that its weights stay live.
    ``parts`` say where the batch's time went, in milliseconds of ``perf_counter``.
    """

    start: int
    scores: FloatArray
    tokens: IntArray | None = None
    total: IntArray | None = None
    truncated: BoolArray | None = None
    token_similarity: FloatArray | None = None
    parts: tuple[StagePart, ...] = ()

    @classmethod
    def of(cls, start: int, scores: list[float]) -> RerankBatch:
        return cls(start, np.asarray(scores, dtype=np.float64))


class Reranker(Protocol):
    """Scores documents against a query. Raises ``RerankerError``; closing the iterator cancels the rest."""

    @property
    def info(self) -> RerankerInfo: ...

    @property
    def window(self) -> int:
        """Documents per batch."""
        ...

    @property
    def cacheable(self) -> bool:
        """A score depends on query, document and model alone, and costs more than looking it up."""
        ...

    def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]: ...


@runtime_checkable
class Opens(Protocol):
    """A reranker that knows what it is, and so what its scores are cached under, only once it is open."""

    async def open(self) -> None:
        """See that ``info`` is whole. Raises ``RerankerError``."""
        ...
