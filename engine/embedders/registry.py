"""Embedders by name: a new one is a file and a row here, a service a row of ``remote/embedders.toml``, a model on this
machine ``local/MODEL``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from engine.embedders.base import EmbedContext, Embedder
from engine.embedders.static import StaticEmbedder
from engine.errors import ModelError, SettingsError
from engine.records import RanOn

EMBEDDERS: dict[str, Callable[[Executor], Embedder]] = {
    "static": StaticEmbedder,
}


def make(name: str, context: EmbedContext, *, path: str = "legs.dense.embedder") -> Embedder:
    """The embedder of that name; a service is ``PROVIDER/MODEL``. ``path`` is the setting that named it."""
    if name in EMBEDDERS:
        return EMBEDDERS[name](context.executor)
    if is_local(name):
        from engine.embedders.local import LocalEmbedder

        try:
            return LocalEmbedder(name, context)
        except ModelError as error:
            raise SettingsError(f"{path}: {error.message}", path=path, hint=error.hint) from error
    from engine.embedders.remote.embedder import RemoteEmbedder
    from engine.embedders.remote.table import find, table

    found = find(name, context.providers)
    if found is None:
        known = ", ".join((*EMBEDDERS, "local/MODEL", *(f"{each}/MODEL" for each in table())))
        raise SettingsError(f"{path}: there is no embedder {name!r}", path=path, hint=f"known: {known}")
    provider, model = found
    if provider.needs_model and not model:
        raise SettingsError(
            f"{path}: {name!r} names no model", path=path, hint=f'write {path} = "{provider.name}/MODEL"'
        )
    return RemoteEmbedder(name, provider, model, context)


def is_local(name: str) -> bool:
    """Whether the embedder of that name is a model in the worker process."""
    return name.startswith("local/")


def is_remote(name: str) -> bool:
    """Whether the embedder of that name is a service."""
    return name not in EMBEDDERS and not is_local(name)


def runs_on(name: str) -> RanOn:
    """Where the embedder of that name computes."""
    return RanOn.WORKER if is_local(name) else RanOn.REMOTE if is_remote(name) else RanOn.THREAD
