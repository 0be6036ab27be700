"""Values at dotted names of nested JSON objects: ``usage.total_tokens``, ``parameters.instruct``."""

from __future__ import annotations

from typing import Any


def put(body: dict[str, Any], name: str, value: Any) -> None:
    """Set the value at the dotted name, making the objects in between."""
    *outer, last = name.split(".")
    for key in outer:
        body = body.setdefault(key, {})
    body[last] = value


def is_free(body: dict[str, Any], name: str) -> bool:
    """Whether ``put`` would add a value, and not overwrite one."""
    value: Any = body
    for key in name.split("."):
        if not isinstance(value, dict):
            return False
        if key not in value:
            return True
        value = value[key]
    return False


def dig(value: Any, name: str) -> Any:
    """The value at the dotted name; None where anything on the way is missing or no object."""
    for key in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
