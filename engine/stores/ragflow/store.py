"""RAGFlow's index as a store: the text leg, the kNN leg filtered as RAGFlow filters it, and the knowledge graph's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.analysis import synonyms
from engine.analysis.query import Query
from engine.errors import StoreError
from engine.records import Analysis, Document, FloatArray, IntArray, QueryTerm, RanOn, ScoreKind
from engine.rerankers.ledger import TERM
from engine.settings.schema import GraphLeg, LexicalLeg, RagflowSettings, Settings, SparseLeg, StoreSettings
from engine.stores.base import Explanation, FacetCount, Filter, Highlight, LegHits, LegRequest, StoreInfo
from engine.stores.elastic import answers
from engine.stores.elastic.bodies import holds
from engine.stores.elastic.fields import exact_field, group_field
from engine.stores.ragflow import bodies, comparison, fields, flags, similarity, typed
from engine.stores.ragflow.comparison import Asking, Comparison
from engine.stores.ragflow.documents import SOURCE, document_of
from engine.stores.ragflow.index import (
    KnowledgeBase,
    RagflowIndex,
    Shape,
    catalogue,
)
from engine.stores.ragflow.question import Question, build, normal
from engine.stores.ragflow.tokens import IndexWords, forms

BEST = "best field"
"""Where a term counts: in the field that gives it most."""
PHRASES = "phrases"
"""What of a score no single term gives."""
_FROZEN = "RAGFlow's mapping fixes k1 and b, and its query the boosts"
_WORD = re.compile(r"\w+")


class RagflowStore:
    """One index, with the knowledge bases that ``[store.ragflow]`` names; ``shape`` is as it was at opening."""

    def __init__(self, settings: StoreSettings, index: RagflowIndex, shape: Shape, base_dir: Path) -> None:
        self.settings = settings.ragflow
        self.index = index
        self.shape = shape
        self._base_dir = base_dir
        self._search_type = settings.search_type
        self._words: dict[tuple[str, str], IndexWords] = {}

    @property
    def info(self) -> StoreInfo:
        dimensions, index = self.shape.dimensions, self.shape.index
        return StoreInfo(
            kind="ragflow",
            name=index.name,
            documents=index.documents,
            generation=0,
            text_fields=tuple(name for name in fields.QUERY_FIELDS if name in index.text),
            keyword_fields=tuple(index.keywords),
            numeric_fields=index.numbers,
            analyzers=dict.fromkeys(("content_ltks", "title_tks", fields.KEYWORDS, fields.QUESTIONS), "whitespace"),
            embedder="the model that RAGFlow embeds with",
            dimension=dimensions[0] if len(dimensions) == 1 else 0,
            similarity=ScoreKind.COSINE,
            bm25_factor=2.2 if self.shape.engine.has_k1_factor else 1.0,
            frozen_reason=_FROZEN,
            ran_on=RanOn.REMOTE,
            profiles=True,
        )

    # ---- the question

    async def question(self, text: str, leg: LexicalLeg | None = None) -> Question:
        """The question as RAGFlow sends it; with ``store.ragflow.raw`` the text is the query string."""
        words = await self._index_words(text, leg.synonyms if leg else "")
        built = build(text, words, self._minimum)
        if not self.settings.raw:
            return built
        return Question("english", text, built.terms, built.keywords, built.synonyms)

    @property
    def _minimum(self) -> float:
        off = self.settings.vector_similarity_weight >= fields.NO_MINIMUM_FROM
        return 0.0 if off else fields.MINIMUM_MATCH

    async def _index_words(self, text: str, file: str) -> IndexWords:
        """The index's words for the text; ``file`` has synonyms. Asked for once."""
        key = (text, file)
        if key not in self._words:
            alike = typed.alike(text, self._rules(file)) if file else {}
            self._words[key] = await self.index.words(normal(text), alike)
        return self._words[key]

    def _rules(self, file: str) -> list[synonyms.Rule]:
        return synonyms.read(self._base_dir / Path(file).expanduser())

    async def analyze(self, query: Query, leg: LexicalLeg) -> Analysis:
        question = await self.question(query.positive, leg)
        words = await self._index_words(query.positive, leg.synonyms)
        documents = self.shape.index.documents
        own = [(term, weight, "") for term, weight in question.terms]
        other = [(term, 0.25, "a synonym") for term in dict.fromkeys(question.synonyms)]
        terms = []
        for term, weight, source in [*own, *other]:
            df = words.coarse.get(term, 0)
            terms.append(QueryTerm(term, BEST, round(weight, 4), df, answers.idf(documents, df), source))
        kept = set(question.synonyms)
        keywords = tuple(keyword for keyword in question.keywords if keyword not in kept)
        return Analysis(tuple(terms), query.positive, keywords=keywords)

    # ---- legs

    def _scope(self, filters: Filter, query: Query, leg: object = None) -> bodies.Scope:
        held = [holds(name, value, self.shape.index) for name, value in filters.items()]
        wanted, excluded = typed.restrictions(query)
        if isinstance(leg, GraphLeg):
            return bodies.graph_scope(self.settings.kb_ids, leg.types, held)
        return bodies.scope(self.settings.kb_ids, self.settings.doc_ids, [*held, *wanted], excluded)

    async def _body(self, request: LegRequest, size: int, among: Sequence[str] | None = None) -> bodies.Body:
        """The leg's search; ``among`` asks for these chunks alone, without any threshold."""
        leg = request.settings
        if isinstance(leg, SparseLeg):
            raise StoreError(
                "RAGFlow's index has no sparse vectors", hint=f"take legs.{request.name} away, or set its weight to 0"
            )
        where = self._scope(request.filter, request.query, leg)
        if isinstance(leg, LexicalLeg):
            clause = bodies.text_clause(await self.question(request.query.positive, leg))
            query = bodies.matching(where, clause)
            return bodies.search(query if among is None else bodies.with_ids(query, among), size)
        assert request.vector is not None
        field = self.shape.vector_field(len(request.vector))
        if among is not None:
            among_these: bodies.Body = {"bool": {"filter": [bodies.matching(where), {"ids": {"values": [*among]}}]}}
            return bodies.knn(self.shape.engine, field.name, request.vector.tolist(), size, among_these)
        matched: bodies.Body | None = None
        if self.settings.prefilter and not isinstance(leg, GraphLeg):
            matched = bodies.text_clause(await self.question(request.query.positive))
        return bodies.knn(
            self.shape.engine,
            field.name,
            request.vector.tolist(),
            size,
            bodies.matching(where, matched),
            threshold=leg.similarity_threshold,
        )

    def _how(self, request: LegRequest) -> dict[str, str]:
        """Whose statistics count for the text: those that do in RAGFlow's search, unless the settings say."""
        return self._statistics if isinstance(request.settings, LexicalLeg) else {}

    @property
    def _statistics(self) -> dict[str, str]:
        if self._search_type != "auto":
            return {"search_type": self._search_type}
        return {"search_type": bodies.DFS} if self.shape.one_idf else {}

    def _raw(self, request: LegRequest, scores: FloatArray) -> FloatArray:
        if isinstance(request.settings, LexicalLeg) or request.vector is None:
            return scores
        field = self.shape.vector_field(len(request.vector))
        return answers.raw_vector_scores(scores, field, scripted=False, opensearch=self.shape.engine.is_opensearch)

    async def search_leg(self, request: LegRequest) -> LegHits:
        body = await self._body(request, request.settings.top_k)
        if request.group:
            body["collapse"] = {"field": group_field(request.group, self.shape.index)}
        if request.profile:
            body["profile"] = True
        hits = await self.index.hits(body, **self._how(request))
        total = hits.total if isinstance(request.settings, LexicalLeg) else len(hits.ids)
        scores = self._raw(request, hits.scores)
        return LegHits(hits.ids, _no_rows(hits.ids), scores, total, time_parts=hits.parts, missing=hits.missing)

    async def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        """What the leg gives these chunks: 0 where the text does not match, NaN without a vector."""
        body = await self._body(request, len(ids), ids)
        hits = await self.index.hits(body, **self._how(request))
        known = dict(zip(hits.ids, self._raw(request, hits.scores).tolist(), strict=True))
        absent = 0.0 if isinstance(request.settings, LexicalLeg) else np.nan
        scores = np.array([known.get(i, absent) for i in ids], dtype=np.float64)
        return LegHits(tuple(ids), _no_rows(ids), scores, hits.total, missing=hits.missing)

    # ---- of documents

    async def explain(self, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
        """What each term gives each chunk, and the phrases what is left of its score."""
        question = await self.question(query.positive, leg)
        clauses = [
            {"query_string": {**bodies.query_string(f"({term})^{weight:.6f}")["query_string"], "_name": str(at)}}
            for at, (term, weight) in enumerate(question.terms)
        ]
        whole: bodies.Body = {"query_string": {**bodies.text_clause(question)["query_string"], "_name": PHRASES}}
        body = bodies.search(bodies.with_ids({"bool": {"should": [whole, *clauses]}}, ids), len(ids))
        answer = await self.index.search(body, include_named_queries_score="true", **self._statistics)
        named = {hit["_id"]: hit.get("matched_queries", {}) for hit in answer["hits"]["hits"]}
        rows = np.zeros((len(ids), len(clauses) + 1))
        for row, i in enumerate(ids):
            scores = named.get(i, {})
            rows[row, :-1] = [scores.get(str(at), 0.0) for at in range(len(clauses))]
            rows[row, -1] = scores.get(PHRASES, 0.0) - rows[row, :-1].sum()
        analysis = await self.analyze(query, leg)
        rest = QueryTerm(PHRASES, BEST, 1.0, 0, 0.0)
        return Explanation((*analysis.terms[: len(clauses)], rest), rows)

    async def highlights(self, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
        """The words of title and text that are a term of the question, whatever form they stand in."""
        question = await self.question(query.positive, leg)
        terms = {term for term, _ in question.terms}
        found = []
        for name in ("title", "text"):
            for word in _WORD.finditer(document.text_of(name)):
                term = next((form for form in (word[0].lower(), *forms(word[0].lower())) if form in terms), "")
                if term:
                    found.append(Highlight(name, word.start(), word.end(), term))
        return found

    def document_tokens(self, document: Document, repeated: bool) -> list[str]:
        """The chunk's own tokens, for provider ``term``."""
        return similarity.document_tokens(document, repeated=repeated)

    async def _sources(self, ids: Sequence[str], names: Sequence[str] = SOURCE) -> dict[str, Mapping[str, Any]]:
        hits = await self.index.hits(bodies.search({"ids": {"values": [*ids]}}, len(ids), source=names))
        return dict(zip(hits.ids, hits.sources, strict=True))

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        found = await self._sources(ids) if ids else {}
        return [document_of(i, found[i]) if i in found else Document(i, {}) for i in ids]

    async def feature_values(self, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
        found = await self._sources(ids, fields)
        rows = [[_number(found.get(i, {}).get(name)) for name in fields] for i in ids]
        return np.array(rows, dtype=np.float64).reshape(len(ids), len(fields))

    async def group_values(self, field: str, ids: Sequence[str]) -> list[str]:
        found = await self._sources(ids, [field])
        return [str(found.get(i, {}).get(field, "")) for i in ids]

    async def facets(self, request: LegRequest, fields: Sequence[str], size: int = 10) -> dict[str, list[FacetCount]]:
        body = await self._body(request, request.settings.top_k)
        exact = {name: exact_field(name, self.shape.index, "facets") for name in fields}
        body |= {"size": 0, "aggs": {name: {"terms": {"field": field, "size": size}} for name, field in exact.items()}}
        return answers.facets_of(await self.index.search(body), fields)

    # ---- RAGFlow's own way

    def use(self, options: RagflowSettings) -> None:
        """Search by other knowledge bases, documents or options from now on."""
        self.settings = options

    async def catalogue(self) -> tuple[KnowledgeBase, ...]:
        """Every knowledge base of the index, with its documents."""
        return await catalogue(self.index)

    async def compare(
        self, text: str, vector: Sequence[float], leg: LexicalLeg | None = None, settings: Settings | None = None
    ) -> Comparison:
        """The question as RAGFlow answers it, taken apart; ``settings`` in place of those the store was opened with."""
        options, model = self.settings, False
        if settings is not None:
            options, rerank = settings.store.ragflow, settings.rerank
            model = rerank.enabled and rerank.provider != TERM
        asking = Asking(self.index, self.shape, options, await self.question(text, leg), vector, model)
        return flags.compared(await comparison.find(asking))

    def newer_generation(self) -> int | None:
        return None

    async def close(self) -> None:
        await self.index.cluster.client.close()


def _no_rows(ids: Sequence[str]) -> IntArray:
    """Chunks have no place of their own in the index."""
    return np.full(len(ids), -1, dtype=np.int64)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
