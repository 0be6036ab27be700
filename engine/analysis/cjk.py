"""Overlapping pairs of Chinese, Japanese and Korean characters, after Lucene's ``CJKAnalyzer``, without its stop words.

A run of Han, hiragana, katakana and hangul becomes its bigrams, one character alone stays alone; other scripts are
standard words. Full-width Latin and half-width katakana are folded to their usual width first; offsets are those of the
text as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import regex

from engine.analysis.base import Token
from engine.analysis.word_break import lower, lower_words, spans

_FOLDED = re.compile("[\uff01-\uff5e]|[\uff65-\uff9d][\uff9e\uff9f]?|[\uff9e\uff9f]")
_CJK = regex.compile(
    r"(?:[\p{Script=Han}\p{Script=Hiragana}\p{WB=Katakana}[\p{Script=Hangul}&&\p{WB=ALetter}]]"
    r"[\p{WB=Format}\p{WB=Extend}\p{WB=ZWJ}]*+)++",
    regex.VERSION1,
)


def fold(text: str) -> tuple[str, list[int]]:
    """The text in usual width, and for each of its characters, and the end, the place in the text as it was."""
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for found in _FOLDED.finditer(text):
        start, end = found.span()
        wide = unicodedata.normalize("NFKC", found[0])
        pieces += text[at:start], wide
        places += range(at, start)
        # a kana that takes no voice mark keeps it as a character of its own
        places += [start] if len(wide) == 1 else range(start, end)
        at = end
    return "".join((*pieces, text[at:])), [*places, *range(at, len(text) + 1)]


class CJKAnalyzer:
    name = "cjk"

    def tokens(self, text: str) -> Iterator[Token]:
        folded, places = fold(text)
        lowered = lower(folded)
        for position, (start, end) in enumerate(_bigrams(folded)):
            yield Token(lowered[start:end], position, places[start], places[end])

    def terms(self, text: str) -> list[str]:
        if text.isascii():
            return lower_words(text)
        folded, _ = fold(text)
        lowered = lower(folded)
        return [lowered[start:end] for start, end in _bigrams(folded)]

    by_position = terms


def _bigrams(text: str) -> Iterator[tuple[int, int]]:
    """Words that are not CJK, and pairs of the characters of those that are and touch."""
    run_start = run_end = 0
    for start, end in spans(text):
        cjk = text[start] > "\x7f" and _CJK.fullmatch(text, start, end) is not None
        if run_end > run_start and not (cjk and start == run_end):
            yield from _pairs(run_start, run_end)
            run_start = run_end = 0
        if not cjk:
            yield start, end
        elif run_end > run_start:
            run_end = end
        else:
            run_start, run_end = start, end
    if run_end > run_start:
        yield from _pairs(run_start, run_end)


def _pairs(start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start == 1:
        yield start, end
    for at, _ in pairwise(range(start, end)):
        yield at, at + 2
