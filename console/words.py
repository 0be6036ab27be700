"""Which terms of several fields are one word of the query."""

from __future__ import annotations

from typing import Protocol

LEAST_STEM = 3


class Term(Protocol):
    """A term as a field's analyser made it."""

    @property
    def text(self) -> str: ...

    @property
    def field(self) -> str: ...


def same_word(one: Term, other: Term) -> bool:
    """Whether two terms may be one word, as two fields analyse it: ``threads`` and ``thread``, ``easily`` and
    ``easili``. Those of one field are only if they are equal."""
    if one.field == other.field:
        return one.text == other.text
    stem = max(min(len(one.text), len(other.text)) - 1, LEAST_STEM)
    return one.text[:stem] == other.text[:stem]
