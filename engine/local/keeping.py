"""How long a worker stays that nobody uses."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

_ABANDONED_S = 5.0
"""How long a model may go on loading that nobody waits for any more: a query that supersedes another comes sooner."""
_PAUSE_S = 2.0
"""How long a worker stays that is to end at once: between its vector and its rerank a query asks nothing of it, and
neither does an index between two batches."""


class KeepAlive:
    """Counts those who use the worker; the clock of ``seconds`` (below 0: for ever) runs while there are none, and
    ``expired`` is called at its end."""

    def __init__(self, seconds: float, expired: Callable[[], None]) -> None:
        self.seconds = seconds
        self.users = 0
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None

    def count(self, change: int, runs: bool, loading: bool) -> None:
        """``change`` more use the worker. The clock starts anew where a worker ``runs`` that nobody uses."""
        self.users += change
        self.stop()
        if self.users or not runs:
            return
        stays = (self.seconds or _PAUSE_S) if self.seconds >= 0 else math.inf
        if loading:
            stays = min(stays, _ABANDONED_S)
        if stays < math.inf:
            self._timer = asyncio.get_running_loop().call_later(stays, self._expire)

    @property
    def ends_in_s(self) -> float | None:
        """None where no clock runs."""
        return None if self._timer is None else max(0.0, self._timer.when() - time.monotonic())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        self._expired()
