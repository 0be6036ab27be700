"""The account of a score: the query's terms with df and idf, what each gives a document, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from engine.analysis.nearest import nearest
from engine.analysis.query import Query
from engine.records import Analysis, Document, QueryTerm
from engine.settings.schema import LexicalLeg
from engine.stores.base import Explanation, Highlight
from engine.stores.embedded import bm25
from engine.stores.embedded.plan import Plan, PlanTerm
from engine.stores.embedded.postings import Postings
from engine.stores.embedded.search import Searcher


class _Vocabulary(Sequence[str]):
    """The sorted terms of a field, decoded when they are looked at."""

    def __init__(self, postings: Postings) -> None:
        self._terms = postings.terms

    def __len__(self) -> int:
        return len(self._terms)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return self._terms.take(np.arange(*at.indices(len(self))))
        return self._terms[at].decode()


class _Frequencies(Sequence[int]):
    """The df of each sorted term, looked up one at a time."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings

    def __len__(self) -> int:
        return self._postings.terms_count

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[int]: ...
    def __getitem__(self, at: int | slice) -> int | Sequence[int]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        return self._postings.df(int(self._postings.slots[at]))


def analyze(searcher: Searcher, query: Query, leg: LexicalLeg) -> Analysis:
    """The query's terms per field, its phrases and exclusions as typed; close terms for a word that no field has."""
    plan = searcher.plan(query, leg)
    return Analysis(
        terms=tuple(_query_terms(searcher, plan)),
        positive_text=query.positive,
        phrases=tuple(clause.text for clause in query.clauses if clause.phrase and not clause.excluded),
        excluded=tuple(clause.text for clause in query.clauses if clause.excluded),
    )


def explain(searcher: Searcher, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
    """What each term gives each document, 0 for one that the index does not have."""
    plan = searcher.plan(query, leg)
    rows = searcher.index.ids.rows(ids)
    matrix = bm25.contributions(plan, searcher.index.postings, leg, rows)
    return Explanation(tuple(_query_term(term) for term in plan.terms), matrix)


def highlights(searcher: Searcher, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
    """The spans of the leg's fields whose term the query has, in reading order."""
    plan = searcher.plan(query, leg)
    spans = []
    for name in plan.fields:
        wanted = {term.text for term in plan.of_field(name)}
        spans += [
            Highlight(name, token.start, token.end, token.text)
            for token in searcher.analyzers[name].tokens(document.text_of(name))
            if token.text in wanted
        ]
    return spans


def _query_terms(searcher: Searcher, plan: Plan) -> Iterator[QueryTerm]:
    known = {term.unit for term in plan.terms if term.df}
    for term in plan.terms:
        close: tuple[str, ...] = ()
        if term.unit not in known and not term.source:
            postings = searcher.index.postings[term.field]
            close = nearest(term.text, _Vocabulary(postings), frequencies=_Frequencies(postings))
        yield _query_term(term, close)


def _query_term(term: PlanTerm, close: tuple[str, ...] = ()) -> QueryTerm:
    return QueryTerm(term.text, term.field, term.weight, term.df, term.idf, term.source, close)
