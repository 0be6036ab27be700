"""Finding an entry of a registry by its name in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from engine.errors import SettingsError

T = TypeVar("T")


def find(registry: Mapping[str, T], name: str, path: str) -> T:
    """The entry called ``name``; an unknown one raises ``SettingsError`` at ``path`` and names the nearest."""
    try:
        return registry[name]
    except KeyError:
        near = get_close_matches(name, registry, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        message = f"{path}: there is no {name!r}"
        raise SettingsError(message, path=path, hint=f"{hint}known: {', '.join(registry)}") from None
