"""Telling those who wait for a model how far it is.

A model is loaded deep inside an embedder or a reranker, and the time it takes counts against no budget: whoever holds
the clock (``engine.stages``) names a listener for what is awaited inside ``told``, and the host of local models calls
the listener that it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loading:
    """How far a model is: ``step`` is ``start`` (the worker process), ``download`` (in bytes), ``import``, ``load`` or
    ``compare`` (its backend with the exact one); ``done`` of ``total``, 0 where nobody knows."""

    model: str
    step: str
    done: int = 0
    total: int = 0

    @property
    def text(self) -> str:
        """``loading Qwen3-Reranker-0.6B 34 %``."""
        verb = _VERBS.get(self.step, self.step)
        share = f" {min(100, 100 * self.done // self.total)} %" if self.total > 0 else ""
        return f"{verb} {self.model.rstrip('/').rpartition('/')[2]}{share}"


_VERBS = {
    "start": "starting the worker for",
    "download": "downloading",
    "import": "loading",
    "load": "loading",
    "compare": "checking",
}

Listener = Callable[[Loading | None], None]
"""Called with each step, and with None when the wait is over, whichever way."""

_listener: ContextVar[Listener | None] = ContextVar("loading", default=None)


def listener() -> Listener | None:
    """Who wants to be told in this task."""
    return _listener.get()


@contextmanager
def told(listener: Listener) -> Iterator[None]:
    """What is awaited inside tells ``listener`` of the models that it waits for."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
