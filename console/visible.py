"""Document text made fit for the screen: nothing in it can drive the terminal or break a row.

Line breaks stay (panes wrap at them), tabs become spaces, other control characters their pictures (␛ for escape).
What has no width of its own and would put columns out (direction marks, zero-width characters, variation selectors,
joiners) is left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_PICTURES = {code: chr(0x2400 + code) for code in range(32)} | {0x7F: "␡", 0x09: "    ", 0x0A: "\n", 0x0D: ""}
_OTHER_BREAKS = dict.fromkeys((0x85, 0x2028, 0x2029), "\n")
_TABLE: dict[int, str | None] = _PICTURES | _OTHER_BREAKS
_SELECTORS = range(0xFE00, 0xFE10)


def visible(text: str) -> str:
    """The text as it may be shown."""
    if text.isascii():
        return text if text.isprintable() else text.translate(_TABLE)
    return "".join(_shown(character) for character in text)


def visible_spans(text: str, spans: Iterable[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text as it may be shown, with the spans moved along; overlapping ones become one, empty ones are dropped."""
    shown: list[tuple[int, int]] = []
    pieces: list[str] = []
    length = at = 0
    for start, end in _merged(spans, len(text)):
        before, inside = visible(text[at:start]), visible(text[start:end])
        begin = length + len(before)
        length = begin + len(inside)
        if inside:
            shown.append((begin, length))
        pieces += (before, inside)
        at = end
    pieces.append(visible(text[at:]))
    return "".join(pieces), tuple(shown)


def _merged(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        start, end = max(start, 0), min(end, length)
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _shown(character: str) -> str:
    code = ord(character)
    if code in _TABLE:
        return _TABLE[code] or ""
    if code in _SELECTORS:
        return ""
    match unicodedata.category(character):
        case "Cf" | "Zl" | "Zp":
            return ""
        case "Cc" | "Cs":
            return "\N{REPLACEMENT CHARACTER}"
        case "Zs":
            return " "
    return character
