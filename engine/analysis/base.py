"""What an analyser is: text in, tokens with positions and character offsets out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable


class Token(NamedTuple):
    """``position`` counts words from 0 and skips removed stop words; ``text[start:end]`` is where it was found."""

    text: str
    position: int
    start: int
    end: int


class Analyzer(Protocol):
    """Pure and thread-safe: one instance per name, made by ``engine.analysis.analyzers.get``."""

    @property
    def name(self) -> str: ...

    def tokens(self, text: str) -> Iterator[Token]: ...

    def terms(self, text: str) -> list[str]:
        """The token texts alone, in order: the fast path of indexing."""
        ...


@runtime_checkable
class AlignedAnalyzer(Analyzer, Protocol):
    """An analyser with at most one term per position: the fast way to index positions."""

    def by_position(self, text: str) -> list[str]:
        """The terms in order of their positions, '' where a word was removed."""
        ...
