"""A typed query taken apart: words, phrases, exclusions, field clauses.

    wait "without blocking" -thread title:sleep -title:"event loop" \\-v

Syntax is recognised at the start of a word only: a hyphen, colon or quote inside one is text, and so is a lone hyphen,
two of them (``--verbose``), a quote that is never closed, and a colon after what is no field (``re:match``). A
backslash takes the meaning from the ``"``, ``-``, ``:`` or backslash after it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the query: a word run or a phrase, for all fields or one, wanted or excluded."""

    text: str
    field: str = ""
    phrase: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """``text`` is what was typed, ``positive`` what the embedder and the reranker see."""

    text: str
    positive: str
    clauses: tuple[Clause, ...]

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    @classmethod
    def plain(cls, text: str) -> Query:
        """The text as it is, without query syntax."""
        return cls(text, text, (Clause(text),))


_ESCAPED = re.compile(r'\\(["\\:-])')
_TEXT = r'(?:"(?P<phrase>(?:[^"\\]|\\.)*+)"|(?P<word>(?:\\\S|\S)++))'


def parse(text: str, fields: Collection[str]) -> Query:
    """The query of a typed text. ``fields`` are those that may stand before a colon.

    Consecutive plain words are one clause; phrases, exclusions and field clauses are one each. ``positive`` has what is
    wanted, in order and without syntax: '' where there are exclusions only.
    """
    names = "|".join(map(re.escape, sorted(fields, key=len, reverse=True))) or "(?!)"
    part = re.compile(rf"(?:(?<!\S)(?P<minus>-)(?=[^\s-]))?+(?:(?P<field>{names}):(?=\S))?+{_TEXT}", re.DOTALL)
    clauses: list[Clause] = []
    for found in part.finditer(text):
        phrase = found["phrase"] is not None
        clause = Clause(
            _ESCAPED.sub(r"\1", found["phrase"] if phrase else found["word"]),
            found["field"] or "",
            phrase,
            found["minus"] is not None,
        )
        if clause.text.strip():
            clauses.append(clause)
    if "".join(clause.text for clause in clauses if _plain(clause)) == "".join(text.split()):
        return Query.plain(text)
    return Query(text, " ".join(clause.text for clause in clauses if not clause.excluded), tuple(_runs(clauses)))


def _plain(clause: Clause) -> bool:
    return not (clause.phrase or clause.excluded or clause.field)


def _runs(clauses: list[Clause]) -> list[Clause]:
    """The clauses with neighbouring plain words joined."""
    joined: list[Clause] = []
    for clause in clauses:
        if joined and _plain(clause) and _plain(joined[-1]):
            joined[-1] = Clause(f"{joined[-1].text} {clause.text}")
        else:
            joined.append(clause)
    return joined
