"""Reading and changing settings by dotted name. Every change is checked as a settings file is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.errors import SettingsError
from engine.secrets import mask, shown_setting
from engine.settings import check
from engine.settings.paths import Keys, join, parse_value, split
from engine.settings.schema import Settings
from engine.settings.shape import ROOT, Shape, at, child, kinds_of
from engine.settings.table import KNOBS as KNOBS
from engine.settings.table import Knob as Knob


def knob(settings: Settings, path: str) -> Knob:
    """The row of the table for a name in these settings. Raises ``SettingsError`` for an unknown one."""
    shape = _shape(settings, split(path))
    if shape.knob is None:
        raise SettingsError(f"{path} is a table, not a setting", path=path, hint=f"name a key below it: {path}.…")
    return shape.knob


def get(settings: Settings, path: str) -> Any:
    """The value at a name; a table gives its record. Raises ``SettingsError`` for an unknown name."""
    keys = split(path)
    _shape(settings, keys)
    node: Any = settings
    for depth, key in enumerate(keys, 1):
        if not isinstance(node, dict):
            node = getattr(node, key)
        elif key in node:
            node = node[key]
        else:
            raise _absent(keys[:depth], node)
    return node


def shown(settings: Settings, path: str) -> Any:
    """The value at a name as it may be shown: nothing secret in it."""
    value = get(settings, path)
    return shown_setting(value, secret=knob(settings, path).secret) if isinstance(value, str) else value


def shown_text(path: str, text: str) -> str:
    """A value as it was typed for a name, as it may be shown; of what is no setting, the name decides."""
    try:
        shape = at(split(path), kinds_of(Settings()))
    except SettingsError:
        shape = None
    if shape is None:
        return mask(f"{path}={text}").removeprefix(f"{path}=")
    return shown_setting(text, secret=shape.knob is not None and shape.knob.secret)


def replace(settings: Settings, path: str, value: object) -> Settings:
    """Settings with another value at ``path``: a key, an entry of a map, or a map whole."""
    return replace_all(settings, {path: value})


def replace_all(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Several changes at once; whether the values agree with one another is checked at the end."""
    changed = settings
    for path, value in values.items():
        keys = split(path)
        typed = _typed(keys, value, _shape(settings, keys))
        changed = _put(changed, keys, 0, typed)
    check.agreement(changed)
    return changed


def replace_text(settings: Settings, path: str, text: str) -> Settings:
    """``replace`` with a value as it is typed: TOML, else text."""
    return replace(settings, path, read_value(text, _shape(settings, split(path))))


def read_value(text: str, shape: Shape) -> object:
    """The text as TOML where the setting is no text, else as itself; quotes are taken off a quoted text."""
    parsed = parse_value(text)
    takes_only_text = shape.form == "value" and shape.type is str
    return text if takes_only_text and not isinstance(parsed, str) else parsed


def paths(settings: Settings) -> Iterator[str]:
    """The names of all values, map entries one by one, in the schema's order."""
    yield from (join(keys) for keys, _, _ in leaves(settings))


def leaves(settings: Settings) -> Iterator[tuple[Keys, Any, Shape]]:
    """Keys, value and shape of every value, map entries one by one."""
    found: list[tuple[Keys, Any, Shape]] = []
    _gather(found, settings, (), ROOT, kinds_of(settings))
    return iter(found)


def _gather(
    found: list[tuple[Keys, Any, Shape]], node: Any, keys: Keys, shape: Shape, kinds: Mapping[str, str]
) -> None:
    items = node.items() if isinstance(node, dict) else ((name, getattr(node, name)) for name in node.__struct_fields__)
    for key, value in items:
        inner = child(shape, key, kinds)
        assert inner is not None
        if inner.form == "value":
            found.append(((*keys, key), value, inner))
        else:
            _gather(found, value, (*keys, key), inner, kinds)


def _shape(settings: Settings, keys: Keys) -> Shape:
    kinds = kinds_of(settings)
    shape = at(keys, kinds)
    if shape is None or (keys[0] == "legs" and len(keys) > 1 and keys[1] not in settings.legs):
        raise check.unknown(keys, kinds)
    return shape


def _typed(keys: Keys, raw: object, shape: Shape) -> Any:
    if shape.form == "value":
        return check.value(raw, shape, keys)
    if shape.form == "map":
        if not isinstance(raw, dict):
            raise check.not_a_table(raw, keys, "")
        entry = Shape("value", shape.type, f"{shape.pattern}.*")
        return {name: check.value(value, entry, (*keys, name)) for name, value in raw.items()}
    raise SettingsError(f"{join(keys)} is a table of settings", path=join(keys), hint="change its keys one by one")


def _put(node: Any, keys: Keys, depth: int, value: Any) -> Any:
    if depth == len(keys):
        return value
    key = keys[depth]
    if isinstance(node, dict):
        if key not in node and depth + 1 < len(keys):
            raise _absent(keys[: depth + 1], node)
        return {**node, key: _put(node.get(key), keys, depth + 1, value)}
    return msgspec.structs.replace(node, **{key: _put(getattr(node, key), keys, depth + 1, value)})


def _absent(keys: Keys, node: Mapping[str, Any]) -> SettingsError:
    known = f"there are {', '.join(node)}" if node else "there are none yet"
    return SettingsError(f"{join(keys)} is not set", path=join(keys), hint=known)
