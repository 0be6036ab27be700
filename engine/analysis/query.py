"""A typed query taken apart: words, phrases, exclusions, field clauses."""

from __future__ import annotations

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
