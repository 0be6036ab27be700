"""Embedders by name: a new one is a file and a row here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from engine.embedders.base import Embedder
from engine.embedders.static import StaticEmbedder
from engine.errors import SettingsError

EMBEDDERS: dict[str, Callable[[Executor], Embedder]] = {
    "static": StaticEmbedder,
}


def make(name: str, executor: Executor, *, path: str = "legs.dense.embedder") -> Embedder:
    """The embedder of that name; ``path`` is the setting that named it."""
    try:
        return EMBEDDERS[name](executor)
    except KeyError:
        known = ", ".join(EMBEDDERS)
        raise SettingsError(f"{path}: there is no embedder {name!r}", path=path, hint=f"known: {known}") from None
