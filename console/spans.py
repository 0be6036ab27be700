"""Matched spans of a document's text, moved along when the text is cleaned for the screen."""

from __future__ import annotations

from collections.abc import Iterable

from engine.analysis.display import clean

Span = tuple[int, int]


def clean_spans(text: str, spans: Iterable[Span]) -> tuple[str, tuple[Span, ...]]:
    """The cleaned text, and the spans in it, in order; overlapping ones become one, empty ones are dropped."""
    shown: list[Span] = []
    pieces: list[str] = []
    length = at = 0
    for start, end in _merged(spans, len(text)):
        before, inside = clean(text[at:start]), clean(text[start:end])
        begin = length + len(before)
        length = begin + len(inside)
        if inside:
            shown.append((begin, length))
        pieces += (before, inside)
        at = end
    pieces.append(clean(text[at:]))
    return "".join(pieces), tuple(shown)


def _merged(spans: Iterable[Span], length: int) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        start, end = max(start, 0), min(end, length)
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
