"""A TOML text edited in place: only what changes is touched. The one user of tomlkit, imported when a file is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w
import tomlkit
from tomlkit.container import Container
from tomlkit.items import InlineTable, Item, Table

from engine.settings.paths import Keys, join

Missing = list[tuple[Keys, Any]]
Places = dict[Keys, tuple[Item, Keys]]


def edit(text: str, wanted: Mapping[str, Any]) -> str:
    """The text changed so that it says ``wanted`` and nothing else; comments, order and unchanged spelling are kept."""
    document = tomlkit.parse(text)
    missing: Missing = []
    _change(document, wanted, (), missing)
    places: Places = {}
    _find_places(document, (), (), places)
    sections = [tree for keys, value in missing if (tree := _add(places, keys, value))]
    edited = tomlkit.dumps(document)
    for section in sections:
        edited = f"{edited.rstrip()}\n\n{tomli_w.dumps(section)}"
    return edited


def _change(node: Any, wanted: Mapping[str, Any], keys: Keys, missing: Missing) -> None:
    """Takes away and replaces what differs below the table at ``keys``; notes what has to be added."""
    for key in [key for key in node if key not in wanted]:
        del node[key]
    for key, value in wanted.items():
        if key not in node:
            if isinstance(node, InlineTable):
                node.append(key, _inline(value))
            else:
                missing.append(((*keys, key), value))
        elif isinstance(value, dict) and isinstance(node[key], Mapping):
            _change(node[key], value, (*keys, key), missing)
        elif _differs(node[key], value):
            node[key] = value


def _differs(item: Any, value: Any) -> bool:
    old = item.unwrap() if isinstance(item, Item) else item
    return bool(old != value) or isinstance(old, bool) != isinstance(value, bool)


def _find_places(container: Container, keys: Keys, prefix: Keys, places: Places) -> None:
    """Per table the line after which a new key of it belongs (its last value, else its header), and what the key is
    prefixed with there (dotted keys). Adding after that line leaves comments about the next table with that table."""
    for key, item in container.body:
        if key is None:
            continue
        below = (*keys, key.key)
        if not isinstance(item, Table):
            places[keys] = (item, prefix)
            continue
        if not item.is_super_table():
            places.setdefault(below, (item, ()))
        _find_places(item.value, below, (*prefix, key.key) if key.is_dotted() else (), places)


def _add(places: Places, keys: Keys, value: Any) -> dict[str, Any] | None:
    """Adds a key as a line of its table; where it is a table of its own, returns it for the end of the file."""
    *parents, key = keys
    place = places.get(tuple(parents)) if parents else None
    if place is None or (isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values())):
        for name in reversed(keys):
            value = {name: value}
        tree: dict[str, Any] = value
        return tree
    item, prefix = place
    indent = "" if isinstance(item, Table) else item.trivia.indent
    line = f"{indent}{join((*prefix, key))} = {_inline(value).as_string()}\n"
    item.trivia.trail = (item.trivia.trail or "\n") + line
    return None


def _inline(value: Any) -> Item:
    if not isinstance(value, dict):
        item: Item = tomlkit.item(value)
        return item
    table = tomlkit.inline_table()
    for key, inner in value.items():
        table.append(key, _inline(inner))
    return table
