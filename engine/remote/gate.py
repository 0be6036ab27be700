"""Keeping to a provider's limits: requests in flight, requests and tokens in any sixty seconds."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType

from engine.remote.wire import Limits

WINDOW_S = 60.0


class Window:
    """At most ``limit`` in any sixty seconds, which holds for services that count fixed minutes as well. Pure but for
    what it remembers: times are given, in order."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._taken: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def reserve(self, now: float, amount: float) -> tuple[float, float]:
        """(when this amount may go, the amount): a place in the queue, to be given back by ``release`` if unused. More
        than the limit goes alone."""
        amount = min(amount, self.limit)
        while self._taken and self._taken[0][0] <= now - WINDOW_S:
            self._sum -= self._taken.popleft()[1]
        start = max(now, self._taken[-1][0]) if self._taken else now
        total = self._sum
        for taken_at, taken in self._taken:
            if total + amount <= self.limit:
                break
            total -= taken
            start = max(start, taken_at + WINDOW_S)
        entry = (start, amount)
        self._taken.append(entry)
        self._sum += amount
        return entry

    def release(self, entry: tuple[float, float]) -> None:
        with suppress(ValueError):  # older than the window: already forgotten
            self._taken.remove(entry)
            self._sum -= entry[1]


class Gate:
    """The limits of one provider, kept by everyone who sends through one client."""

    def __init__(self, limits: Limits) -> None:
        self._slots = asyncio.Semaphore(limits.concurrency) if limits.concurrency else None
        self._requests = Window(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = Window(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self._closed_until = 0.0

    def close_until(self, when: float) -> None:
        """Nothing goes before this loop time: a service that asked one caller to wait asked all of them."""
        self._closed_until = max(self._closed_until, when)

    def turn(self, tokens: int, deadline: float) -> Turn:
        """``async with gate.turn(…)``: waits for a turn and holds a slot; ``TooLate`` where none comes by then."""
        return Turn(self, tokens, deadline)

    async def _enter(self, tokens: int, deadline: float) -> None:
        if self._slots is not None:
            await self._slots.acquire()
        entries: list[tuple[Window, tuple[float, float]]] = []
        try:
            now = asyncio.get_running_loop().time()
            for window, amount in ((self._requests, 1.0), (self._tokens, float(tokens))):
                if window is not None:
                    entries.append((window, window.reserve(now, amount)))
            start = max([self._closed_until, *(entry[0] for _, entry in entries)])
            while start > now:
                if start >= deadline:
                    raise TooLate(start - now)
                await asyncio.sleep(start - now)
                now, start = asyncio.get_running_loop().time(), self._closed_until  # others may have been told to wait
        except BaseException:
            for window, entry in entries:
                window.release(entry)
            self._leave()
            raise

    def _leave(self) -> None:
        if self._slots is not None:
            self._slots.release()


class TooLate(Exception):
    """The next turn comes after the deadline, in ``wait_s`` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class Turn:
    """One request's turn. Written out instead of a generator: every request of every search passes here."""

    __slots__ = ("_deadline", "_gate", "_tokens")

    def __init__(self, gate: Gate, tokens: int, deadline: float) -> None:
        self._gate, self._tokens, self._deadline = gate, tokens, deadline

    async def __aenter__(self) -> None:
        await self._gate._enter(self._tokens, self._deadline)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate._leave()
