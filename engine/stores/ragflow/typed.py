"""What a person's query and settings ask beyond RAGFlow's own: filters, phrases, exclusions and synonyms. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.analysis import synonyms
from engine.analysis.query import Query
from engine.stores.ragflow import bodies, fields
from engine.stores.ragflow.question import normal, stripped
from engine.stores.ragflow.tokens import forms

_WORD = re.compile(r"\w+")
_SYNONYMS = 8


def restrictions(query: Query) -> tuple[list[bodies.Body], list[bodies.Body]]:
    """What phrases ask for, and what exclusions forbid, as query strings over the index's tokens."""
    wanted: list[bodies.Body] = []
    excluded: list[bodies.Body] = []
    for clause in query.clauses:
        if not (clause.phrase or clause.excluded or clause.field):
            continue
        tokens = " ".join(forms(word)[0] for word in _WORD.findall(clause.text.lower()))
        names = {clause.field: 1.0} if clause.field else fields.QUERY_FIELDS
        string = bodies.query_string(f'"{tokens}"', names=names)
        (excluded if clause.excluded else wanted).append(string)
    return wanted, excluded


def alike(text: str, rules: Sequence[synonyms.Rule]) -> dict[str, list[str]]:
    """Text → its synonyms, for the words of the question, as they are and as the index may hold them."""
    present = {stripped(normal(text)), *_WORD.findall(normal(text))}
    found: dict[str, list[str]] = {}
    for rule in rules:
        for key in rule.keys:
            others = [value.lower() for value in rule.values if value != key][:_SYNONYMS]
            if key.lower() in present:
                for form in {key.lower(), *(forms(key.lower()) if " " not in key else ())}:
                    found.setdefault(form, []).extend(others)
    return found
