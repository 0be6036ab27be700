"""Query sets in their three forms."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine.errors import SourceError
from engine.ingest.base import Problem, ProblemKind
from engine.ingest.queries import QueryItem, read_queries


def read(tmp_path: Path, content: str | bytes) -> tuple[list[tuple[str, str]], list[tuple[str, ProblemKind]]]:
    """(id, text) of the queries, (line, kind) of the problems."""
    path = tmp_path / "queries"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    items = list(read_queries(path))
    queries = [(item.id, item.text) for item in items if isinstance(item, QueryItem)]
    return queries, [(i.where.rpartition(":")[2], i.kind) for i in items if isinstance(i, Problem)]


def test_json_lines(tmp_path: Path) -> None:
    content = (
        b'\n{"_id": "q1", "text": "one"}\n{"id": 2, "query": "two", "more": []}\n{"_id": "q1", "text": "three"}\n'
        b'{"_id": "q4", "text": " "}\n{"text": "no id"}\n{"_id": "q6"}\nnot json\n{"_id": "q8", "text": "\xff"}\n'
    )
    queries, problems = read(tmp_path, content)
    assert queries == [("q1", "one"), ("2", "two")]
    assert problems == [
        ("1", ProblemKind.BLANK),
        ("4", ProblemKind.DUPLICATE),
        ("5", ProblemKind.BLANK),
        ("6", ProblemKind.BAD),
        ("7", ProblemKind.BAD),
        ("8", ProblemKind.BAD),
        ("9", ProblemKind.BAD),
    ]


def test_tab_separated(tmp_path: Path) -> None:
    queries, problems = read(tmp_path, "\ufeff7\tfirst query\r\n8\ta\ttab inside\r\nno tab\r\n9\t\r\n")
    assert queries == [("7", "first query"), ("8", "a\ttab inside")]
    assert problems == [("3", ProblemKind.BAD), ("4", ProblemKind.BLANK)]


def test_plain_lines_are_numbered_by_their_line(tmp_path: Path) -> None:
    queries, problems = read(tmp_path, "first\n\n  third {not json}\n")
    assert queries == [("1", "first"), ("3", "third {not json}")]
    assert problems == [("2", ProblemKind.BLANK)]


def test_standard_input() -> None:
    (item,) = read_queries("-", stdin=io.BytesIO("naïve\n".encode()))
    assert item == QueryItem("1", "naïve", "<stdin>:1")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot read"):
        list(read_queries(tmp_path / "none"))
