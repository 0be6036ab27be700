"""CSV and tab-separated files with a header line, as RFC 4180 and the standard library's ``csv`` read them.

A column of numbers becomes a numeric field, an empty cell no value. A quoted value may hold line breaks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from engine.errors import SourceError
from engine.ingest.base import Problem, ProblemKind, SourceOptions
from engine.ingest.lines import MAX_LINE_BYTES, Line, count_lines, read_lines
from engine.ingest.mapping import Record
from engine.ingest.records_file import Format, RecordsFile

_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def delimiter_of(path: Path, options: SourceOptions) -> str:
    """One character: as asked, else a tab for ``.tsv`` and a comma for the rest."""
    wanted = _NAMED.get(options.delimiter, options.delimiter) or ("\t" if path.suffix.lower() == ".tsv" else ",")
    if len(wanted) != 1 or wanted in '"\r\n':
        raise SourceError(f"--delimiter {options.delimiter!r} is not one character", hint="for example ';' or tab")
    return wanted


def read_rows(path: Path, options: SourceOptions) -> Iterator[Record | Problem]:
    """One record per row after the header, at the row's first line."""
    rows = _Rows(path, options)
    header = next(rows, None)
    if header is None:
        return
    if isinstance(header, Problem):
        raise SourceError(f"the header cannot be read: {header}", hint="--encoding and --delimiter say how to read it")
    names = [name.strip() for name in header[1]]
    if len(set(names)) < len(names) or not all(names):
        raise SourceError(f"{path}:1: the header {names} must name every column, each once", hint="is there a header?")
    for row in rows:
        if isinstance(row, Problem):
            yield row
            continue
        line, values = row
        where = f"{path}:{line}"
        if not values:
            yield Problem(where, "the line is blank", ProblemKind.BLANK)
        elif len(values) != len(names):
            yield Problem(where, f"the row has {len(values)} columns where the header has {len(names)}")
        else:
            yield Record(where, line, {name: value for name, value in zip(names, values, strict=True) if value})


class _Rows:
    """Rows with the number of their first line; a row with an undecodable or overlong line is a Problem."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._problem = ""
        self._last_line = 0
        # the module's limit is one for the whole process and by default shorter than many a text
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
        lines = self._texts(read_lines(path, options.encoding))
        self._reader = csv.reader(lines, delimiter=delimiter_of(path, options), strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str]] | Problem]:
        return self

    def __next__(self) -> tuple[int, list[str]] | Problem:
        first = self._last_line + 1
        self._problem = ""
        where = f"{self._path}:{first}"
        try:
            values = next(self._reader)
        except csv.Error as error:
            text = f"the row that begins here cannot be read up to line {self._last_line}: {error}"
            return Problem(where, self._problem or text)
        return Problem(where, self._problem) if self._problem else (first, values)

    def _texts(self, lines: Iterator[Line]) -> Iterator[str]:
        for line in lines:
            self._last_line = line.number
            if line.problem:
                self._problem = f"line {line.number}: {line.problem}"
            yield line.text


def _count_rows(path: Path) -> int:
    """Without the header; too many where quoted values hold line breaks, which a progress bar can bear."""
    return max(0, count_lines(path) - 1)


CSV = Format(read_rows, _count_rows, typed=False)


def open_delimited(path: Path, options: SourceOptions) -> RecordsFile:
    """The file as a source. Raises SourceError for a header or delimiter that cannot be used."""
    return RecordsFile(path, options, CSV)
