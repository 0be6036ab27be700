"""Documents into an engine by ``_bulk``: so many bytes under way and no more, busy ones again, refused ones told.

Each document carries its number in the source as an external version: whatever order the requests arrive in, of two
with one id the later stays, and sending one twice does no harm.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from engine.errors import EngineError
from engine.stores.elastic.cluster import Cluster
from engine.stores.elastic.faults import causes

BULK_BYTES = 4 << 20
"""Of one request, but for a document that is larger."""
BULK_DOCUMENTS = 2000
PATIENCE_S = 2.0
"""Longest time for which documents wait for more to travel with: a slow embedder's are too dear to lose."""
REQUESTS = 4
"""Under way at a time: no more than this many times ``BULK_BYTES`` is kept in memory."""
TRIES = 8
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 16.0
_BUSY = frozenset({429, 503})
_GONE = frozenset({"connect", "reset", "timeout"})
_GONE_TRIES = 4
"""An engine that does not answer is waited for some seconds: it may be starting again."""
_FILTER = "errors,items.*.status,items.*.error"
_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One document ready to send: its number in the source, where it was read, and its two lines."""

    number: int
    id: str
    where: str
    lines: bytes


Refused = Callable[[Entry, str], None]
"""Called with a document that the engine does not take, and why."""


@dataclass(slots=True)
class Bulk:
    """Sends entries to ``target``, an alias: an index that is gone is not made anew by its first document.

    accepted  documents that are in
    """

    cluster: Cluster
    target: str
    refused: Refused
    accepted: int = 0
    _pending: list[Entry] = field(default_factory=list)
    _since: float = 0.0
    _done: int = 0
    _sent: deque[tuple[int, asyncio.Task[None]]] = field(default_factory=deque)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REQUESTS))

    @property
    def done(self) -> int:
        """The engine has answered for every entry whose number is below this one."""
        while self._sent and self._sent[0][1].done() and not self._sent[0][1].cancelled():
            if self._sent[0][1].exception() is not None:
                break
            self._done = self._sent.popleft()[0]
        return self._done

    async def add(self, entries: Sequence[Entry]) -> None:
        """Take them in, and send what makes a request; waits while there is no room. Raises ``EngineError``, also for
        what was sent before."""
        self._raise()
        if not self._pending:
            self._since = time.monotonic()
        self._pending += entries
        size = sum(len(entry.lines) for entry in self._pending)
        waited = time.monotonic() - self._since
        if size >= BULK_BYTES or len(self._pending) >= BULK_DOCUMENTS or waited >= PATIENCE_S:
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending = self._pending, []
        for part in portions(pending, BULK_BYTES):
            self._raise()
            await self._room.acquire()
            task = asyncio.create_task(self._deliver(part))
            task.add_done_callback(lambda _: self._room.release())
            self._sent.append((part[-1].number + 1, task))

    async def drain(self) -> None:
        """Send the rest, and wait until everything is answered. Raises ``EngineError``."""
        await self._flush()
        if self._sent:
            await asyncio.wait([task for _, task in self._sent])
        self._raise()

    async def stop(self) -> None:
        """Break off what is under way."""
        tasks = [task for _, task in self._sent]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _raise(self) -> None:
        _ = self.done
        for _, task in self._sent:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _deliver(self, entries: list[Entry]) -> None:
        """One request, and again for those of its documents that the engine was too busy for."""
        waiting, wait = entries, FIRST_WAIT_S
        for attempt in range(1, TRIES + 1):
            try:
                waiting = await self._ask(waiting)
            except EngineError as error:
                if error.status == 413 and len(waiting) > 1:
                    half = len(waiting) // 2
                    await self._deliver(waiting[:half])
                    await self._deliver(waiting[half:])
                    return
                if error.status == 413:
                    self.refused(waiting[0], f"it has {len(waiting[0].lines):,} bytes, more than the engine takes")
                    return
                limit = TRIES if error.status in _BUSY else _GONE_TRIES if error.kind in _GONE else 0
                if attempt >= limit:
                    raise
            if not waiting:
                return
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))
            wait = min(wait * 2, LONGEST_WAIT_S)
        raise EngineError(
            f"{self.cluster.place.host}: it is too busy to take more documents in, {TRIES} times in a row",
            kind="overloaded",
            status=429,
            hint="run the same command again later: it goes on where it was",
        )

    async def _ask(self, entries: list[Entry]) -> list[Entry]:
        """The entries that are to be sent again. Raises ``EngineError`` where the whole request failed."""
        body = b"".join(entry.lines for entry in entries)
        params = {"filter_path": _FILTER, "require_alias": "true"}
        answer: Any = await self.cluster.call("POST", f"/{quote(self.target, safe='')}/_bulk", body, params, lines=True)
        if not answer["errors"]:
            self.accepted += len(entries)
            return []
        busy = []
        for entry, item in zip(entries, answer["items"], strict=True):
            told = item["index"]
            if told["status"] in _BUSY:
                busy.append(entry)
            elif told["status"] == 404:
                raise gone(self.cluster.place.host)
            elif "error" in told and told["status"] != 409:  # 409: a later document of this id is there
                self.refused(entry, reason(told["error"]))
            else:
                self.accepted += 1
        return busy


def gone(host: str) -> EngineError:
    """The error of a build whose index is not there any more."""
    return EngineError(
        f"{host}: the index that was being built is gone",
        kind="index",
        status=404,
        hint="somebody deleted it, or another build of the same name has taken over; run the command again",
    )


def portions(entries: Sequence[Entry], limit: int) -> list[list[Entry]]:
    """The entries in order, in lists of at most ``limit`` bytes and ``BULK_DOCUMENTS``; a larger one stands
    alone."""
    found: list[list[Entry]] = []
    size = limit
    for entry in entries:
        size += len(entry.lines)
        if size > limit or not found or len(found[-1]) >= BULK_DOCUMENTS:
            found.append([])
            size = len(entry.lines)
        found[-1].append(entry)
    return found


def reason(error: object) -> str:
    """Why a document was refused: the engine's innermost cause, then what stands around it."""
    told: list[str] = []
    for cause in causes({"error": error}):
        if (text := " ".join(cause.reason.split())) and not any(known in text for known in told):
            told.append(text)
    text = " · ".join(told[:2]) or "no reason given"
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"
