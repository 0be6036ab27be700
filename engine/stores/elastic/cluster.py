"""One index of one engine, asked: client, faults as sentences, points in time, crowds of searches in batches."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from engine.analysis.query import Query
from engine.errors import EngineError, RankscopeError
from engine.records import StagePart
from engine.settings.schema import StoreSettings
from engine.stores.elastic.answers import time_parts
from engine.stores.elastic.connection import place
from engine.stores.elastic.detect import Engine
from engine.stores.elastic.faults import Place, engine_error, failed_shards, refusal
from engine.stores.elastic.mapping import IndexShape
from engine.stores.elastic.point_in_time import KEEP_ALIVE, PointsInTime

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

Json = dict[str, Any]

ALONE = 12
"""Searches under way, each as a request of its own, before further ones travel together."""
_BATCH = 16
_BATCHES = 4

_JSON = {"accept": "application/json", "content-type": "application/json"}
_LINES = {"accept": "application/json", "content-type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A search's answer. ``missing`` says what it lacks, '' for nothing; ``parts`` where its time went."""

    body: Mapping[str, Any]
    missing: str
    parts: tuple[StagePart, ...]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A search in a queue for a batch, with the line that goes before it."""

    header: Json
    body: Json
    began: float
    named: bool
    done: asyncio.Future[Answer]


@dataclass(slots=True)
class Cluster:
    """``connect`` makes the client, which belongs to the loop of its first request."""

    client: AsyncElasticsearch
    engine: Engine
    shape: IndexShape
    settings: StoreSettings
    points: PointsInTime = field(init=False)
    _alone: int = 0
    _batches: int = 0
    _queue: deque[_Waiting] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.points = PointsInTime(self._open_point, self._close_point)

    @property
    def place(self) -> Place:
        return Place(place(self.settings), self.settings.index)

    @property
    def path(self) -> str:
        """The index's name in an address."""
        return "/" + quote(self.settings.index, safe=",*-")

    def path_of(self, field_: str) -> str:
        """The address of one index that has the field, for requests that take no more than one."""
        home = self.shape.home(field_)
        return self.path if home == self.shape.name else "/" + quote(home, safe="")

    async def call(
        self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None, *, lines: bool = False
    ) -> Any:
        """The body of the engine's answer; ``lines`` for a body of several. Raises ``EngineError``."""
        target = f"{path}?{urlencode(params)}" if params else path
        try:
            answer = await self.client.perform_request(method, target, headers=_LINES if lines else _JSON, body=body)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            told = engine_error(error, self.place)
            raise told from (None if isinstance(told, EngineError) and told.status else error)
        return answer.body

    async def search(
        self,
        body: Json,
        *,
        query: Query | None = None,
        named: bool = False,
        statistics: bool = False,
        profile: bool = False,
    ) -> Answer:
        """One search, within the query's point in time where there is a query.

        named       whether the scores of named clauses are wanted
        statistics  whether its scores depend on term statistics, which each shard has of its own
        profile     whether the engine is to tell where its time goes

        Raises ``EngineError``.
        """
        if profile:
            body = {**body, "profile": True}
        for last in (False, True):
            pit = await self.points.of(query) if query is not None else ""
            try:
                return await self._ask(body, pit, named, self._search_type(statistics))
            except EngineError as error:
                if error.kind not in ("expired", "shards") or not pit or query is None or last:
                    raise
                # a point in time outlives neither its time nor its index; another one tells which it was
                self.points.expired(query, pit)
        raise RuntimeError("unreachable: the second attempt returns or raises")

    def _search_type(self, statistics: bool) -> str:
        chosen = self.settings.search_type
        if chosen == "auto":
            return "dfs_query_then_fetch" if statistics and self.shape.shards > 1 else ""
        return chosen

    async def _ask(self, body: Json, pit: str, named: bool, search_type: str) -> Answer:
        if pit:
            body = {**body, "pit": {"id": pit, "keep_alive": KEEP_ALIVE}}
        batched = self._alone >= ALONE and not (named and self.engine.is_opensearch)
        if batched:
            return await self._together(body, pit, named, search_type)
        params = {"include_named_queries_score": "true"} if named else {}
        if search_type:
            params["search_type"] = search_type
        if not pit and self.settings.preference:
            params["preference"] = self.settings.preference
        self._alone += 1
        began = time.perf_counter()
        try:
            answer = await self.call("POST", "/_search" if pit else f"{self.path}/_search", body, params)
        finally:
            self._alone -= 1
            self._flush()
        return _answered(answer, began)

    # --- searches that travel together ----------------------------------------------------------------------------

    async def _together(self, body: Json, pit: str, named: bool, search_type: str) -> Answer:
        header: Json = {} if pit else {"index": self.settings.index}
        if search_type:
            header["search_type"] = search_type
        if not pit and self.settings.preference:
            header["preference"] = self.settings.preference
        waiting = _Waiting(header, body, time.perf_counter(), named, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._flush()
        try:
            return await waiting.done
        finally:
            waiting.done.cancel()

    def _flush(self) -> None:
        """Send what waits, as far as there is room for batches."""
        while self._queue and self._batches < _BATCHES:
            size = min(_BATCH, len(self._queue))
            batch = [one for one in (self._queue.popleft() for _ in range(size)) if not one.done.done()]
            if not batch:
                continue
            self._batches += 1
            task = asyncio.ensure_future(self._send(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        """One ``_msearch``; each item has its own answer or its own error."""
        lines = [line for one in batch for line in (one.header, one.body)]
        params = {"include_named_queries_score": "true"} if any(one.named for one in batch) else {}
        try:
            answers = (await self.call("POST", "/_msearch", lines, params, lines=True))["responses"]
        except RankscopeError as error:
            for one in batch:
                if not one.done.done():
                    one.done.set_exception(error)
        else:
            for one, answer in zip(batch, answers, strict=True):
                if one.done.done():
                    continue
                if "error" in answer:
                    one.done.set_exception(refusal(int(answer.get("status", 500)), answer, self.place))
                else:
                    one.done.set_result(_answered(answer, one.began))
        finally:
            self._batches -= 1
            self._flush()

    # --- points in time -------------------------------------------------------------------------------------------

    async def _open_point(self) -> str:
        theirs = self.engine.is_opensearch
        path = f"{self.path}/_search/point_in_time" if theirs else f"{self.path}/_pit"
        params = {"keep_alive": KEEP_ALIVE}
        if self.settings.preference:
            params["preference"] = self.settings.preference
        try:
            answer = await self.call("POST", path, params=params)
        except EngineError as error:
            # a hosted engine without points in time, or some shards without a copy: each search sees the newest state
            if error.kind in ("forbidden", "wrong-server", "path", "refused", "shards"):
                return ""
            raise
        return str(answer["pit_id" if theirs else "id"])

    async def _close_point(self, pit: str) -> None:
        if self.engine.is_opensearch:
            await self.call("DELETE", "/_search/point_in_time", {"pit_id": [pit]})
        else:
            await self.call("DELETE", "/_pit", {"id": pit})

    async def close(self) -> None:
        """Give the points in time back and end the connections."""
        for task in self._tasks:
            task.cancel()
        try:
            async with asyncio.timeout(2):
                await self.points.close()
        except (TimeoutError, RankscopeError):
            pass  # they end by themselves
        finally:
            await self.client.close()


def _answered(body: Mapping[str, Any], began: float) -> Answer:
    return Answer(body, failed_shards(body), time_parts(began, time.perf_counter(), body))
