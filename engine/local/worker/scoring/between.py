"""Between the layers of a model's own forward: whether anybody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from engine.local.base import Stopped, never


def layers_of(model: nn.Module) -> nn.ModuleList:
    """The transformer's layers: its longest list of modules."""
    return max((each for each in model.modules() if isinstance(each, nn.ModuleList)), key=len, default=nn.ModuleList())


class BetweenLayers:
    """Raises ``Stopped`` out of a forward, before the next layer, once it is told to."""

    def __init__(self, layers: nn.ModuleList) -> None:
        self._stopped = never
        for layer in layers:
            layer.register_forward_pre_hook(self._ask)

    @contextmanager
    def asks(self, stopped: Callable[[], bool]) -> Iterator[None]:
        """Ask ``stopped`` in the forwards of this block."""
        self._stopped = stopped
        try:
            yield
        finally:
            self._stopped = never

    def _ask(self, *_: Any) -> None:
        if self._stopped():
            raise Stopped
