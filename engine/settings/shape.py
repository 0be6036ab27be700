"""The schema as a tree that loading, saving and the documents walk: which names there are below a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from engine.settings.paths import Keys, join
from engine.settings.schema import DenseLeg, GraphLeg, LegSettings, LexicalLeg, Settings, SparseLeg
from engine.settings.table import KNOBS, Knob

LEG_KINDS: dict[str, type[LegSettings]] = {
    "lexical": LexicalLeg,
    "dense": DenseLeg,
    "sparse": SparseLeg,
    "graph": GraphLeg,
}
"""Kind → record of a leg."""

Kinds = Mapping[str, str]
"""Leg name → kind."""

Form = Literal["table", "tables", "map", "value"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands at a name: a ``table`` of fixed keys, ``tables`` by name, a ``map`` of name → value, a ``value``.

    ``type`` is the record of a table, the record of each of the tables, or the type of (each) value.
    """

    form: Form
    type: Any
    pattern: str

    @property
    def knob(self) -> Knob | None:
        return KNOBS.get(self.pattern)


ROOT = Shape("table", Settings, "")


@cache
def fields_of(record: type[msgspec.Struct]) -> dict[str, Any]:
    """Field name → its type, in order."""
    return {field.name: field.type for field in msgspec.structs.fields(record)}


def child(parent: Shape, key: str, kinds: Kinds) -> Shape | None:
    """What stands at ``key`` below ``parent``; None where there is no such name."""
    if parent.form == "value":
        return None
    if parent.form == "map":
        return Shape("value", parent.type, f"{parent.pattern}.*")
    if parent.form == "tables":
        if parent.pattern != "legs":
            return Shape("table", parent.type, f"{parent.pattern}.*")
        kind = kinds.get(key, key)
        record = LEG_KINDS.get(kind)
        return Shape("table", record, f"legs.<{kind}>") if record else None
    return _children(parent.type, parent.pattern).get(key)


@cache
def _children(record: type[msgspec.Struct], pattern: str) -> Mapping[str, Shape]:
    """What stands below a table of this record: the knob panel walks the settings at every frame."""
    return {name: _classify(kind, f"{pattern}.{name}".lstrip(".")) for name, kind in fields_of(record).items()}


def _classify(kind: Any, pattern: str) -> Shape:
    if get_origin(kind) is dict:
        element = get_args(kind)[1]
        named = isinstance(element, type) and issubclass(element, msgspec.Struct)
        return Shape("tables" if named or pattern == "legs" else "map", element, pattern)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return Shape("table", kind, pattern)
    return Shape("value", kind, pattern)


def at(keys: Keys, kinds: Kinds) -> Shape | None:
    """What stands at a path; None where there is no such name."""
    shape: Shape | None = ROOT
    for key in keys:
        shape = child(shape, key, kinds) if shape else None
    return shape


def patterns() -> Iterator[tuple[str, Shape]]:
    """Every name of the schema with ``*`` and ``<kind>`` for the free ones: maps and values, in the schema's order."""
    yield from _below(ROOT)


def _below(parent: Shape) -> Iterator[tuple[str, Shape]]:
    if parent.form == "tables":
        names = tuple(LEG_KINDS) if parent.pattern == "legs" else ("*",)
        children = [child(parent, name, {}) for name in names]
    elif parent.form == "map":
        children = [child(parent, "*", {})]
    else:
        children = [child(parent, name, {}) for name in fields_of(parent.type)]
    for shape in children:
        assert shape is not None
        if shape.form in ("map", "value"):
            yield shape.pattern, shape
        if shape.form != "value":
            yield from _below(shape)


def kinds_of(settings: Settings) -> dict[str, str]:
    return {name: leg.kind for name, leg in settings.legs.items()}


def nearest(keys: Keys, kinds: Kinds) -> str:
    """The known name closest to an unknown one, for the hint: its siblings, the same key elsewhere, any; else ''."""
    last = keys[-1].replace("-", "_")
    known = [path for path in _known(kinds) if "*" not in path]
    parts = [(path.rpartition("."), path) for path in known]
    siblings = {key: path for (table, _, key), path in parts if table == join(keys[:-1])}
    elsewhere = {key: path for (_, _, key), path in reversed(parts)}
    whole = {path: path for path in known}
    for names, wanted, cutoff in ((siblings, last, 0.6), (elsewhere, last, 0.9), (whole, join(keys), 0.6)):
        if match := difflib.get_close_matches(wanted, names, 1, cutoff):
            return names[match[0]]
    return ""


def _known(kinds: Kinds) -> list[str]:
    names: list[str] = []
    for pattern, _ in patterns():
        for kind in LEG_KINDS:
            if f"<{kind}>" in pattern:
                names += [pattern.replace(f"<{kind}>", join((leg,))) for leg, of in kinds.items() if of == kind]
                break
        else:
            names.append(pattern)
    tables = {name.rpartition(".")[0] for name in names} - {""}
    return names + sorted(tables - set(names))
