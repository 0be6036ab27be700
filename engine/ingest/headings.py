"""Headings of Markdown and reStructuredText, and the sections between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RST_LINE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*$")


@dataclass(frozen=True, slots=True)
class Heading:
    """``start`` is the index of its first line, ``end`` of the line after it; level 1 is the highest."""

    level: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """``path`` are the headings above and its own, outermost first; ``line`` is the index of the body's first line."""

    path: tuple[str, ...]
    line: int
    lines: tuple[str, ...]


def sections(lines: Sequence[str], headings: Sequence[Heading]) -> Iterator[Section]:
    """The text before the first heading (path ()) and after each one, without the headings' own lines."""
    path: list[tuple[int, str]] = []
    start = 0
    for heading in headings:
        yield Section(tuple(text for _, text in path), start, tuple(lines[start : heading.start]))
        path = [*(above for above in path if above[0] < heading.level), (heading.level, heading.text)]
        start = heading.end
    yield Section(tuple(text for _, text in path), start, tuple(lines[start:]))


def markdown_headings(lines: Sequence[str]) -> Iterator[Heading]:
    """ATX (``# Title``) and setext (underlined) headings outside fenced code (CommonMark 0.31, §4.2, §4.3, §4.5)."""
    fence = ""
    for i, line in enumerate(lines):
        if found := _FENCE.match(line):
            mark = found[1]
            if not fence:
                fence = mark
            elif mark.startswith(fence) and not line.strip().strip(mark[0]):
                fence = ""
        elif fence:
            continue
        elif found := _ATX.match(line):
            yield Heading(len(found[1]), (found[2] or "").strip(), i, i + 1)
        elif (found := _SETEXT.match(line)) and i and _is_setext_title(lines, i - 1):
            yield Heading(1 if found[1][0] == "=" else 2, lines[i - 1].strip(), i - 1, i + 1)


def _is_setext_title(lines: Sequence[str], i: int) -> bool:
    """One line of plain text after a blank line; a list, a quote, a table or a heading cannot be a title."""
    title = lines[i]
    alone = i == 0 or not lines[i - 1].strip()
    return alone and bool(title.strip()) and not re.match(r" {4}|\t| {0,3}([-*+>|#]|\d+[.)])(\s|$)", title)


def rst_headings(lines: Sequence[str]) -> Iterator[Heading]:
    """Titles with an underline at least as long as they are, or with over- and underline; the level of a style is the
    order in which the styles appear (docutils, "Sections")."""
    styles: list[tuple[str, bool]] = []
    i = 0
    while i + 1 < len(lines):
        over = bool(_RST_LINE.match(lines[i])) and i + 2 < len(lines)
        title = lines[i + over]
        under = lines[i + over + 1].rstrip()
        is_title = bool(title.strip()) and not _RST_LINE.match(title) and (over or not title[0].isspace())
        after_blank = i == 0 or not lines[i - 1].strip()
        matches = (
            _RST_LINE.match(under) and len(under) >= len(title.rstrip()) and (not over or under == lines[i].rstrip())
        )
        if is_title and after_blank and matches:
            style = (under[0], over)
            if style not in styles:
                styles.append(style)
            yield Heading(styles.index(style) + 1, title.strip(), i, i + over + 2)
            i += over + 2
        else:
            i += 1


HEADINGS: dict[str, Callable[[Sequence[str]], Iterator[Heading]]] = {
    ".md": markdown_headings,
    ".markdown": markdown_headings,
    ".mdx": markdown_headings,
    ".rst": rst_headings,
    ".txt": lambda lines: iter(()),
    ".text": lambda lines: iter(()),
}
"""File suffix → how its headings are found."""
