"""Judgments from a file: BEIR's tab-separated columns, TREC's ``query 0 document grade``, or JSON Lines.

The first line that is not blank decides which. Grades are whole numbers, above 0 relevant. A line that cannot be read
ends the reading: a mean over half the judgments would look like one over all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from engine.errors import SourceError
from engine.ingest.base import Problem
from engine.ingest.jsonl import parse_line
from engine.ingest.lines import Line, read_lines

Qrels = dict[str, dict[str, int]]
"""Query id → document id → grade."""

Judgment = tuple[str, str, object]
Parser = Callable[[Line, str], Judgment]
_HINT = "one judgment a line: query id, document id, grade, with tabs (BEIR); TREC's four columns; or JSON Lines"
_QUERY_KEYS = ("query_id", "query-id", "qid", "query")
_DOCUMENT_KEYS = ("doc_id", "corpus-id", "document_id", "docid", "document")
_GRADE_KEYS = ("grade", "score", "relevance", "rating")


def read_qrels(path: Path) -> Qrels:
    """The judgments of a file, queries in its order. Raises ``SourceError`` with ``file:line``: a line that is none, a
    grade that is no whole number, two grades for one document."""
    qrels: Qrels = {}
    for where, (query, document, value) in _judgments(path):
        grade = _grade(value)
        if grade is None:
            raise SourceError(f"{where}: the grade {value!r} is not a whole number", hint=_HINT)
        before = qrels.setdefault(query, {}).setdefault(document, grade)
        if before != grade:
            raise SourceError(
                f"{where}: query {query} grades document {document} {grade}, but {before} in an earlier line",
                hint="keep one of the two lines",
            )
    if not qrels:
        raise SourceError(f"{path} holds no judgment", hint=_HINT)
    return qrels


def _judgments(path: Path) -> Iterator[tuple[str, Judgment]]:
    parse: Parser | None = None
    for line in read_lines(path):
        where = f"{path}:{line.number}"
        if line.problem:
            raise SourceError(f"{where}: {line.problem}", hint="judgments are UTF-8")
        if not line.text.strip():
            continue
        if parse is None:
            parse, header = _parser_for(line.text)
            if header:
                continue
        yield where, parse(line, where)


def _parser_for(first: str) -> tuple[Parser, bool]:
    """What reads the lines, and whether the first of them is a header."""
    if first.lstrip().startswith("{"):
        return _json, False
    columns = first.rstrip("\r\n").split("\t")
    if len(columns) == 3:
        return _tabs, _grade(columns[2].strip()) is None
    return _trec, False


def _tabs(line: Line, where: str) -> Judgment:
    columns = line.text.rstrip("\r\n").split("\t")
    if len(columns) != 3:
        raise SourceError(f"{where}: {len(columns)} columns where there were three", hint=_HINT)
    query, document, grade = (column.strip() for column in columns)
    return query, document, grade


def _trec(line: Line, where: str) -> Judgment:
    columns = line.text.split()
    if len(columns) != 4:
        raise SourceError(f"{where}: {len(columns)} columns are no judgment", hint=_HINT)
    return columns[0], columns[2], columns[3]


def _json(line: Line, where: str) -> Judgment:
    record = parse_line(line, where)
    if isinstance(record, Problem):
        raise SourceError(str(record), hint=_HINT)
    query, document, grade = (
        next((record.values[key] for key in keys if key in record.values), None)
        for keys in (_QUERY_KEYS, _DOCUMENT_KEYS, _GRADE_KEYS)
    )
    if not isinstance(query, str | int) or not isinstance(document, str | int) or grade is None:
        raise SourceError(f"{where}: a judgment needs query_id, doc_id and grade", hint=_HINT)
    return str(query), str(document), grade


def _grade(value: object) -> int | None:
    """A whole number, also as text and as ``1.0``; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def with_grade(qrels: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The queries with a grade above 0, those that a mean is taken over."""
    return [query for query, grades in qrels.items() if any(grade > 0 for grade in grades.values())]
