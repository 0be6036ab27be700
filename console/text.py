"""Foreign text made fit for a terminal: no control characters, a known width, a cut that says so."""

from __future__ import annotations

import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SPACES = "\t\n\r\v\f\x85\u2028\u2029"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co"})
_KEPT_FORMATS = "\u200c\u200d"
"""The joiners: letters of Persian and of several Indic scripts, and emoji, need them to be themselves."""


def clean(text: str) -> str:
    """The text on one line: line breaks and tabs are spaces; control, direction-turning, private and unpaired
    characters, which could drive or garble a terminal, are U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_clean_character, text))


def _clean_character(character: str) -> str:
    if character in _SPACES:
        return " "
    if character not in _KEPT_FORMATS and unicodedata.category(character) in _INVISIBLE:
        return _REPLACEMENT
    return character


def width(text: str) -> int:
    """Terminal columns of a cleaned text: wide characters take two, combining marks and joiners none."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, columns: int) -> str:
    """The text cleaned and, where it is wider than that, cut with an ellipsis."""
    text = clean(text)
    if width(text) <= columns:
        return text
    used, end = 1, 0
    for character in text:
        used += _character_width(character)
        if used > columns:
            break
        end += 1
    return text[:end].rstrip() + "…"


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The cleaned text filled with spaces to that width, on its left where ``right`` aligns it."""
    fill = " " * (columns - width(text))
    return fill + text if right else text + fill
