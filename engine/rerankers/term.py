"""RAGFlow's re-rank without a model: weighted shared terms plus vector similarity plus rank features.

    score = (1 − v)·token similarity + v·vector similarity + features        (v = ``rerank.vector_weight``)

Token similarity is the weight of the query's terms and neighbouring pairs that the document holds, divided by the
weight of them all (``engine.analysis.weights``). RAGFlow's own behaviour differs in ways that surprise its users; each
is a switch in ``rerank.quirks``, off by default:

    half-cosine               vector similarity is (1 + cos)/2, never below 0.5 for a cosine above 0
    synonyms-in-denominator   the query's synonyms enlarge what a perfect match is divided by
    repetitions               title twice (and keyword fields more often) makes extra neighbour pairs
    raw-features              features are added as stored, without scale and weight

Source: infiniflow/ragflow, rag/nlp/query.py and search.py, state of August 2026.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from engine.analysis import analyzers, weights
from engine.executor import run_in
from engine.records import Document, FloatArray, RerankerInfo, ScoreKind
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.settings.schema import RerankSettings

QUIRKS = ("half-cosine", "synonyms-in-denominator", "repetitions", "raw-features")

_DEFAULT_ANALYZER = "english"
_DEFAULT_FIELDS: Mapping[str, str] = {"title": _DEFAULT_ANALYZER, "text": _DEFAULT_ANALYZER}
_REPETITIONS: Mapping[str, int] = {"title": 2, "important": 5, "questions": 6}


@dataclass(frozen=True, slots=True)
class OwnTerms:
    """What is compared on an index whose documents hold their own tokens: the query's keywords, and a document's
    tokens, as RAGFlow repeats them or each field once."""

    query: tuple[str, ...]
    document: Callable[[Document, bool], Sequence[str]]


@dataclass(frozen=True, slots=True)
class TermScorer:
    """Token similarity of one query to documents.

    analyzers   field → analyser name, the index's own: a document's terms are those of its indexed fields
    synonyms    terms that the query was expanded by
    own         takes the place of both where the documents hold their tokens
    """

    query_keys: Mapping[str, float]
    analyzers: Mapping[str, str]
    repetitions: bool = False
    own: OwnTerms | None = None

    @classmethod
    def of(
        cls,
        query: str,
        field_analyzers: Mapping[str, str],
        synonyms: tuple[str, ...] = (),
        quirks: Collection[str] = (),
        own: OwnTerms | None = None,
    ) -> TermScorer:
        """Keys of the query's terms: English where a field of the index is, else by the first field's analyser."""
        names = [*field_analyzers.values()]
        analyzer = _DEFAULT_ANALYZER if not names or _DEFAULT_ANALYZER in names else names[0]
        tokens = [*own.query] if own else analyzers.get(analyzer).terms(query)
        if "synonyms-in-denominator" in quirks:
            tokens = [*tokens, *synonyms]
        keys = weights.keys(weights.query_weights(tokens))
        return cls(keys, field_analyzers or _DEFAULT_FIELDS, "repetitions" in quirks, own)

    def similarity(self, document: Document) -> float:
        """In 0…1."""
        if self.own is not None:
            tokens = self.own.document(document, self.repetitions)
            return weights.token_similarity(self.query_keys, weights.document_keys(tokens))
        terms = {name: analyzers.get(how).terms(document.text_of(name)) for name, how in self.analyzers.items()}
        if self.repetitions:
            repeated = [term for name, some in terms.items() for term in some * _REPETITIONS.get(name, 1)]
            held = weights.document_keys(repeated)
        else:
            held = set().union(*(weights.document_keys(some) for some in terms.values()))
        return weights.token_similarity(self.query_keys, held)


class TermReranker:
    """Provider ``term``. Scores are computed on the engine's threads, window by window."""

    info = RerankerInfo(provider="term", model="ragflow-term", device="cpu", kind=ScoreKind.FUSED)
    window = 16
    cacheable = False

    def __init__(
        self,
        settings: RerankSettings,
        executor: Executor,
        field_analyzers: Mapping[str, str],
        synonyms: tuple[str, ...] = (),
        own: OwnTerms | None = None,
    ) -> None:
        self._settings = settings
        self._executor = executor
        self._analyzers = field_analyzers
        self._synonyms = synonyms
        self._own = own

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        scorer = TermScorer.of(query, self._analyzers, self._synonyms, self._settings.quirks, self._own)
        for start in range(0, len(documents), self.window):
            batch = documents[start : start + self.window]
            yield await run_in(self._executor, self._score, scorer, start, batch)

    def _score(self, scorer: TermScorer, start: int, batch: list[RerankDocument]) -> RerankBatch:
        tokens = np.array([scorer.similarity(item.document) for item in batch])
        cosines = np.array([item.cosine for item in batch])
        features = np.array([item.features for item in batch])
        return RerankBatch(start, term_score(tokens, cosines, features, self._settings), token_similarity=tokens)


def term_score(tokens: FloatArray, cosines: FloatArray, features: FloatArray, settings: RerankSettings) -> FloatArray:
    """float64[n], NaN where the token similarity is unknown. A document without a vector has vector similarity 0."""
    v = settings.vector_weight
    vectors = np.nan_to_num((1 + cosines) / 2 if "half-cosine" in settings.quirks else cosines)
    scores: FloatArray = (1 - v) * tokens + v * vectors + features
    return scores
