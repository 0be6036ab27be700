"""Stored fields of documents: texts, feature values, group values, facet counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.records import BoolArray, Document, FloatArray
from engine.stores.base import FacetCount
from engine.stores.embedded.columns import Column, KeywordColumn, NumericColumn
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.restrict import unknown_field
from engine.stores.embedded.topk import top_k


def keyword_column(index: EmbeddedIndex, name: str, path: str) -> KeywordColumn:
    """The column of a keyword field. Raises ``SettingsError`` at ``path`` naming the nearest."""
    column = index.columns.get(name)
    if isinstance(column, KeywordColumn):
        return column
    raise unknown_field(name, _of_kind(index, KeywordColumn), path)


def _of_kind(index: EmbeddedIndex, kind: type[Column]) -> dict[str, Column]:
    return {name: column for name, column in index.columns.items() if isinstance(column, kind)}


def fetch(index: EmbeddedIndex, ids: Sequence[str]) -> list[Document]:
    """The documents in the order asked; one that is not there has no fields."""
    rows = index.ids.rows(ids).tolist()
    found = index.documents(rows)
    return [found.get(row) or Document(name, {}) for row, name in zip(rows, ids, strict=True)]


def feature_values(index: EmbeddedIndex, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
    """float64[len(ids), len(fields)] of numeric columns; NaN where a document is unknown or lacks the field."""
    rows = index.ids.rows(ids)
    values = np.full((rows.size, len(fields)), np.nan)
    for place, name in enumerate(fields):
        column = index.columns.get(name)
        if not isinstance(column, NumericColumn):
            raise unknown_field(name, _of_kind(index, NumericColumn), "features")
        values[rows >= 0, place] = column.numbers[rows[rows >= 0]]
    return values


def group_values(index: EmbeddedIndex, field: str, ids: Sequence[str]) -> list[str]:
    """The field's first value per document, '' where there is none."""
    rows = index.ids.rows(ids)
    values = iter(keyword_column(index, field, "cut.group").firsts(rows[rows >= 0]))
    return [next(values) if row >= 0 else "" for row in rows.tolist()]


def facets(index: EmbeddedIndex, fields: Sequence[str], matching: BoolArray, size: int) -> dict[str, list[FacetCount]]:
    """Counts of each field's values among the matching rows (bool[documents]): by count, then value."""
    columns = {name: keyword_column(index, name, "facets") for name in fields}
    return {name: _counts(column, matching, size) for name, column in columns.items()}


def _counts(column: KeywordColumn, matching: BoolArray, size: int) -> list[FacetCount]:
    if not column.rows.size:
        return []
    counts = np.add.reduceat(matching[column.rows].astype(np.int64), column.starts[:-1])
    codes = top_k(counts.astype(np.float64), size)
    values = column.values.take(codes)
    return [FacetCount(value, count) for value, count in zip(values, counts[codes].tolist(), strict=True)]
