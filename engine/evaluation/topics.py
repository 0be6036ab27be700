"""TREC topics in their classic form: ``<top>``, ``<num> Number: 301``, ``<title> …``; tags are not closed.

The title is the query, the description where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import SourceError
from engine.ingest.lines import read_lines
from engine.ingest.queries import QueryItem

_TAG = re.compile(r"<(num|title|desc|narr)>\s*(?:(?:Number|Topic|Description|Narrative)\s*:)?", re.IGNORECASE)
_CLOSING = re.compile(r"</(num|title|desc|narr)>", re.IGNORECASE)


def is_topics(path: Path) -> bool:
    """Whether the file's first line that is not blank opens a topic."""
    first = next((line.text for line in read_lines(path) if line.text.strip()), "")
    return first.lstrip().lower().startswith(("<top>", "<!--"))


def read_topics(path: Path) -> Iterator[QueryItem]:
    """The topics in order. Raises ``SourceError`` with ``file:line`` for one without number or words."""
    for number, text in _blocks(path):
        where = f"{path}:{number}"
        parts = _parts(text)
        words = parts.get("title") or parts.get("desc", "")
        if not parts.get("num") or not words:
            missing = "<num>" if not parts.get("num") else "<title> or <desc>"
            raise SourceError(f"{where}: the topic has no {missing}", hint="<top> <num> Number: 1 <title> words </top>")
        yield QueryItem(parts["num"], words, where)


def _blocks(path: Path) -> Iterator[tuple[int, str]]:
    """The text between ``<top>`` and ``</top>``, with the line where it begins."""
    start, held = 0, ""
    for line in read_lines(path):
        if line.problem:
            raise SourceError(f"{path}:{line.number}: {line.problem}", hint="topics are read as UTF-8")
        mark = line.text.strip().lower()
        if mark.startswith("<top>"):
            if start:
                raise SourceError(f"{path}:{start}: the topic is not closed", hint="</top> ends a topic")
            start, held = line.number, line.text.strip()[len("<top>") :] + "\n"
        elif start:
            held += line.text
        if start and mark.endswith("</top>"):
            yield start, held[: held.lower().rindex("</top>")]
            start = 0
    if start:
        raise SourceError(f"{path}:{start}: the topic is not closed", hint="</top> ends a topic")


def _parts(text: str) -> dict[str, str]:
    """Tag → its words on one line."""
    pieces = _TAG.split(_CLOSING.sub("", text))
    return {tag.lower(): " ".join(words.split()) for tag, words in zip(pieces[1::2], pieces[2::2], strict=True)}
