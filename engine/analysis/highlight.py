"""Where a text holds the terms of a query, and which part of it to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from engine.analysis.base import Analyzer, Token


class Span(NamedTuple):
    """``text[start:end]`` matched ``term``; a phrase is one span, its terms joined by spaces."""

    term: str
    start: int
    end: int


def spans(text: str, analyzer: Analyzer, terms: Collection[str], phrases: Collection[str] = ()) -> list[Span]:
    """The matches of a text, from left to right and apart.

    ``terms`` are analysed; ``phrases`` are as typed and match where their terms stand in the same places to each other.
    Of two spans that overlap the longer wins where they begin together; else the later one begins where the first ends.
    """
    tokens = list(analyzer.tokens(text))
    found = [Span(token.text, token.start, token.end) for token in tokens if token.text in terms]
    for phrase in phrases:
        found += _phrases(tokens, list(analyzer.tokens(phrase)))
    return _apart(found)


def _phrases(tokens: Sequence[Token], wanted: Sequence[Token]) -> list[Span]:
    """One span for every place where all wanted terms stand at their distance from the first."""
    places: dict[tuple[str, int], Token] = {(token.text, token.position): token for token in tokens}
    found: list[Span] = []
    for first in tokens:
        if not wanted or first.text != wanted[0].text:
            continue
        offset = first.position - wanted[0].position
        held = [places.get((token.text, token.position + offset)) for token in wanted]
        matched = [token for token in held if token is not None]
        if len(matched) == len(wanted):
            term = " ".join(token.text for token in wanted)
            found.append(Span(term, first.start, max(token.end for token in matched)))
    return found


def _apart(found: list[Span]) -> list[Span]:
    """The spans without overlaps, covering the same characters."""
    apart: list[Span] = []
    last = 0
    for term, start, end in sorted(found, key=lambda span: (span.start, -span.end)):
        if end > last:
            apart.append(Span(term, max(start, last), end))
            last = end
    return apart


def snippet(text: str, matches: Sequence[Span], width: int) -> tuple[int, int]:
    """Start and end of the part to show: at most ``width`` characters around the densest cluster of matches.

    The cluster with the most distinct terms wins (a phrase counts each of its own), then with the most matches, then
    the tightest, then the first. It stands in the middle, and cuts fall between words where white space is near.
    """
    if len(text) <= width:
        return 0, len(text)
    first, last = _cluster(matches, width) if matches else (0, 0)
    start = max(0, min(first - (width - (last - first)) // 2, len(text) - width))
    end = start + width
    if start > 0 and not text[start - 1].isspace():
        start = next((at + 1 for at in range(start, first) if text[at].isspace()), start)
    if end < len(text) and not text[end].isspace():
        end = next((at for at in range(end - 1, max(last, start), -1) if text[at].isspace()), end)
    return start, end


def _cluster(matches: Sequence[Span], width: int) -> tuple[int, int]:
    """Start and end of the best run of matches that fits the width; a match that does not fit alone is cut."""
    held: Counter[str] = Counter()
    best, best_score, left = (0, 0), (0, 0, 0), 0
    for right, match in enumerate(matches):
        held[match.term] += 1
        while left < right and match.end - matches[left].start > width:
            gone = matches[left].term
            held[gone] -= 1
            if not held[gone]:
                del held[gone]
            left += 1
        start = matches[left].start
        distinct = sum(len(term.split()) for term in held)
        score = (distinct, right - left + 1, start - match.end)
        if best_score == (0, 0, 0) or score > best_score:
            best, best_score = (start, min(match.end, start + width)), score
    return best
