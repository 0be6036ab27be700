"""Lucene's ``WhitespaceAnalyzer``: the text split at white space, nothing else changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analysis.base import Token
from engine.analysis.word_break import MAX_UNITS, limit

# java.lang.Character.isWhitespace: unlike str.isspace without U+0085 and the no-break spaces
_WORD = re.compile("[^\t-\r\x1c-\x20\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+")


class WhitespaceAnalyzer:
    name = "whitespace"

    def tokens(self, text: str) -> Iterator[Token]:
        position = 0
        for found in _WORD.finditer(text):
            start, end = found.span()
            while start < end:
                cut = min(end, limit(text, start, MAX_UNITS - 1) + 1)
                yield Token(text[start:cut], position, start, cut)
                start, position = cut, position + 1

    def terms(self, text: str) -> list[str]:
        found = text.split() if text.isascii() else _WORD.findall(text)
        if not found or len(max(found, key=len)) <= MAX_UNITS // 2:
            return found
        return [token.text for token in self.tokens(text)]

    by_position = terms
