"""Names of programs: standard words, and the parts of each that dots, low lines, colons, digits and case set apart.

``os.path.joinURL2`` gives ``os.path.joinurl2`` and ``os``, ``path``, ``join``, ``url``, ``2``: the whole name stands at
the position of its first part, so that an exact name matches by its own rare term and a phrase of parts still finds it.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from engine.analysis.base import Token
from engine.analysis.cache import TermCache
from engine.analysis.word_break import lower, spans, words

# capitals before a capitalised word, a capitalised or small word, capitals, digits, letters without case
_PART = regex.compile(
    r"\p{Lu}[\p{M}\p{Cf}]*+(?:\p{Lu}[\p{M}\p{Cf}]*)*+(?!\p{Ll})"
    r"|(?:\p{Lu}[\p{M}\p{Cf}]*)+(?=\p{Lu}[\p{M}\p{Cf}]*\p{Ll})"
    r"|[\p{Lu}\p{Lt}]?+(?:[\p{Ll}][\p{M}\p{Cf}]*|['’＇](?=\p{L}))++"
    r"|(?:\p{Nd}[\p{M}\p{Cf}]*|[,;'’＇](?=\p{Nd}))++"
    r"|[^\p{Lu}\p{Lt}\p{Ll}\p{Nd}\p{Pc}.:·．：]++",
    regex.VERSION1,
)


def parts(word: str) -> list[tuple[str, int, int]]:
    """The parts of a word in lower case with their place in it; the word itself alone where it has one part."""
    lowered = lower(word)
    return [(lowered[slice(*found.span())], *found.span()) for found in _PART.finditer(word)] or [
        (lowered, 0, len(word))
    ]


class IdentifierAnalyzer:
    name = "identifier"

    def __init__(self) -> None:
        self._terms = TermCache(_terms)

    def tokens(self, text: str) -> Iterator[Token]:
        position = 0
        for start, end in spans(text):
            found = parts(text[start:end])
            whole = lower(text[start:end])
            if whole != found[0][0]:
                yield Token(whole, position, start, end)
            for part, at, to in found:
                yield Token(part, position, start + at, start + to)
                position += 1

    def terms(self, text: str) -> list[str]:
        terms_of = self._terms
        return [term for word in words(text) for term in terms_of[word]]


def _terms(word: str) -> tuple[str, ...]:
    found = [part for part, _, _ in parts(word)]
    whole = lower(word)
    return tuple(found) if whole == found[0] else (whole, *found)
