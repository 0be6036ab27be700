"""Layers of settings put on top of one another, each value keeping its source; then decoded.

Two rules. Tables join key by key, and tables of tables (``legs``, ``features``) name by name. A map of plain values
(``weights``, a leg's ``fields``, ``filter``) that a layer writes as a table replaces the map below it whole, while a
single entry (``--set weights.dense=0``) changes only that entry.

A ``weights`` table says which legs there are: legs of the layers below it that it does not name are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from engine.errors import SettingsError
from engine.settings import check
from engine.settings.knobs import paths
from engine.settings.paths import Keys, join, line_of
from engine.settings.schema import Settings
from engine.settings.shape import ROOT, Kinds, Shape, at, child, fields_of, kinds_of


class SourceKind(StrEnum):
    """Where a value can come from, weakest first."""

    DEFAULT = "default"
    USER = "user file"
    FILE = "file"
    ENVIRONMENT = "environment"
    SET = "--set"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from; ``where`` is the file, the variable, or the text after ``--set``."""

    kind: SourceKind = SourceKind.DEFAULT
    where: str = ""

    def __str__(self) -> str:
        if self.kind is SourceKind.SET:
            return f"--set {self.where}"
        return self.where or self.kind.value


DEFAULT = Source()


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one source: a tree, or one value at ``keys``. ``text`` is a file's content, for line numbers."""

    source: Source
    raw: object
    keys: Keys = ()
    text: str = ""

    def where(self, keys: Keys) -> str:
        line = line_of(self.text, keys)
        return f"{self.source}:{line}" if line else str(self.source)


@dataclass(slots=True)
class Merged:
    """The layers so far: values and maps by name with their sources, and the layer that last named each leg."""

    values: dict[Keys, tuple[Any, Source]] = field(default_factory=dict)
    maps: dict[Keys, dict[str, tuple[Any, Source]]] = field(default_factory=dict)
    legs: dict[str, int] = field(default_factory=dict)
    weights_layer: int = -1


def merge(layers: Sequence[Layer], *, agree: bool = True) -> tuple[Settings, dict[str, Source]]:
    """Settings, and the source of every value by its dotted name. Raises ``SettingsError``.

    ``agree=False`` leaves out whether the values fit together: layers that others will still stand on.
    """
    kinds = leg_kinds(layers)
    merged = Merged(legs=dict.fromkeys(Settings().legs, -1))
    for number, layer in enumerate(layers):
        shape = at(layer.keys, kinds)
        if shape is None:
            raise check.unknown(layer.keys, kinds, layer.where(layer.keys))
        if layer.keys[:1] == ("legs",) and len(layer.keys) > 1:
            merged.legs[layer.keys[1]] = number
        _place(merged, number, layer, layer.keys, layer.raw, shape, kinds)
    weights = _map_at(merged, ("weights",), kinds)
    legs = [name for name, layer in merged.legs.items() if name in weights or layer >= merged.weights_layer]
    settings = _settings(merged, legs, kinds)
    sources = _sources(merged, settings)
    if agree:
        try:
            check.agreement(settings)
        except SettingsError as error:
            source = sources.get(error.path, DEFAULT)
            where = "" if source is DEFAULT else f" ({source})"
            raise SettingsError(f"{error.message}{where}", path=error.path, hint=error.hint) from None
    return settings, sources


def leg_kinds(layers: Sequence[Layer]) -> dict[str, str]:
    """Leg name → kind over all layers: the last one written, else the name itself."""
    kinds = kinds_of(Settings())
    for layer in layers:
        tree: Any = layer.raw
        for key in reversed(layer.keys):
            tree = {key: tree}
        legs = tree.get("legs") if isinstance(tree, dict) else None
        for name, leg in legs.items() if isinstance(legs, dict) else ():
            kind = leg.get("kind") if isinstance(leg, dict) else None
            kinds[name] = kind if isinstance(kind, str) else kinds.get(str(name), str(name))
    return kinds


