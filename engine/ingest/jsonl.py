"""JSON Lines: one object per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.ingest.base import Problem, ProblemKind, SourceOptions
from engine.ingest.lines import Line, count_lines, read_lines
from engine.ingest.mapping import Record
from engine.ingest.records_file import Format, RecordsFile


def read_records(path: Path, options: SourceOptions) -> Iterator[Record | Problem]:
    for line in read_lines(path, options.encoding):
        yield parse_line(line, f"{path}:{line.number}")


def parse_line(line: Line, where: str) -> Record | Problem:
    """The object on a line, or what is wrong with it."""
    if line.problem:
        return Problem(where, line.problem)
    if not line.text.strip():
        return Problem(where, "the line is blank", ProblemKind.BLANK)
    try:
        values = msgspec.json.decode(line.text)
    except msgspec.MsgspecError as error:
        return Problem(where, f"the line is not JSON: {error}")
    except RecursionError:
        return Problem(where, "the line is nested too deeply")
    if not isinstance(values, dict):
        return Problem(where, f"the line must hold an object {{…}}, not {line.text.strip()[:40]!r}")
    return Record(where, line.number, values)


JSONL = Format(read_records, count_lines, typed=True)


def open_jsonl(path: Path, options: SourceOptions) -> RecordsFile:
    """The file as a source. Raises SourceError where it cannot be read or holds no record."""
    return RecordsFile(path, options, JSONL)
