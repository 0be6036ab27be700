"""Lucene's ``StandardAnalyzer`` without stop words (Elasticsearch ``standard``): words in lower case."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analysis.base import Token
from engine.analysis.word_break import lower, lower_words, spans


class StandardAnalyzer:
    name = "standard"

    def tokens(self, text: str) -> Iterator[Token]:
        lowered = lower(text)
        for position, (start, end) in enumerate(spans(text)):
            yield Token(lowered[start:end], position, start, end)

    def terms(self, text: str) -> list[str]:
        return lower_words(text)

    by_position = terms