def _place(merged: Merged, number: int, layer: Layer, keys: Keys, raw: object, shape: Shape, kinds: Kinds) -> None:
    """Puts a layer's value or tree on top."""
    if shape.form == "value":
        typed = check.value(raw, shape, keys, lambda: layer.where(keys))
        parent = at(keys[:-1], kinds)
        if parent is not None and parent.form == "map":
            _map_at(merged, keys[:-1], kinds)[keys[-1]] = (typed, layer.source)
        else:
            merged.values[keys] = (typed, layer.source)
        return
    if not isinstance(raw, dict):
        raise check.not_a_table(raw, keys, layer.where(keys))
    if shape.form == "map":
        merged.maps[keys] = {}
        if keys == ("weights",):
            merged.weights_layer = number
    for key, value in raw.items():
        below = (*keys, key)
        inner = child(shape, key, kinds)
        if inner is None:
            raise check.unknown(below, kinds, layer.where((*below, "kind") if keys == ("legs",) else below))
        if keys == ("legs",):
            merged.legs[key] = number
        _place(merged, number, layer, below, value, inner, kinds)


def _map_at(merged: Merged, keys: Keys, kinds: Kinds) -> dict[str, tuple[Any, Source]]:
    """The map at ``keys``, with the defaults as its first entries."""
    if keys not in merged.maps:
        merged.maps[keys] = {name: (value, DEFAULT) for name, value in _default_map(keys, kinds).items()}
    return merged.maps[keys]


def _default_map(keys: Keys, kinds: Kinds) -> Mapping[str, Any]:
    owner = at(keys[:-1], kinds)
    assert owner is not None
    info = next(info for info in msgspec.structs.fields(owner.type) if info.name == keys[-1])
    if info.default_factory is not msgspec.NODEFAULT:
        made: Mapping[str, Any] = info.default_factory()
        return made
    default: Mapping[str, Any] = info.default
    return default


def _settings(merged: Merged, legs: list[str], kinds: Kinds) -> Settings:
    def build(shape: Shape, keys: Keys) -> Any:
        values: dict[str, Any] = {}
        for name in fields_of(shape.type):
            inner, below = child(shape, name, kinds), (*keys, name)
            assert inner is not None
            if inner.form == "value":
                if below in merged.values:
                    values[name] = merged.values[below][0]
            elif inner.form == "map":
                if below in merged.maps:
                    values[name] = {key: value for key, (value, _) in merged.maps[below].items()}
            elif inner.form == "table":
                values[name] = build(inner, below)
            else:
                values[name] = {key: build(table, (*below, key)) for key, table in tables(inner, below)}
        try:
            return shape.type(**values)
        except TypeError:
            missing = next(info for info in msgspec.structs.fields(shape.type) if info.required)
            path = join((*keys, missing.name))
            raise SettingsError(f"{path} is missing", path=path, hint=f"add it below [{join(keys)}]") from None

    def tables(shape: Shape, keys: Keys) -> list[tuple[str, Shape]]:
        names = legs if keys == ("legs",) else _names_below(merged, keys)
        found = [(name, child(shape, name, kinds)) for name in names]
        return [(name, table) for name, table in found if table]

    settings: Settings = build(ROOT, ())
    order = {name: settings.weights[name] for name in settings.legs if name in settings.weights}
    return msgspec.structs.replace(settings, weights=order | settings.weights)


def _names_below(merged: Merged, keys: Keys) -> list[str]:
    depth = len(keys)
    written = (*merged.values, *merged.maps)
    return list(dict.fromkeys(name[depth] for name in written if name[:depth] == keys and len(name) > depth))


def _sources(merged: Merged, settings: Settings) -> dict[str, Source]:
    known = {join(keys): source for keys, (_, source) in merged.values.items()}
    for keys, entries in merged.maps.items():
        known |= {join((*keys, name)): source for name, (_, source) in entries.items()}
    return {path: known.get(path, DEFAULT) for path in paths(settings)}
