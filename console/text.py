"""Foreign text made fit for a terminal: no control characters, a known width, a cut that says so."""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """The text on one line, every character of it visible and of a known width, as in the console's panes."""
    if text.isascii() and text.isprintable():
        return text
    from engine.analysis import display

    return display.clean(text, newlines=False, tab=1)


def width(text: str) -> int:
    """Terminal columns of a cleaned text: wide characters take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
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
