"""The answers of one generation: legs, completion, facets, columns, texts, and the account of a score.

Plans and masks of the last queries are kept, so that a turned knob costs only the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.analysis import analyzers as registry
from engine.analysis.base import Analyzer
from engine.analysis.query import Query
from engine.errors import SettingsError
from engine.records import Analysis, BoolArray, Document, FieldValue, FloatArray, IntArray, QueryTerm
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import FacetCount, Highlight, LegHits, LegRequest
from engine.stores.embedded import bm25
from engine.stores.embedded.columns import KeywordColumn, NumericColumn
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.knn import VectorSpace
from engine.stores.embedded.matching import required_matches
from engine.stores.embedded.plan import Plan, PlanTerm, make_plan
from engine.stores.embedded.restrict import filter_mask, query_mask, unknown_field
from engine.stores.embedded.settings_check import searched_fields
from engine.stores.embedded.topk import top_k

_KEPT = 16
"""Plans and masks kept: a query being turned, the ones before it, and their filters."""

_NOTHING = np.zeros(0, dtype=np.int64)
FilterKey = tuple[tuple[str, FieldValue | tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``contributions`` is float64[len(ids), len(terms)]: what each term gives each document; rows sum to its score."""

    terms: tuple[QueryTerm, ...]
    contributions: FloatArray


