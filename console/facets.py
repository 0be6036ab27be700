"""The values of the index's fields in what a query matches, and a filter of them. Knows no user interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.settings import knobs

if TYPE_CHECKING:
    from console.session import Session
    from engine.search import Search
    from engine.settings.schema import FieldValue, Settings
    from engine.stores.base import FacetCount

FIELDS, COUNTED = 40, 200
"""Fields that are counted, the first of an index that has hundreds, and values of a field that are asked for."""
SHOWN = 6
"""Values of a field that tell whether it is worth choosing by."""

Filters = Mapping[str, "FieldValue"]


@dataclass(frozen=True, slots=True)
class Value:
    """``count`` documents match with this value; 0 for one that is chosen and matches none."""

    text: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with its values, the most frequent first. ``partial``: there may be more of them."""

    field: str
    values: tuple[Value, ...]
    partial: bool = False

    @property
    def covered(self) -> int:
        """Matches that its first values share among them."""
        return sum(value.count for value in self.values[:SHOWN])


async def facets(session: Session) -> tuple[Facet, ...]:
    """Counts for the present query under the present settings, the fields first that sort most of it.

    A field that is filtered by is counted without that, so that its other values can be chosen as well. One whose every
    value stands in one document alone is left out. Raises ``RankscopeError``.
    """
    search, settings = session.search, session.settings
    if search is None:
        return ()
    fields = session.pipeline.store.info.keyword_fields[:FIELDS]
    counted = await _counts(search, [name for name in fields if name not in settings.filter], settings)
    for name in settings.filter:
        others = {other: value for other, value in settings.filter.items() if other != name}
        free = knobs.replace(settings, "filter", others)
        counted |= await _counts(search, [name] if name in fields else [], free) or {name: []}
    found = (_facet(name, counts, _chosen(settings.filter, name)) for name, counts in counted.items())
    useful = [facet for facet in found if any(value.count > 1 or value.chosen for value in facet.values)]
    return tuple(sorted(useful, key=lambda one: (one.field not in settings.filter, one.partial, -one.covered)))


def _chosen(filters: Filters, field: str) -> list[str]:
    return [text_of(one) for one in values_of(filters[field])] if field in filters else []


async def _counts(search: Search, fields: Sequence[str], settings: Settings) -> dict[str, list[FacetCount]]:
    return await search.facets(fields, COUNTED, settings) if fields else {}


def _facet(name: str, counts: Sequence[FacetCount], chosen: Sequence[str]) -> Facet:
    known = {each.value: each.count for each in counts}
    values = (Value(text, known.get(text, 0), text in chosen) for text in dict.fromkeys((*known, *chosen)))
    return Facet(name, tuple(values), len(counts) >= COUNTED)


def values_of(value: FieldValue) -> list[FieldValue]:
    """The values that a filter takes of a field."""
    return list(value) if isinstance(value, list) else [value]


def text_of(value: FieldValue) -> str:
    """A value as an index of keywords has it; '' stands for none."""
    from engine.stores.embedded.columns import keyword  # needs numpy, and the first frame does not

    return "" if value is None or isinstance(value, list) else keyword(value)


def toggled(filters: Filters, field: str, text: str) -> dict[str, FieldValue]:
    """The filter with that value of the field chosen, or no longer; of several values a document needs one."""
    before = _chosen(filters, field)
    after = [one for one in before if one != text] if text in before else [*filter(None, before), text]
    if not after:
        return {name: value for name, value in filters.items() if name != field}
    return {**filters, field: after[0] if len(after) == 1 else after}


def filter_text(filters: Filters) -> str:
    """The filter in words: ``module = asyncio or json, kind = class``."""
    named = {name: " or ".join(text_of(one) or "none" for one in values_of(value)) for name, value in filters.items()}
    return ", ".join(f"{name} = {text}" for name, text in named.items())
