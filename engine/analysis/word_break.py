"""Words of a text as Lucene's StandardTokenizer finds them: what lies between Unicode word breaks (UAX #29).

A word is a run of letters, digits and low lines joined by the marks that UAX #29 lets stand inside one (``time.sleep``,
``re:match``, ``don't``, ``1,000.5``), one ideograph, one hiragana letter, a katakana run, a run of a South-East Asian
script, or an emoji sequence (UTS #51). Everything else separates. A word of more than 255 UTF-16 units is cut there and
the rest read afresh.

``ASCII`` is what ``GENERAL`` comes down to on ASCII text, several times faster.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

import regex

MAX_UNITS = 255
"""Lucene's limit of a token's length, in UTF-16 code units."""

_MARK = r"[\p{WB=Format}\p{WB=Extend}\p{WB=ZWJ}]"
_MARKS = f"{_MARK}*+"

_HEBREW = r"\p{WB=Hebrew_Letter}" + _MARKS
_LETTER = r"[\p{WB=ALetter}\p{WB=Hebrew_Letter}]" + _MARKS
_DIGIT = r"[\p{WB=Numeric}\uFF10-\uFF19]" + _MARKS
_KATAKANA = r"\p{WB=Katakana}" + _MARKS
_JOINER = r"(?:\p{WB=ExtendNumLet}" + _MARKS + ")"
_IN_WORD = r"[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]" + _MARKS
_IN_NUMBER = r"[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]" + _MARKS
_SINGLE = r"\p{WB=Single_Quote}" + _MARKS
_DOUBLE = r"\p{WB=Double_Quote}" + _MARKS

# WB5 to WB12: what stands between two of a kind belongs to the word only where the second follows
_HEBREW_UNIT = f"{_HEBREW}(?:{_SINGLE}|{_DOUBLE}{_HEBREW})"
_LETTERS = f"{_LETTER}(?:{_IN_WORD}(?={_LETTER}))?+"
_NUMBER = f"{_DIGIT}(?:{_IN_NUMBER}(?={_DIGIT}))?+"
_RUN = f"(?:{_KATAKANA}(?:{_JOINER}*{_KATAKANA})*+|(?:{_HEBREW_UNIT}|{_LETTERS}|{_NUMBER})++)"
_WORD = f"{_JOINER}*+{_RUN}(?:{_JOINER}++{_RUN})*+{_JOINER}*+"

# UTS #51. Marks after an emoji leave a zero-width joiner alone where the next emoji follows it
_PICTURE = r"[\p{Extended_Pictographic}[\p{Emoji}--[\p{RI}\p{Emoji_Modifier}0-9#*©®™\u3030\u303D]]]"
_BUT_VS = r"[\p{WB=Format}\p{WB=Extend}\p{WB=ZWJ}--[\uFE0E\uFE0F]]"
_LOOSE = (
    rf"(?:[[\p{{WB=Format}}\p{{WB=Extend}}]--[\uFE0E\uFE0F]]"
    rf"|\u200D++(?!{_PICTURE}|\p{{Emoji_Modifier}}))*+"
)
_ONE_EMOJI = (
    rf"(?:(?:\u200D*+\p{{Emoji_Modifier_Base}}{_LOOSE})?\p{{Emoji_Modifier}}{_LOOSE}"
    rf"|\u200D*+{_PICTURE}{_LOOSE}\uFE0F?+)"
)
_EMOJI = (
    rf"{_ONE_EMOJI}(?:\u200D{_ONE_EMOJI})*+"
    rf"|[0-9#*]{_BUT_VS}*\uFE0F?\u20E3{_BUT_VS}*+"
    rf"|\p{{RI}}{_MARKS}\p{{RI}}{_MARKS}"
)

# last, so that a long run of them is passed in one step: what joins words but joins nothing here
_IDLE_MARK = rf"[{_MARK}--[\p{{WB=ZWJ}}\p{{Emoji_Modifier}}\p{{LB=SA}}\p{{Script=Han}}]]"
_IDLE = rf"(?:\p{{WB=ExtendNumLet}}{_IDLE_MARK}*+)++|\u200D++"

GENERAL = regex.compile(
    rf"{_WORD}|{_EMOJI}|(?:\p{{LB=SA}}{_MARKS})++|[\p{{Script=Han}}\p{{Script=Hiragana}}]{_MARKS}|{_IDLE}",
    regex.VERSION1,
)
ASCII = re.compile(
    r"[A-Za-z0-9_]++(?:(?:(?<=[A-Za-z])[.:'](?=[A-Za-z])|(?<=[0-9])[.,;'](?=[0-9]))[A-Za-z0-9_]++)*+",
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f][^ \n]*+(?:[ \n]+[^\x00-\x7f][^ \n]*+)*+")
_ONLY_IDLE = regex.compile(f"(?:{_IDLE})++", regex.VERSION1)
_IDLE_STARTS = frozenset("_\u200d\u202f\u203f\u2040\u2054\ufe33\ufe34\ufe4d\ufe4e\ufe4f\uff3f")


def lower(text: str) -> str:
    """The text in lower case, character by character as Lucene does it; never longer or shorter than the text.

    ``str.lower`` looks around a final sigma and turns U+0130 into two characters.
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every word, in characters of the text."""
    for start, end, pattern in _stretches(text):
        yield from _spans(pattern, text, start, end)


def words(text: str, shown: str | None = None) -> list[str]:
    """The words alone: the fast path of indexing. ``shown``, as long as the text, is what they are cut from."""
    shown = text if shown is None else shown
    found: list[str] = []
    for start, end, pattern in _stretches(text):
        if pattern is ASCII:
            plain: list[str] = ASCII.findall(shown, start, end)
            if not plain or len(max(plain, key=len)) <= MAX_UNITS:
                found += [word for word in plain if word.strip("_")] if "_" in shown else plain
                continue
        found += [shown[begin:to] for begin, to in _spans(pattern, text, start, end)]
    return found


def lower_words(text: str) -> list[str]:
    """The words in lower case. They are found in the text as it is: Ⓜ is an emoji, ⓜ is not."""
    return words(text, lower(text))


def _stretches(text: str) -> Iterator[tuple[int, int, re.Pattern[str]]]:
    """The text cut at white space into what ``ASCII`` can read and what it cannot: no word holds any."""
    if text.isascii():
        yield 0, len(text), ASCII
        return
    at = 0
    while found := _NOT_ASCII.search(text, at):
        start = 1 + max(at - 1, *(text.rfind(space, at, found.start()) for space in " \n"))
        if start > at:
            yield at, start, ASCII
        at = found.end()
        yield start, at, GENERAL
    if at < len(text):
        yield at, len(text), ASCII


def _spans(pattern: re.Pattern[str], text: str, at: int, stop: int) -> Iterator[tuple[int, int]]:
    while found := pattern.search(text, at, stop):
        start, at = found.span()
        if text[start] in _IDLE_STARTS and _ONLY_IDLE.fullmatch(text, start, at):
            continue
        if at - start > MAX_UNITS // 2 and at > limit(text, start):
            at = yield from _cut(pattern, text, start, at)
        else:
            yield start, at


def _cut(pattern: re.Pattern[str], text: str, start: int, end: int) -> Generator[tuple[int, int], None, int]:
    """The pieces of an overlong match, each read through a window of 255 units; returns where the last one ends."""
    while start < end:
        piece = pattern.match(text, start, limit(text, start))
        idle = _ONLY_IDLE.match(text, start)
        if piece is None:
            start += 1
        elif idle is not None and idle.end() >= piece.end():  # on to the first window that sees past the idle run
            start = max(start + 1, idle.end() - MAX_UNITS + 1)
        else:
            yield start, piece.end()
            start = piece.end()
    return start


def limit(text: str, start: int, units: int = MAX_UNITS) -> int:
    """Where that many UTF-16 units from ``start`` end; a character of two units is not cut in half."""
    at = start
    while at < len(text) and (units := units - (2 if text[at] > "\uffff" else 1)) >= 0:
        at += 1
    return at
