"""A TOML text edited in place: only what changes is touched. The one user of tomlkit, imported when a file is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w
import tomlkit
from tomlkit.container import Container
from tomlkit.items import InlineTable, Item, Table

from engine.settings.paths import Keys, join


def edit(text: str, wanted: Mapping[str, Any]) -> str:
    """The text changed so that it says ``wanted`` and nothing else; comments, order and unchanged spelling are kept."""
    document = tomlkit.parse(text)
    sections: list[str] = []
    _apply(document, wanted, (), (), sections)
    edited = tomlkit.dumps(document)
    for section in sections:
        edited = f"{edited.rstrip()}\n\n{section}"
    return edited


def _apply(node: Any, wanted: Mapping[str, Any], keys: Keys, prefix: Keys, sections: list[str]) -> None:
    """Makes ``node``, the table at ``keys``, say ``wanted``. ``prefix`` is what its keys are written with (dotted);
    new tables are added to ``sections``, to stand at the end of the file."""
    for key in [key for key in node if key not in wanted]:
        del node[key]
    for key, value in wanted.items():
        if key in node and isinstance(value, dict) and isinstance(node[key], Mapping):
            below = (*prefix, key) if _is_dotted(node, key) else ()
            _apply(node[key], value, (*keys, key), below, sections)
        elif key in node and _differs(node[key], value):
            node[key] = value
    for key, value in wanted.items():
        if key not in node:
            _add(node, key, value, keys, prefix, sections)


def _differs(item: Any, value: Any) -> bool:
    old = item.unwrap() if isinstance(item, Item) else item
    return bool(old != value) or isinstance(old, bool) != isinstance(value, bool)


def _add(node: Any, key: str, value: Any, keys: Keys, prefix: Keys, sections: list[str]) -> None:
    """Adds a key below the table's last one, so that comments about the next table stay with that table."""
    if isinstance(node, InlineTable):
        node.append(key, _inline(value))
        return
    last = _last_line(node)
    if last is None or (isinstance(value, dict) and (not keys or not value or _has_tables(value))):
        tree: dict[str, Any] = {key: value}
        for name in reversed(keys):
            tree = {name: tree}
        sections.append(tomli_w.dumps(tree))
        return
    indent = last.trivia.indent if not isinstance(last, Table) else ""
    line = f"{indent}{join((*prefix, key))} = {_inline(value).as_string()}\n"
    last.trivia.trail = (last.trivia.trail or "\n") + line


def _last_line(node: Any) -> Any:
    """The item after which a table's next key belongs: its last value, else its header; None without either."""
    items = _items(node)
    if values := [item for _, item in items if not isinstance(item, Table)]:
        return values[-1]
    return node if isinstance(node, Table) and not node.is_super_table() else None


def _items(node: Any) -> list[tuple[Any, Item]]:
    """Keys and items of a table in the file's order, comments and blank lines left out."""
    container = node if isinstance(node, Container) else getattr(node, "value", None)
    body = container.body if isinstance(container, Container) else [(key, node[key]) for key in node]
    return [(key, item) for key, item in body if key is not None and isinstance(item, Item)]


def _is_dotted(node: Any, key: str) -> bool:
    return any(name.is_dotted() for name, _ in _items(node) if not isinstance(name, str) and name.key == key)


def _has_tables(value: Mapping[str, Any]) -> bool:
    return any(isinstance(inner, dict) for inner in value.values())


def _inline(value: Any) -> Item:
    if not isinstance(value, dict):
        item: Item = tomlkit.item(value)
        return item
    table = tomlkit.inline_table()
    for key, inner in value.items():
        table.append(key, _inline(inner))
    return table
