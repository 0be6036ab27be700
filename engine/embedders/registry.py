"""Embedders by name: a new one is a file and a row here, a service a row of ``remote/embedders.toml``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from engine.embedders.base import EmbedContext, Embedder
from engine.embedders.static import StaticEmbedder
from engine.errors import SettingsError

EMBEDDERS: dict[str, Callable[[Executor], Embedder]] = {
    "static": StaticEmbedder,
}


def make(name: str, context: EmbedContext, *, path: str = "legs.dense.embedder") -> Embedder:
    """The embedder of that name; a service is ``PROVIDER/MODEL``. ``path`` is the setting that named it."""
    if name in EMBEDDERS:
        return EMBEDDERS[name](context.executor)
    from engine.embedders.remote.embedder import RemoteEmbedder
    from engine.embedders.remote.table import find, table

    found = find(name, context.providers)
    if found is None:
        known = ", ".join((*EMBEDDERS, *(f"{each}/MODEL" for each in table())))
        raise SettingsError(f"{path}: there is no embedder {name!r}", path=path, hint=f"known: {known}")
    provider, model = found
    if provider.needs_model and not model:
        raise SettingsError(
            f"{path}: {name!r} names no model", path=path, hint=f'write {path} = "{provider.name}/MODEL"'
        )
    return RemoteEmbedder(name, provider, model, context)


def is_remote(name: str) -> bool:
    """Whether the embedder of that name is a service."""
    return name not in EMBEDDERS
