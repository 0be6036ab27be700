"""Points in time: all that is asked for one query sees one state of the index, however long its sliders are turned.

Queries that begin within a second share one. It is renewed by each search, closed when the last query that used it is
out of memory, and ends by itself when nobody asks any more.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.analysis.query import Query
from engine.errors import RankscopeError

KEEP_ALIVE = "3m"
_SHARED_S = 1.0
_QUERIES = 256


class PointsInTime:
    """``open_one`` asks the engine for a point in time and returns its id, '' where the engine has none to give;
    ``close_one`` gives one back."""

    def __init__(self, open_one: Callable[[], Awaitable[str]], close_one: Callable[[str], Awaitable[None]]) -> None:
        self._open, self._close = open_one, close_one
        self._queries: OrderedDict[int, tuple[Query, asyncio.Task[str]]] = OrderedDict()
        self._current: asyncio.Task[str] | None = None
        self._opened = 0.0
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, query: Query) -> str:
        """The id for all that is asked for this query. Raises what opening raises."""
        known = self._queries.get(id(query))
        if known is None or _failed(known[1]):
            known = self._queries[id(query)] = (query, self._shared())
        self._queries.move_to_end(id(query))
        self._forget_oldest()
        # another query may wait for the same one: a cancelled caller must not take it along
        return await asyncio.shield(known[1])

    def expired(self, query: Query, pit: str) -> None:
        """The engine does not know this id any more: the next search of the query opens another."""
        self._queries.pop(id(query), None)
        current = self._current
        if current is not None and current.done() and not _failed(current) and current.result() == pit:
            self._current = None

    def _shared(self) -> asyncio.Task[str]:
        if self._current is None or time.monotonic() - self._opened > _SHARED_S or _failed(self._current):
            self._current = asyncio.ensure_future(self._open_one())
            self._current.add_done_callback(_failed)  # its waiters tell of a fault; it must not be told twice
            self._opened = time.monotonic()
        return self._current

    async def _open_one(self) -> str:
        return await self._open()

    def _forget_oldest(self) -> None:
        while len(self._queries) > _QUERIES:
            _, (_, task) = self._queries.popitem(last=False)
            if task is not self._current and all(other is not task for _, other in self._queries.values()):
                closing = asyncio.ensure_future(self._give_back(task))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def _give_back(self, task: asyncio.Task[str]) -> None:
        with suppress(RankscopeError):  # it ends by itself
            if pit := await task:
                await self._close(pit)

    async def close(self) -> None:
        """Give all of them back."""
        tasks = {id(task): task for _, task in self._queries.values()}
        if self._current is not None:
            tasks[id(self._current)] = self._current
        self._queries.clear()
        self._current = None
        await asyncio.gather(*(self._give_back(task) for task in tasks.values()), *self._closing)


def _failed(task: asyncio.Task[str]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
