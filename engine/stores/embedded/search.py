"""The legs of one generation: search, completion, and what restricts them.

Plans and masks of the last queries are kept, so that a turned knob costs only the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.analysis import analyzers as registry
from engine.analysis.base import Analyzer
from engine.analysis.query import Query
from engine.analysis.synonyms import Expansion, Synonyms, read
from engine.errors import SettingsError
from engine.records import BoolArray, FieldValue, FloatArray, IntArray
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import EveryScore, LegHits, LegRequest
from engine.stores.embedded import bm25
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.knn import VectorSpace
from engine.stores.embedded.matching import required_matches
from engine.stores.embedded.plan import Plan, make_plan
from engine.stores.embedded.restrict import filter_mask, query_mask
from engine.stores.embedded.settings_check import check_kind, searched_fields
from engine.stores.embedded.stored import keyword_column
from engine.stores.embedded.topk import top_k

_KEPT = 16
"""Masks kept: a query being turned, the ones before it, and their filters. A mask grows with the index."""

_PLANS = 1024
"""Plans kept: small, and each query of many at once needs its own three times."""

_MANY = 16
"""From one row in so many on, a completion sums up all documents as the search does."""

_SMALL = 4096
"""Documents up to which an answer keeps the score of each: nothing has to be asked for twice."""

_NOTHING = np.zeros(0, dtype=np.int64)
SynonymsKey = tuple[Path, int] | None
FilterKey = tuple[tuple[str, FieldValue | tuple[str, ...]], ...]


class Searcher:
    """Stateless but for its caches; any thread may ask. ``base_dir`` is what a synonyms file is relative to."""

    def __init__(self, index: EmbeddedIndex, base_dir: Path = Path()) -> None:
        self.index = index
        self._base_dir = base_dir
        self.analyzers: dict[str, Analyzer] = {
            name: registry.get(analyzer) for name, analyzer in index.spec.text_fields.items()
        }
        embedding, manifest = index.spec.embedding, index.manifest
        self._space: VectorSpace | None = None
        if embedding and index.vectors is not None:
            cosine = embedding.similarity == "cosine"
            self._space = VectorSpace(index.vectors, cosine, manifest.vectors, manifest.max_norm)
        self._synonyms = lru_cache(_KEPT)(self._read_synonyms)
        self._plan = lru_cache(_PLANS)(self._make_plan)
        self._mask = lru_cache(_KEPT)(self._make_mask)

    # --- legs -----------------------------------------------------------------------------------------------------

    def search(self, request: LegRequest) -> LegHits:
        """The leg's best documents."""
        if request.query.blank:
            return LegHits((), _NOTHING, np.zeros(0), 0)
        if isinstance(request.settings, DenseLeg):
            return self._search_dense(request, request.settings)
        return self._search_lexical(request, lexical(request))

    def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        """The leg's scores of ``ids``: BM25 as the search would give it, 0 without a match; NaN without a vector."""
        rows = self.index.ids.rows(ids)
        if isinstance(request.settings, DenseLeg):
            query = self._query_vector(request)
            scores = np.full(rows.size, np.nan) if query is None else self._vector_space().scores(query, rows)
            return LegHits(tuple(ids), rows, scores, rows.size)
        leg = lexical(request)
        plan = self.plan(request.query, leg)
        if rows.size * _MANY >= len(self.index) > 0:
            return self._read_off(request, leg, plan, ids, rows)
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

    def _read_off(
        self, request: LegRequest, leg: LexicalLeg, plan: Plan, ids: Sequence[str], rows: IntArray
    ) -> LegHits:
        """The same by the search's own sums: they are fewer steps than looking up many rows in every term."""
        scores, fields = self._lexical_scores(request, leg, plan).at(rows)
        scores[rows < 0] = np.nan
        if fields is not None:
            fields[rows < 0] = np.nan
        return LegHits(tuple(ids), rows, scores, rows.size, plan.fields, fields)

    def _search_lexical(self, request: LegRequest, leg: LexicalLeg) -> LegHits:
        plan = self.plan(request.query, leg)
        every = self._lexical_scores(request, leg, plan)
        total = int(np.count_nonzero(every.scores))
        rows = self._best(every.scores, leg.top_k, request.group)
        scores, fields = every.at(rows)
        kept = every if len(self.index) <= _SMALL else None
        return LegHits(self.index.ids.ids(rows), rows, scores, total, plan.fields, fields, every=kept)

    def _lexical_scores(self, request: LegRequest, leg: LexicalLeg, plan: Plan) -> EveryScore:
        """What the leg gives every document: 0 where it does not match."""
        postings, documents = self.index.postings, len(self.index)
        parts = bm25.field_scores(plan, postings, leg, documents)
        scores = bm25.total(parts, documents)
        required = _required(plan, leg)
        if required > 1:
            scores[bm25.matched_units(plan, postings, documents) < required] = 0.0
        mask = self._mask_of(request)
        if mask is not None:
            scores[~mask] = 0.0
        return EveryScore(scores, tuple(parts))

    def _search_dense(self, request: LegRequest, leg: DenseLeg) -> LegHits:
        mask = self._mask_of(request)
        if request.vector is None:
            return LegHits((), _NOTHING, np.zeros(0), 0)
        space = self._vector_space()
        k = len(self.index) if request.group else leg.top_k
        rows, scores, total, every = space.search(request.vector, k, mask)
        if request.group:
            best = self._one_per_group(rows, request.group)[: leg.top_k]
            rows, scores = rows[best], scores[best]
        kept = None if every is None or len(self.index) > _SMALL else EveryScore(every)
        return LegHits(self.index.ids.ids(rows), rows, scores, total, every=kept)

    def _best(self, scores: FloatArray, k: int, group: str) -> IntArray:
        """The rows of the k best scores above 0; with ``group`` the best of each of its values."""
        if not group:
            return top_k(scores, k)
        rows = top_k(scores, scores.size)
        return rows[self._one_per_group(rows, group)[:k]]

    def _one_per_group(self, rows: IntArray, group: str) -> IntArray:
        """int64: the places in ``rows`` (best first) that are the first of their value; no value is no group."""
        codes = keyword_column(self.index, group, "cut.group").first[rows]
        alone = codes < 0
        # every document without a value counts as a group of its own
        keys = np.where(alone, -1 - np.arange(rows.size), codes)
        return np.sort(np.unique(keys, return_index=True)[1])

    def matching(self, request: LegRequest) -> BoolArray:
        """bool[documents] of what the leg matches; for a dense leg all that have a vector."""
        leg = request.settings
        if isinstance(leg, LexicalLeg):
            return self._lexical_scores(request, leg, self.plan(request.query, leg)).scores > 0
        mask = self._mask_of(request)
        present = ~np.isnan(self._vector_space().matrix[:, 0])
        return present if mask is None else present & mask

    # --- what the answers stand on --------------------------------------------------------------------------------

    def plan(self, query: Query, leg: LexicalLeg) -> Plan:
        """The query's terms in the leg's fields. Raises ``SettingsError`` for unknown fields and bad synonyms."""
        synonyms: SynonymsKey = None
        if leg.synonyms:
            path = self._base_dir / leg.synonyms
            # the time of change makes an edited file a new one; a missing file is told by the reader
            synonyms = path, path.stat().st_mtime_ns if path.exists() else 0
        return self._plan(query, searched_fields(leg, self.index.spec.text_fields), synonyms)

    def _make_plan(self, query: Query, fields: tuple[str, ...], synonyms: SynonymsKey) -> Plan:
        expand = None
        if synonyms is not None:
            by_field = self._synonyms(synonyms)

            def expand(name: str, text: str) -> list[Expansion]:
                return by_field[name].expand(text)

        return make_plan(query, fields, self.analyzers, self.index.postings, expand)

    def _read_synonyms(self, key: tuple[Path, int]) -> dict[str, Synonyms]:
        rules = read(key[0])
        return {name: Synonyms(rules, analyzer) for name, analyzer in self.analyzers.items()}

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


def _required(plan: Plan, leg: LexicalLeg) -> int:
    return required_matches(leg.minimum_should_match, sum(plan.optional))


def lexical(request: LegRequest) -> LexicalLeg:
    """The request's leg, which must be one that this index can answer. Raises ``SettingsError``."""
    if not isinstance(request.settings, LexicalLeg):
        check_kind(request.name, request.settings)
        raise TypeError(f"legs.{request.name} is no lexical leg")
    return request.settings
