"""A typed query turned into what the postings are asked: weighted terms per field, in units that count for matching.

A unit is one word of the query: the terms that the fields' analysers make of it, and its synonyms. A document matches
the unit when any field has any of them. Equal units merge and count as often as they were typed, as Lucene's boolean
query does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.analysis.base import Analyzer
from engine.analysis.query import Clause, Query
from engine.analysis.synonyms import WEIGHT, Expansion
from engine.stores.embedded.bm25 import idf
from engine.stores.embedded.postings import Postings


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


Expand = Callable[[str, str], Sequence[Expansion]]
"""(field, text) → the places of the text that have synonyms, as the field's analyser compares them."""


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
    expand: Expand | None = None,
) -> Plan:
    """The plan of a query over the leg's ``fields``."""
    merged: dict[frozenset[tuple[str, str]], _Unit] = {}
    for clause in query.clauses:
        if clause.excluded:
            continue
        wanted = [name for name in fields if clause.field in ("", name)]
        for unit in _units(clause, wanted, analyzers, expand):
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
    expand: Expand | None,
) -> list[_Unit]:
    """The clause's words in order: tokens of different fields that begin at the same character are one word."""
    optional = not clause.phrase and not clause.field
    found: dict[int, _Unit] = {}
    for name in fields:
        for token in analyzers[name].tokens(clause.text):
            unit = found.setdefault(token.start, _Unit(optional))
            unit.terms[name, token.text] = (1.0, "")
    if expand and not clause.phrase:
        for name in fields:
            for expansion in expand(name, clause.text):
                _add_synonyms(found, clause.text, expansion, name, analyzers[name])
    return [found[start] for start in sorted(found)]


def _add_synonyms(units: Mapping[int, _Unit], text: str, expansion: Expansion, name: str, analyzer: Analyzer) -> None:
    """Adds the others' terms to the unit of the word they stand for (of several words, the first).

    A term that the unit has itself keeps its full weight.
    """
    unit = units[expansion.start]
    for other in expansion.others:
        for term in analyzer.terms(other):
            unit.terms.setdefault((name, term), (WEIGHT, text[expansion.start : expansion.end]))


def _resolve(unit: int, name: str, text: str, weight: float, source: str, postings: Postings) -> PlanTerm:
    slot = postings.slot(text)
    df = postings.df(slot)
    return PlanTerm(unit, name, text, weight, slot, df, idf(postings.stats.documents, df), source)
