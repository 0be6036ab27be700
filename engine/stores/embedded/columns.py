"""Stored fields as columns: keywords (dictionary-encoded) for filters, facets and groups, numbers for features.

A field whose every value is a number is numeric; text, lists of text, truth values (``true``, ``false``) and mixtures
are keywords. Keywords over ``MAX_KEYWORD`` characters are stored but not indexed, as Elasticsearch's ``ignore_above``.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.records import FieldValue, FloatArray
from engine.stores.embedded.files import FolderReader, FolderWriter, Strings
from engine.stores.embedded.schema import ColumnStats

MAX_KEYWORD = 256

AnyArray = npt.NDArray[Any]


def keyword(value: str | int | float | bool) -> str:
    """A scalar as the keyword that stands for it; 2 and 2.0 are one keyword."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def _double(value: int | float) -> float:
    """The number as float64; an integer beyond its range is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def keywords(value: FieldValue) -> list[str]:
    """The distinct keywords of a value, in order; too long ones are left out."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return list(dict.fromkeys(text for text in map(keyword, values) if len(text) <= MAX_KEYWORD))


class _Column:
    """One field's values while a generation is built: numbers as long as all are, then keywords by code.

    ``rows`` and ``codes`` or ``numbers`` run side by side; ``vocabulary`` maps a keyword to its code.
    """

    def __init__(self) -> None:
        self.rows, self.codes, self.numbers = array("I"), array("I"), array("d")
        self.vocabulary: dict[str, int] = {}
        self.numeric = True

    def add(self, row: int, value: FieldValue) -> None:
        if self.numeric and isinstance(value, int | float) and not isinstance(value, bool):
            self.rows.append(row)
            self.numbers.append(_double(value))
            return
        if self.numeric:
            self.numeric = False
            self.codes.extend(self._code(keyword(number)) for number in self.numbers)
            self.numbers = array("d")
        for text in keywords(value):
            self.rows.append(row)
            self.codes.append(self._code(text))

    def _code(self, text: str) -> int:
        return self.vocabulary.setdefault(text, len(self.vocabulary))


class ColumnBuilder:
    """Collects every stored field that is no text field, in row order."""

    def __init__(self, text_fields: Mapping[str, str]) -> None:
        self._text_fields = text_fields
        self._columns: dict[str, _Column] = {}

    def add(self, row: int, fields: Mapping[str, FieldValue]) -> None:
        for name, value in fields.items():
            if value is None or name in self._text_fields:
                continue
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = _Column()
            column.add(row, value)

    def write(self, out: FolderWriter, documents: int) -> list[ColumnStats]:
        """Writes the columns, sorted by name, as ``column-I.*``."""
        stats = []
        for i, (name, column) in enumerate(sorted(self._columns.items())):
            if column.numeric:
                numbers = np.full(documents, np.nan)
                numbers[_ints(column.rows)] = np.frombuffer(column.numbers)
                out.array(f"column-{i}.numbers.npy", numbers)
                stats.append(ColumnStats(name, "numeric"))
            else:
                _write_keywords(out, f"column-{i}", column, documents)
                stats.append(ColumnStats(name, "keyword", len(column.vocabulary)))
        return stats


def _ints(values: array[int]) -> npt.NDArray[np.uint32]:
    return np.frombuffer(values, dtype=np.uint32) if values else np.zeros(0, dtype=np.uint32)


def _write_keywords(out: FolderWriter, stem: str, column: _Column, documents: int) -> None:
    """``values`` (sorted strings), ``first`` (int32[documents], −1 for none), ``rows`` by value with ``starts``."""
    ordered = sorted(column.vocabulary)
    rank = np.empty(len(ordered), dtype=np.int64)
    rank[[column.vocabulary[text] for text in ordered]] = np.arange(len(ordered))
    rows, codes = _ints(column.rows), rank[_ints(column.codes)]
    first = np.full(documents, -1, dtype=np.int32)
    # written backwards: the first value of a document is the last to be set
    first[rows[::-1]] = codes[::-1]
    out.strings(f"{stem}.values", (text.encode() for text in ordered), len(ordered))
    out.array(f"{stem}.first.npy", first)
    out.array(f"{stem}.rows.npy", rows[np.argsort(codes, kind="stable")])
    out.array(f"{stem}.starts.npy", np.concatenate(([0], np.cumsum(np.bincount(codes, minlength=len(ordered))))))


@dataclass(frozen=True, slots=True)
class KeywordColumn:
    values: Strings
    first: AnyArray
    rows: AnyArray
    starts: AnyArray

    @classmethod
    def open(cls, folder: FolderReader, stem: str, stats: ColumnStats, documents: int) -> KeywordColumn:
        return cls(
            folder.strings(f"{stem}.values", stats.values),
            folder.array(f"{stem}.first.npy", np.int32, documents),
            folder.array(f"{stem}.rows.npy", np.uint32),
            folder.array(f"{stem}.starts.npy", np.int64, stats.values + 1),
        )

    def rows_of(self, value: str) -> AnyArray:
        """The rows that have the value, ascending."""
        code = self.values.find(value.encode("utf-8", "replace"))
        return self.rows[self.starts[code] : self.starts[code + 1]] if code >= 0 else self.rows[:0]

    def firsts(self, rows: npt.NDArray[np.integer[Any]]) -> list[str]:
        """The first value of each row, '' where it has none."""
        codes = self.first[rows]
        texts = self.values.take(np.unique(codes[codes >= 0]))
        names = dict(zip(np.unique(codes[codes >= 0]).tolist(), texts, strict=True))
        return [names.get(code, "") for code in codes.tolist()]


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """``numbers`` is float64[documents], NaN where a document lacks the field."""

    numbers: FloatArray

    @classmethod
    def open(cls, folder: FolderReader, stem: str, documents: int) -> NumericColumn:
        return cls(folder.array(f"{stem}.numbers.npy", np.float64, documents))


Column = KeywordColumn | NumericColumn


def open_columns(folder: FolderReader, stats: list[ColumnStats], documents: int) -> dict[str, Column]:
    """Field → column."""
    columns: dict[str, Column] = {}
    for i, one in enumerate(stats):
        if one.kind == "numeric":
            columns[one.name] = NumericColumn.open(folder, f"column-{i}", documents)
        else:
            columns[one.name] = KeywordColumn.open(folder, f"column-{i}", one, documents)
    return columns
