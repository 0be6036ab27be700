"""What restricts every leg of a query: filters on stored fields, phrases, exclusions and ``field:`` clauses.

- A filter holds where the field has the value, or one of a list of values.
- A phrase holds where some text field (or the named one) has its terms at the positions that the analyser gives them.
- ``-word`` removes documents in which some text field (or the named one) has all terms of the word or phrase.
- ``field:word`` requires all its terms in that text field, or that value in that stored field.

Words that analysis removes (stop words) restrict nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from engine.analysis.base import Analyzer, Token
from engine.analysis.query import Clause, Query
from engine.errors import SettingsError
from engine.records import BoolArray, FieldValue, IntArray
from engine.stores.embedded.columns import Column, KeywordColumn, keyword
from engine.stores.embedded.postings import Postings


def filter_mask(filters: Mapping[str, FieldValue], columns: Mapping[str, Column], documents: int) -> BoolArray | None:
    """bool[documents], None without filters. Raises ``SettingsError`` for a field that cannot be filtered by."""
    mask: BoolArray | None = None
    for name, wanted in filters.items():
        if name not in columns:
            raise unknown_field(name, columns, f"filter.{name}")
        values = wanted if isinstance(wanted, list) else [wanted]
        one = np.zeros(documents, dtype=bool)
        for value in values:
            one |= _value_mask(name, columns[name], value, documents)
        mask = one if mask is None else mask & one
    return mask


def unknown_field(name: str, known: Mapping[str, object], path: str) -> SettingsError:
    """The error of a field that the index does not have, naming the nearest one."""
    near = get_close_matches(name, known, n=1)
    return SettingsError(
        f"the index has no stored field {name!r}" + (f"; the nearest is {near[0]!r}" if near else ""),
        path=path,
        hint=f"fields: {', '.join(known) or 'none'}",
    )


def _value_mask(name: str, column: Column, value: FieldValue, documents: int) -> BoolArray:
    """The documents that have the value; None stands for those without any."""
    mask = np.zeros(documents, dtype=bool)
    if isinstance(column, KeywordColumn):
        if value is None:
            return np.asarray(column.first < 0)
        assert not isinstance(value, list)
        mask[column.rows_of(keyword(value))] = True
        return mask
    if value is None:
        return np.isnan(column.numbers)
    try:
        number = float(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise SettingsError(f"{name!r} holds numbers, not {value!r}", path=f"filter.{name}") from error
    return np.asarray(column.numbers == number)


def query_mask(
    query: Query,
    postings: Mapping[str, Postings],
    analyzers: Mapping[str, Analyzer],
    columns: Mapping[str, Column],
    documents: int,
) -> BoolArray | None:
    """bool[documents] of the documents that the query's syntax admits, None where it restricts nothing."""
    mask: BoolArray | None = None
    for clause in query.clauses:
        if not (clause.phrase or clause.excluded or clause.field):
            continue
        one = _clause_mask(clause, postings, analyzers, columns, documents)
        if one is None:
            continue
        if clause.excluded:
            one = ~one
        mask = one if mask is None else mask & one
    return mask


def _clause_mask(
    clause: Clause,
    postings: Mapping[str, Postings],
    analyzers: Mapping[str, Analyzer],
    columns: Mapping[str, Column],
    documents: int,
) -> BoolArray | None:
    """The documents in which the clause holds; None where analysis leaves nothing of it."""
    if clause.field and clause.field not in postings:
        if clause.field not in columns:
            raise unknown_field(clause.field, {**postings, **columns}, "")
        return _value_mask(clause.field, columns[clause.field], clause.text, documents)
    mask: BoolArray | None = None
    for name in [clause.field] if clause.field else postings:
        tokens = list(analyzers[name].tokens(clause.text))
        if not tokens:
            continue
        if mask is None:
            mask = np.zeros(documents, dtype=bool)
        rows = phrase_rows(postings[name], tokens) if clause.phrase else common_rows(postings[name], tokens)
        mask[rows] = True
    return mask


def common_rows(postings: Postings, tokens: Sequence[Token]) -> IntArray:
    """int64: the rows that hold every token, ascending; the rarest is read first."""
    slots = sorted({postings.slot(token.text) for token in tokens}, key=postings.df)
    rows = postings.documents(slots[0]).astype(np.int64)
    for slot in slots[1:]:
        held = postings.documents(slot)
        if not rows.size:
            break
        at = np.minimum(np.searchsorted(held, rows.astype(np.uint32)), held.size - 1)
        rows = rows[held[at] == rows]
    return rows


def phrase_rows(postings: Postings, tokens: Sequence[Token]) -> IntArray:
    """int64: the rows where all tokens stand at their positions relative to the first, ascending."""
    rows = common_rows(postings, tokens)
    starts: IntArray | None = None
    by_frequency = sorted(tokens, key=lambda token: postings.df(postings.slot(token.text)))
    for token in by_frequency:
        if not rows.size:
            return rows
        held, positions = postings.occurrences(postings.slot(token.text))
        keep = np.isin(held, rows)
        # where the phrase would have to begin; a row and a place in it make one number
        begins = (held[keep] << 32) + positions[keep] - (token.position - tokens[0].position)
        starts = begins if starts is None else np.intersect1d(starts, begins)
        rows = np.unique(starts >> 32)
    return rows
