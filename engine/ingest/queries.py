"""Query sets: JSON Lines (``_id`` and ``text``), tab-separated ``id<TAB>text``, or one query per line.

The first line that is not blank decides which. Plain lines are numbered from 1 by their line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.ingest.base import Problem, ProblemKind
from engine.ingest.jsonl import parse_line
from engine.ingest.lines import Line, decode_lines, read_lines

STDIN = "-"
_ID_FIELDS = ("_id", "id", "query_id", "qid")
_TEXT_FIELDS = ("text", "query")


@dataclass(frozen=True, slots=True)
class QueryItem:
    """One query of a set; ``where`` is ``file:line``."""

    id: str
    text: str
    where: str


def read_queries(
    spec: str | Path, encoding: str = "utf-8", stdin: BinaryIO | None = None
) -> Iterator[QueryItem | Problem]:
    """The queries of a file, ``-`` being standard input, in order; of a repeated id the first counts and the others are
    Problems, as are blank and bad lines. Raises SourceError where the file cannot be read."""
    seen: dict[str, str] = {}
    for item in _parse(*_open(spec, encoding, stdin)):
        if isinstance(item, QueryItem):
            if item.id in seen:
                text = f"query id {item.id!r} was already used at {seen[item.id]}; this query is left out"
                yield Problem(item.where, text, ProblemKind.DUPLICATE)
                continue
            seen[item.id] = item.where
        yield item


def _open(spec: str | Path, encoding: str, stdin: BinaryIO | None) -> tuple[Iterator[Line], str]:
    if str(spec) == STDIN:
        return decode_lines(stdin or sys.stdin.buffer, encoding, "standard input"), "<stdin>"
    return read_lines(Path(spec), encoding), str(spec)


def _parse(lines: Iterator[Line], name: str) -> Iterator[QueryItem | Problem]:
    parse: Callable[[Line, str], QueryItem | Problem] | None = None
    for line in lines:
        where = f"{name}:{line.number}"
        if line.problem:
            yield Problem(where, line.problem)
        elif not line.text.strip():
            yield Problem(where, "the line is blank", ProblemKind.BLANK)
        else:
            parse = parse or _parser_for(line.text)
            item = parse(line, where)
            blank = isinstance(item, QueryItem) and not item.text.strip()
            yield Problem(where, "the query has no text", ProblemKind.BLANK) if blank else item


def _parser_for(first: str) -> Callable[[Line, str], QueryItem | Problem]:
    if first.lstrip().startswith("{"):
        return _json_query
    return _tab_query if "\t" in first.strip() else _plain_query


def _json_query(line: Line, where: str) -> QueryItem | Problem:
    record = parse_line(line, where)
    if isinstance(record, Problem):
        return record
    text = _first(record.values, _TEXT_FIELDS)
    name = _first(record.values, _ID_FIELDS)
    if not isinstance(text, str):
        return Problem(where, "the query needs its words in 'text'")
    if isinstance(name, bool) or not isinstance(name, (str, int)) or not str(name).strip():
        return Problem(where, "the query needs an '_id' that is text or a whole number")
    return QueryItem(str(name), text, where)


def _first(values: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((values[name] for name in names if name in values), None)


def _tab_query(line: Line, where: str) -> QueryItem | Problem:
    name, tab, text = line.text.strip("\r\n").partition("\t")
    if not tab or not name.strip():
        return Problem(where, "the line must be ID, a tab, and the query, as the lines before it")
    return QueryItem(name.strip(), text.strip(), where)


def _plain_query(line: Line, where: str) -> QueryItem | Problem:
    return QueryItem(str(line.number), line.text.strip(), where)
