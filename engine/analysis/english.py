"""Lucene's ``EnglishAnalyzer`` (Elasticsearch ``english``): standard words, possessives, stop words, Porter stems."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analysis.base import Token
from engine.analysis.cache import TermCache
from engine.analysis.porter import stem
from engine.analysis.word_break import lower, lower_words, spans

STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not"),
        *("of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was"),
        *("will", "with"),
    )
)
"""Lucene's default English stop words. A removed one leaves a gap in the positions."""

_APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}\N{FULLWIDTH APOSTROPHE}"


def english_term(word: str) -> str:
    """The index term of a word in lower case, '' for a stop word."""
    if word.endswith("s") and word[-2:-1] in _APOSTROPHES and len(word) > 1:
        word = word[:-2]
    return "" if word in STOP_WORDS else stem(word)


class EnglishAnalyzer:
    name = "english"

    def __init__(self) -> None:
        self._term = TermCache(english_term)

    def tokens(self, text: str) -> Iterator[Token]:
        lowered = lower(text)
        for position, (start, end) in enumerate(spans(text)):
            if term := self._term[lowered[start:end]]:
                yield Token(term, position, start, end)

    def terms(self, text: str) -> list[str]:
        term_of = self._term
        return [term for word in lower_words(text) if (term := term_of[word])]

    def by_position(self, text: str) -> list[str]:
        term_of = self._term
        return [term_of[word] for word in lower_words(text)]
