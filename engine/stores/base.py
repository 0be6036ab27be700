"""What every store offers: legs, completion of missing leg scores, texts, and what it knows about a query.

A store answers with ids and numbers; texts come by ``fetch`` alone. Scores are raw, of the kind and with the factor
that ``legs`` declares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from engine.analysis.query import Query
from engine.records import Analysis, Document, FieldValue, FloatArray, IntArray, QueryTerm, RanOn, ScoreKind, StagePart
from engine.settings.schema import LegSettings, LexicalLeg

Filter = Mapping[str, FieldValue]
"""Field → value, or a list of values of which one must match; all fields must hold."""


@dataclass(frozen=True, slots=True)
class LegRequest:
    """One leg of one query. ``vector`` is float32[d] for dense legs; ``filter`` and the query's phrases and
    exclusions restrict every leg. With ``group`` only the best document of each value of that field is returned; with
    ``profile`` the answer tells where its time went, where the store can (``StoreInfo.profiles``)."""

    name: str
    settings: LegSettings
    query: Query
    filter: Filter = field(default_factory=dict)
    vector: npt.NDArray[np.float32] | None = None
    group: str = ""
    profile: bool = False


@dataclass(frozen=True, slots=True)
class EveryScore:
    """What a leg gives each document of the index, by row: ``scores`` float64[documents], 0 or NaN where it does not
    find it, and its parts per field, each float64[documents]."""

    scores: FloatArray
    fields: tuple[FloatArray, ...] = ()

    def at(self, rows: IntArray) -> tuple[FloatArray, FloatArray | None]:
        """(float64[k], float64[k, fields] or None): the same of these rows."""
        scores = self.scores[rows]
        if not self.fields:
            return scores, None
        parts = np.stack([part[rows] for part in self.fields], axis=1)
        parts[scores == 0.0] = 0.0  # words of a document that does not match as a whole
        return scores, parts


@dataclass(frozen=True, slots=True)
class LegHits:
    """A leg's answer, best first, equal scores in index order.

    rows          int64[k] the documents' places in the index, one each, stable within a generation of it; −1 where
                  the store has none
    scores        float64[k]
    field_names, field_scores  the per-field parts, float64[k, fields]; empty for legs without fields
    total         documents that match, beyond top_k as well
    time_parts    where the time went, on the clock ``perf_counter`` in milliseconds
    missing       what the answer lacks (a part of the index did not answer), '' for nothing
    every         of an index so small that each document was scored anyway: nothing is left to complete
    """

    ids: tuple[str, ...]
    rows: IntArray
    scores: FloatArray
    total: int
    field_names: tuple[str, ...] = ()
    field_scores: FloatArray | None = None
    time_parts: tuple[StagePart, ...] = ()
    missing: str = ""
    every: EveryScore | None = None


@dataclass(frozen=True, slots=True)
class Highlight:
    """A matched span of a field's text, in characters; ``term`` is the analysed query term."""

    field: str
    start: int
    end: int
    term: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each term of the query gives each document in each field.

    contributions  float64[len(ids), len(terms)]; a row's sum is the leg's score of the document
    """

    terms: tuple[QueryTerm, ...]
    contributions: FloatArray


@dataclass(frozen=True, slots=True)
class FacetCount:
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself, for the status line and for refusing settings that do not fit.

    live_knobs     the lexical knobs that can be turned without a request (``k1``, ``b``, ``boosts``)
    asked_knobs    those that take one: known candidates move at once, the leg is asked again once the slider rests
    frozen_reason  why the others cannot, for the greyed slider
    notes          what a user should know of its answers: sentences
    ran_on         where its answers are worked out
    revision       of the embedder that made the vectors, '' where it is not known
    profiles       whether it can tell where the time of a leg went within it
    """

    kind: str
    name: str
    documents: int
    generation: int
    text_fields: tuple[str, ...]
    keyword_fields: tuple[str, ...]
    numeric_fields: tuple[str, ...]
    analyzers: Mapping[str, str]
    embedder: str
    dimension: int
    similarity: ScoreKind
    bm25_factor: float = 1.0
    live_knobs: frozenset[str] = frozenset()
    asked_knobs: frozenset[str] = frozenset()
    frozen_reason: str = ""
    notes: tuple[str, ...] = ()
    ran_on: RanOn = RanOn.THREAD
    revision: str = ""
    profiles: bool = False


class Store(Protocol):
    """A search engine as the pipeline sees it. Methods raise ``StoreError``; cancellation is honoured at awaits."""

    @property
    def info(self) -> StoreInfo: ...

    async def analyze(self, query: Query, leg: LexicalLeg) -> Analysis:
        """The query's terms per field with df and idf."""
        ...

    async def explain(self, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation: ...

    async def highlights(self, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
        """The spans of the document's text fields that match a term of the query, in reading order."""
        ...

    async def search_leg(self, request: LegRequest) -> LegHits: ...

    async def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        """The leg's scores for given documents, in the order asked, NaN where it has none (no vector)."""
        ...

    async def feature_values(self, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
        """float64[len(ids), len(fields)]; NaN where a document lacks the field."""
        ...

    async def group_values(self, field: str, ids: Sequence[str]) -> list[str]:
        """The field's value per document, '' where it has none."""
        ...

    async def facets(self, request: LegRequest, fields: Sequence[str], size: int = 10) -> dict[str, list[FacetCount]]:
        """Counts over every document that the leg matches, most frequent first."""
        ...

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        """Stored fields, in the order asked; a document that is gone is an empty one."""
        ...

    def newer_generation(self) -> int | None:
        """The number of a newer state of the index that a writer has put in place since; None where there is none, or
        where the store always shows the newest."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class TokenStore(Protocol):
    """A store whose documents hold their own tokens: what provider ``term`` compares with ``Analysis.keywords``."""

    def document_tokens(self, document: Document, repeated: bool) -> Sequence[str]:
        """The document's tokens in order, ``repeated`` as RAGFlow repeats its fields."""
        ...


class LiveStore(Store, Protocol):
    """A store near enough to answer within a frame: k1, b and boosts are live through these."""

    def search_leg_now(self, request: LegRequest) -> LegHits: ...

    def complete_now(self, request: LegRequest, ids: Sequence[str]) -> LegHits: ...
