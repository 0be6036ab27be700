"""The queries and judgments that belong to the corpus ``python-docs``, written for this project.

They name only objects that every supported Python documents. Grades: 3 the answer, 2 good, 1 related.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from engine.errors import SourceError
from engine.ingest.base import Problem
from engine.ingest.queries import QueryItem, read_queries

_DATA = files("engine.ingest") / "data"


def demo_queries() -> list[QueryItem]:
    """The queries, in order of their ids."""
    with as_file(_DATA / "python_docs_queries.jsonl") as path:
        items = list(read_queries(path))
    if problems := [item for item in items if isinstance(item, Problem)]:
        raise SourceError(f"the demo queries are damaged: {problems[0]}", hint="install rankscope again")
    return [item for item in items if isinstance(item, QueryItem)]


def demo_qrels() -> dict[str, dict[str, int]]:
    """Query id → document id → grade."""
    judgments: dict[str, dict[str, int]] = {}
    for line in (_DATA / "python_docs_qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        judgments.setdefault(query, {})[document] = int(grade)
    return judgments
