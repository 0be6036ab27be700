"""Where the computing thread is in its work, for the thread that answers the console."""

from __future__ import annotations

import time

from engine.local.messages import Alive


class Pulse:
    """Beaten at every step of a model; a thread that computes nothing rests."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None

    def beat(self) -> None:
        """A step begins."""
        self._begun = time.monotonic(), time.process_time()

    def rest(self) -> None:
        """There is nothing to do."""
        self._begun = None

    def told(self) -> Alive:
        """How long the step has taken, and what processor time the whole process used in it."""
        if (begun := self._begun) is None:
            return Alive()
        return Alive(time.monotonic() - begun[0], time.process_time() - begun[1])
