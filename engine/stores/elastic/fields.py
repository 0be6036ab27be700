"""Fields of an index by what a setting wants of them: to be searched, or to hold exact values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from engine.errors import SettingsError
from engine.settings.schema import LexicalLeg
from engine.stores.elastic.mapping import NESTED, IndexShape

_CLOSED = (NESTED, "object")
"""Types of which a plain clause finds nothing, and does not say so."""
_DEFAULT_FIELDS = frozenset(LexicalLeg().fields)


def unknown_field(name: str, known: Sequence[str], shape: IndexShape, path: str, what: str = "field") -> SettingsError:
    """The error of a field that the index does not have, naming the nearest one."""
    near = get_close_matches(name, known, n=1)
    return SettingsError(
        f"the index {shape.name} has no {what} {name!r}" + (f"; the nearest is {near[0]!r}" if near else ""),
        path=path,
        hint=f"{what}s: {', '.join(known) or 'none'}",
    )


def searched_fields(leg: LexicalLeg, shape: IndexShape, name: str = "lexical") -> dict[str, float]:
    """The leg's fields with a boost above 0. The default pair title and text stands for those that there are.

    Raises ``SettingsError`` for any other field that the index does not have.
    """
    present = [field for field in leg.fields if field in shape.text or field in shape.keywords]
    for field in leg.fields:
        if real := shape.aliases.get(field):
            raise SettingsError(
                f"{field!r} is another name of {real!r} in the index {shape.name}",
                path=f"legs.{name}.fields",
                hint=f"search {real!r} itself: its terms and statistics go by that name",
            )
        if field not in present and not (leg.fields.keys() <= _DEFAULT_FIELDS and present):
            raise unknown_field(field, tuple(shape.text), shape, f"legs.{name}.fields", "text field")
    return {field: leg.fields[field] for field in present if leg.fields[field] > 0}


def exact_field(name: str, shape: IndexShape, path: str) -> str:
    """The field that holds the exact values of ``name``: for filters, groups and facets. A key in a field that keeps a
    whole object is one. Raises ``SettingsError``."""
    real = shape.aliases.get(name, name)
    if real in shape.keywords:
        return shape.keywords[real]
    kind = shape.others.get(real, "")
    if kind in _CLOSED:
        raise SettingsError(
            f"{name!r} of the index {shape.name} is of type {kind}: no filter, group or count looks into it",
            path=path,
            hint="a query of your own can, where the engine can: legs.lexical.body names its file",
        )
    if real in shape.numbers or kind or shape.flattened(real):
        return real
    if real in shape.text:
        raise SettingsError(
            f"{name!r} of the index {shape.name} is analysed text, without exact values to go by",
            path=path,
            hint=f"index it as a keyword as well; fields that have them: {', '.join(shape.keywords) or 'none'}",
        )
    raise unknown_field(name, (*shape.keywords, *shape.numbers), shape, path, "stored field")


def group_field(name: str, shape: IndexShape) -> str:
    """The field to group by. Raises ``SettingsError`` for one that the engines cannot, as far as the mapping tells."""
    field = exact_field(name, shape, "cut.group")
    held = field in shape.numbers or field in shape.keywords
    if held and field not in shape.computed:
        return field
    raise SettingsError(
        f"the engine groups by keywords and numbers that the documents hold, and {name!r} is none",
        path="cut.group",
        hint=f"group by one of: {', '.join(sorted(set(shape.keywords) - shape.computed)) or 'none'}",
    )
