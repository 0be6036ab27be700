"""A typed query turned into what the postings are asked: weighted terms per field, in units that count for matching.

A unit is one word of the query: the terms that the fields' analysers make of it, and its synonyms. A document matches
the unit when any field has any of them. Equal units merge and count as often as they were typed, as Lucene's boolean
query does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.analysis.base import Analyzer
from engine.analysis.query import Clause, Query
from engine.stores.embedded.bm25 import idf
from engine.stores.embedded.postings import Postings

SYNONYM_WEIGHT = 0.25


@dataclass(frozen=True, slots=True)
class PlanTerm:
    """One term in one field. ``slot`` is −1 where the field does not have it; ``source`` is a synonym's origin."""

    unit: int
    field: str
    text: str
    weight: float
    slot: int
    df: int
    idf: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """``terms`` grouped by field in the order of ``fields``; ``optional`` marks the units that count for matching."""

    fields: tuple[str, ...]
    terms: tuple[PlanTerm, ...]
    units: int
    optional: tuple[bool, ...]

    def of_field(self, name: str) -> list[PlanTerm]:
        return [term for term in self.terms if term.field == name]


class Synonyms(Protocol):
    """What expands a word of the query."""

    def expand(self, text: str) -> Sequence[tuple[int, int, Sequence[str]]]:
        """(start, end, other words) for each span of the text that has synonyms."""
        ...


@dataclass(slots=True)
class _Unit:
    """A word under construction: (field, term) → (weight, source)."""

    optional: bool
    terms: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)


def make_plan(
    query: Query,
    fields: Sequence[str],
    analyzers: Mapping[str, Analyzer],
    postings: Mapping[str, Postings],
    synonyms: Callable[[str], Sequence[str]] | None = None,
) -> Plan:
    """The plan of a query over the leg's ``fields``; ``synonyms`` gives the alternatives of a word as typed."""
    merged: dict[frozenset[tuple[str, str]], _Unit] = {}
    for clause in query.clauses:
        if clause.excluded:
            continue
        wanted = [name for name in fields if clause.field in ("", name)]
        for unit in _units(clause, wanted, analyzers, synonyms):
            key = frozenset(unit.terms)
            known = merged.setdefault(key, _Unit(unit.optional))
            known.optional |= unit.optional
            for name, (weight, source) in unit.terms.items():
                known.terms[name] = (known.terms.get(name, (0.0, ""))[0] + weight, source)
    terms = [
        _resolve(number, name, text, weight, source, postings[name])
        for number, unit in enumerate(merged.values())
        for (name, text), (weight, source) in unit.terms.items()
    ]
    terms.sort(key=lambda term: fields.index(term.field))
    return Plan(tuple(fields), tuple(terms), len(merged), tuple(unit.optional for unit in merged.values()))


def _units(
    clause: Clause,
    fields: Sequence[str],
    analyzers: Mapping[str, Analyzer],
    synonyms: Callable[[str], Sequence[str]] | None,
) -> list[_Unit]:
    """The clause's words in order: tokens of different fields that begin at the same character are one word."""
    optional = not clause.phrase and not clause.field
    found: dict[int, _Unit] = {}
    words: dict[int, str] = {}
    for name in fields:
        for token in analyzers[name].tokens(clause.text):
            unit = found.setdefault(token.start, _Unit(optional))
            unit.terms[name, token.text] = (1.0, "")
            word = clause.text[token.start : token.end]
            words[token.start] = max(words.get(token.start, ""), word, key=len)
    if synonyms and not clause.phrase:
        for start, word in words.items():
            _expand(found[start], word, synonyms(word), fields, analyzers)
    return [found[start] for start in sorted(found)]


def _expand(
    unit: _Unit, word: str, others: Sequence[str], fields: Sequence[str], analyzers: Mapping[str, Analyzer]
) -> None:
    """Adds the terms of a word's synonyms to its unit; a term that the query has itself keeps its full weight."""
    for other in others:
        for name in fields:
            for text in analyzers[name].terms(other):
                unit.terms.setdefault((name, text), (SYNONYM_WEIGHT, word))


def _resolve(unit: int, name: str, text: str, weight: float, source: str, postings: Postings) -> PlanTerm:
    slot = postings.slot(text)
    df = postings.df(slot)
    return PlanTerm(unit, name, text, weight, slot, df, idf(postings.stats.documents, df), source)