class Searcher:
    """Stateless but for its caches; any thread may ask."""

    def __init__(self, index: EmbeddedIndex) -> None:
        self.index = index
        self.analyzers: dict[str, Analyzer] = {
            name: registry.get(analyzer) for name, analyzer in index.spec.text_fields.items()
        }
        embedding, manifest = index.spec.embedding, index.manifest
        self._space: VectorSpace | None = None
        if embedding and index.vectors is not None:
            cosine = embedding.similarity == "cosine"
            self._space = VectorSpace(index.vectors, cosine, manifest.vectors, manifest.max_norm)
        self._plan = lru_cache(_KEPT)(self._make_plan)
        self._mask = lru_cache(_KEPT)(self._make_mask)

    # --- legs -----------------------------------------------------------------------------------------------------

    def search(self, request: LegRequest) -> LegHits:
        """The leg's best documents."""
        if request.query.blank:
            return LegHits((), _NOTHING, np.zeros(0), 0)
        if isinstance(request.settings, DenseLeg):
            return self._search_dense(request, request.settings)
        return self._search_lexical(request, request.settings)

    def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        """The leg's scores of ``ids``: BM25 as the search would give it, 0 without a match; NaN without a vector."""
        rows = self.index.ids.rows(ids)
        if isinstance(request.settings, DenseLeg):
            query = self._query_vector(request)
            scores = np.full(rows.size, np.nan) if query is None else self._vector_space().scores(query, rows)
            return LegHits(tuple(ids), rows, scores, rows.size)
        leg = request.settings
        plan = self._plan_of(request.query, leg)
        matrix = bm25.contributions(plan, self.index.postings, leg, rows)
        parts = bm25.sum_fields(plan, matrix)
        scores = bm25.total(parts, rows.size)
        fields = np.stack(parts, axis=1) if parts else np.zeros((rows.size, 0))
        fails = bm25.matched_of(plan, matrix) < _required(plan, leg)
        mask = self._mask_of(request)
        if mask is not None:
            fails |= ~mask[rows]
        scores[fails], fields[fails] = 0.0, 0.0
        scores[rows < 0], fields[rows < 0] = np.nan, np.nan
        return LegHits(tuple(ids), rows, scores, rows.size, plan.fields, fields)

    def _search_lexical(self, request: LegRequest, leg: LexicalLeg) -> LegHits:
        plan = self._plan_of(request.query, leg)
        parts, scores = self._lexical_scores(request, leg, plan)
        total = int(np.count_nonzero(scores))
        rows = self._best(scores, leg.top_k, request.group)
        fields = np.stack([part[rows] for part in parts], axis=1) if parts else np.zeros((0, 0))
        return LegHits(self.index.ids.ids(rows), rows, scores[rows], total, plan.fields, fields)

    def _lexical_scores(self, request: LegRequest, leg: LexicalLeg, plan: Plan) -> tuple[list[FloatArray], FloatArray]:
        """(per field, summed) float64[documents] scores; the sum is 0 where a document does not match."""
        postings, documents = self.index.postings, len(self.index)
        parts = bm25.field_scores(plan, postings, leg, documents)
        scores = bm25.total(parts, documents)
        required = _required(plan, leg)
        if required > 1:
            scores[bm25.matched_units(plan, postings, documents) < required] = 0.0
        mask = self._mask_of(request)
        if mask is not None:
            scores[~mask] = 0.0
        return parts, scores

    def _search_dense(self, request: LegRequest, leg: DenseLeg) -> LegHits:
        mask = self._mask_of(request)
        if request.vector is None:
            return LegHits((), _NOTHING, np.zeros(0), 0)
        space = self._vector_space()
        if not request.group:
            rows, scores, total = space.search(request.vector, leg.top_k, mask)
        else:
            rows, scores, total = space.search(request.vector, len(self.index), mask)
            best = self._one_per_group(rows, request.group)[: leg.top_k]
            rows, scores = rows[best], scores[best]
        return LegHits(self.index.ids.ids(rows), rows, scores, total)

    def _best(self, scores: FloatArray, k: int, group: str) -> IntArray:
        """The rows of the k best scores above 0; with ``group`` the best of each of its values."""
        if not group:
            return top_k(scores, k)
        rows = top_k(scores, scores.size)
        return rows[self._one_per_group(rows, group)[:k]]

    def _one_per_group(self, rows: IntArray, group: str) -> IntArray:
        """int64: the places in ``rows`` (best first) that are the first of their value; no value is no group."""
        codes = self._keywords(group, "cut.group").first[rows]
        alone = codes < 0
        # every document without a value counts as a group of its own
        keys = np.where(alone, -1 - np.arange(rows.size), codes)
        return np.sort(np.unique(keys, return_index=True)[1])

    # --- what the answers stand on --------------------------------------------------------------------------------

    def _plan_of(self, query: Query, leg: LexicalLeg) -> Plan:
        return self._plan(query, searched_fields(leg, self.index.spec.text_fields), leg.synonyms)

    def _make_plan(self, query: Query, fields: tuple[str, ...], synonyms: str) -> Plan:
        return make_plan(query, fields, self.analyzers, self.index.postings, None)

    def _mask_of(self, request: LegRequest) -> BoolArray | None:
        key = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in sorted(request.filter.items()))
        return self._mask(request.query, key)

    def _make_mask(self, query: Query, filters: FilterKey) -> BoolArray | None:
        columns, documents = self.index.columns, len(self.index)
        wanted = {k: list(v) if isinstance(v, tuple) else v for k, v in filters}
        mask = filter_mask(wanted, columns, documents)
        other = query_mask(query, self.index.postings, self.analyzers, columns, documents)
        if mask is None or other is None:
            return mask if other is None else other
        return mask & other

    def _vector_space(self) -> VectorSpace:
        if self._space is None:
            raise SettingsError(
                "the index holds no vectors", hint=self.index.spec.rebuild_command(self.index.path), stage="dense"
            )
        return self._space

    def _query_vector(self, request: LegRequest) -> FloatArray | None:
        return None if request.vector is None else self._vector_space().query(request.vector)

    def _keywords(self, name: str, path: str) -> KeywordColumn:
        column = self.index.columns.get(name)
        if not isinstance(column, KeywordColumn):
            raise unknown_field(
                name, {k: v for k, v in self.index.columns.items() if isinstance(v, KeywordColumn)}, path
            )
        return column

    # --- columns and texts ----------------------------------------------------------------------------------------

    def facets(self, request: LegRequest, fields: Sequence[str], size: int) -> dict[str, list[FacetCount]]:
        """Counts of each field's values over what the leg matches: by count, then value."""
        columns = {name: self._keywords(name, "facets") for name in fields}
        matching = self._matching(request)
        return {name: _counts(column, matching, size) for name, column in columns.items()}

    def _matching(self, request: LegRequest) -> BoolArray:
        """bool[documents] of what the leg matches; for a dense leg all that have a vector."""
        leg = request.settings
        if isinstance(leg, LexicalLeg):
            return self._lexical_scores(request, leg, self._plan_of(request.query, leg))[1] > 0
        mask = self._mask_of(request)
        present = ~np.isnan(self._vector_space().matrix[:, 0])
        return present if mask is None else present & mask

    def feature_values(self, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
        """float64[len(ids), len(fields)] of numeric columns; NaN where a document is unknown or lacks the field."""
        numeric = {name: one for name, one in self.index.columns.items() if isinstance(one, NumericColumn)}
        rows = self.index.ids.rows(ids)
        values = np.full((rows.size, len(fields)), np.nan)
        for column, name in enumerate(fields):
            if name not in numeric:
                raise unknown_field(name, numeric, "features")
            values[rows >= 0, column] = numeric[name].numbers[rows[rows >= 0]]
        return values

    def group_values(self, field: str, ids: Sequence[str]) -> list[str]:
        """The field's first value per document, '' where there is none."""
        column, rows = self._keywords(field, "cut.group"), self.index.ids.rows(ids)
        values = iter(column.firsts(rows[rows >= 0]))
        return [next(values) if row >= 0 else "" for row in rows.tolist()]

    def fetch(self, ids: Sequence[str]) -> list[Document]:
        """The documents in the order asked; one that is not there has no fields."""
        rows = self.index.ids.rows(ids).tolist()
        found = self.index.documents(rows)
        return [found.get(row) or Document(name, {}) for row, name in zip(rows, ids, strict=True)]

    # --- the account of a score -----------------------------------------------------------------------------------

    def analyze(self, query: Query, leg: LexicalLeg) -> Analysis:
        """The query's terms per field, its phrases and exclusions as typed."""
        plan = self._plan_of(query, leg)
        return Analysis(
            terms=tuple(self._query_term(term) for term in plan.terms),
            positive_text=query.positive,
            phrases=tuple(clause.text for clause in query.clauses if clause.phrase and not clause.excluded),
            excluded=tuple(clause.text for clause in query.clauses if clause.excluded),
        )

    def explain(self, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
        """What each term gives each document."""
        plan, rows = self._plan_of(query, leg), self.index.ids.rows(ids)
        matrix = bm25.contributions(plan, self.index.postings, leg, rows)
        return Explanation(tuple(self._query_term(term) for term in plan.terms), matrix)

    def highlights(self, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
        """The spans of the leg's fields whose term the query has."""
        plan = self._plan_of(query, leg)
        spans = []
        for name in plan.fields:
            wanted = {term.text for term in plan.of_field(name)}
            spans += [
                Highlight(name, token.start, token.end, token.text)
                for token in self.analyzers[name].tokens(document.text_of(name))
                if token.text in wanted
            ]
        return spans

    def _query_term(self, term: PlanTerm) -> QueryTerm:
        return QueryTerm(term.text, term.field, term.weight, term.df, term.idf, term.source)


def _required(plan: Plan, leg: LexicalLeg) -> int:
    return required_matches(leg.minimum_should_match, sum(plan.optional))


def _counts(column: KeywordColumn, matching: BoolArray, size: int) -> list[FacetCount]:
    """The ``size`` most frequent values among the matching rows."""
    if not column.rows.size:
        return []
    counts = np.add.reduceat(matching[column.rows].astype(np.int64), column.starts[:-1])
    codes = top_k(counts.astype(np.float64), size)
    values = column.values.take(codes)
    return [FacetCount(value, count) for value, count in zip(values, counts[codes].tolist(), strict=True)]
