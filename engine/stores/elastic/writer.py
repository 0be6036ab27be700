"""Writing an index of an engine: a new one is filled aside and takes the name over in one step at the end.

Searches see the old index until then, also where the build is broken off. How far it is stands in the new index's own
mapping, so that the same command goes on there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from engine.errors import EngineError, RankscopeError, StoreError, UsageError
from engine.indexing import Embedded
from engine.ingest.base import Problem, ProblemKind, SourceDocument
from engine.remote.offline import OfflineRule
from engine.settings.schema import StoreSettings
from engine.stores.elastic.bulk import Bulk, Entry, gone
from engine.stores.elastic.cluster import Cluster, Json
from engine.stores.elastic.connection import connect, place
from engine.stores.elastic.detect import detect
from engine.stores.elastic.faults import Place, engine_error
from engine.stores.elastic.layout import VECTOR, Layout, check_fields, index_body, meta_of, swap
from engine.stores.elastic.mapping import META, ORDER, IndexShape

REMEMBERED_S = 5.0
"""How often the mapping is told how far the build is: a killed one loses no more."""
_HOPELESS = 100
"""Documents refused before the first that is taken: then it is the build that is wrong."""
_TIMEOUT_S = 120.0
_LONGEST_ID = 512
_DIGITS = 9
"""Decimals of a vector's part: float32 has no more in those of a unit vector, and the request is half as long."""

OnProblem = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What a build left behind: the index's name, its documents, and the indices that were deleted or kept."""

    index: str
    documents: int
    deleted: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(slots=True)
class _State:
    """What stands on the engine: indices behind the name, the half-built one, and every number in use."""

    serving: dict[str, Mapping[str, Any]]
    building: dict[str, Mapping[str, Any]]
    number: int


class ElasticWriter:
    """The writer of one build, an async context manager. Leaving it without ``commit`` keeps what is there.

    store        where, and how to sign in
    fingerprint  of the source: a build of the same one goes on, ``taken`` documents later
    rebuild      the name may stand for an index already, which is then replaced at the end
    on_problem   told of each document that the engine refuses

    ``cut`` counts documents of this run of which the embedder did not see all.

    Entering raises ``UsageError``, ``StoreError`` and ``SettingsError``.
    """

    def __init__(
        self,
        store: StoreSettings,
        layout: Layout,
        *,
        fingerprint: str,
        base_dir: Path = Path(),
        rule: OfflineRule | None = None,
        rebuild: bool = False,
        on_problem: OnProblem = lambda problem: None,
    ) -> None:
        self.layout = layout
        self.taken = self.cut = 0
        self._store, self._base_dir, self._rule = store, base_dir, rule
        self._key, self._rebuild, self._on_problem = layout.key(fingerprint), rebuild, on_problem
        self._refusals = 0
        self._remembered = (0, time.monotonic())
        self._index = ""
        self._serving: tuple[str, ...] = ()

    async def __aenter__(self) -> ElasticWriter:
        client = connect(self._store, self._base_dir, rule=self._rule, timeout_s=_TIMEOUT_S)
        at = Place(place(self._store), self.layout.name)
        try:
            try:
                engine = await detect(client)
            except Exception as error:
                raise engine_error(error, at) from error
            if engine.name != self._store.kind:
                raise UsageError(f"{at.host} is {engine}", hint=f"write --into {engine.name}:{self.layout.name}")
            shape = IndexShape(self.layout.name)
            self._cluster = Cluster(client, engine, shape, self._store)
            await self._begin()
        except BaseException:
            await client.close()
            raise
        self._bulk = Bulk(self._cluster, self.layout.building(self._index), self._refused)
        return self

    async def _begin(self) -> None:
        """Go on with the half-built index of the same build, else make the next one."""
        state = await self._look()
        if state.serving and not self._rebuild:
            count = (await self._cluster.call("GET", f"{_path(self.layout.name)}/_count"))["count"]
            raise UsageError(
                f"{self.layout.name} holds an index of {count:,} documents already",
                hint="--rebuild builds it anew; the old one is searched until the end",
            )
        self._serving = tuple(state.serving)
        for name, meta in state.building.items():
            if not self._index and meta.get("key") == self._key:
                self._index, self.taken = name, int(meta.get("taken", 0))
            else:
                await self._cluster.call("DELETE", _path(name))
        if not self._index:
            self._index = self.layout.index(state.number + 1)
            body = index_body(self.layout, self._index, self._cluster.engine, meta_of(self.layout.spec, self._key, 0))
            await self._cluster.call("PUT", _path(self._index), body)
        self._remembered = (self.taken, time.monotonic())

    async def _look(self) -> _State:
        name = self.layout.name
        pattern = f"/{quote(name, safe='')},{quote(name, safe='')}-*"
        params = {"ignore_unavailable": "true", "allow_no_indices": "true", "expand_wildcards": "all"}
        found: Mapping[str, Any] = await self._cluster.call("GET", pattern, params=params)
        if name in found:
            raise UsageError(
                f"{name} is an index and no alias: it could not be replaced in one step",
                hint=f"choose another name, or put the index behind an alias and delete {name}",
            )
        serving, building, number = {}, {}, 0
        for index, one in found.items():
            meta = ((one.get("mappings") or {}).get("_meta") or {}).get(META) or {}
            if name in (one.get("aliases") or {}):
                serving[index] = meta
            if self.layout.building(index) in (one.get("aliases") or {}):
                building[index] = meta
            number = max(number, self.layout.number(index))
        foreign = [index for index, meta in serving.items() if not meta]
        if foreign:
            raise UsageError(
                f"{name} stands for {foreign[0]}, which Rankscope did not write and will not replace",
                hint="choose another name",
            )
        return _State(serving, building, number)

    async def add(self, first: int, documents: Sequence[SourceDocument], embedded: Embedded) -> None:
        """Send documents, the first of them number ``first`` of the source; waits while the engine has enough to do.

        Raises ``EngineError``, and ``SettingsError`` for documents with a field of ours.
        """
        vectors, cut = embedded
        self.cut += 0 if cut is None else int(cut.sum())
        entries = []
        for row, item in enumerate(documents):
            check_fields(item.document.fields)
            entry = _entry(first + row, item, None if vectors is None else vectors[row])
            if problem := _unusable(item.document.id):
                self._refused(entry, problem)
            else:
                entries.append(entry)
        await self._bulk.add(entries)
        await self._remember()

    def _refused(self, entry: Entry, why: str) -> None:
        self._refusals += 1
        self._on_problem(Problem(entry.where, f"document {entry.id!r} was refused: {why}", ProblemKind.REFUSED))
        if self._refusals >= _HOPELESS and not self._bulk.accepted and not self.taken:
            raise EngineError(
                f"{self._cluster.place.host}: it refused every one of the first {self._refusals} documents: {why}",
                kind="refused",
                status=400,
                hint="--text-field and --field change what is sent",
            )

    async def _remember(self, *, now: bool = False) -> None:
        """Tell the mapping up to where every document is answered for."""
        done, (before, when) = max(self._bulk.done, self.taken), self._remembered
        if done > before and (now or time.monotonic() - when >= REMEMBERED_S):
            self._remembered = (done, time.monotonic())
            meta = meta_of(self.layout.spec, self._key, done)
            await self._cluster.call("PUT", f"{_path(self._index)}/_mapping", {"_meta": {META: meta}})

    async def commit(self, *, keep_old: bool = False) -> Written:
        """Make the new index the one that is searched, and delete the one before unless it is to be kept.

        Raises ``EngineError``, and ``StoreError`` where the engine took no document.
        """
        await self._bulk.drain()
        try:
            return await self._taken_over(keep_old)
        except EngineError as error:
            raise gone(self._cluster.place.host) if error.kind == "index" else error from None

    async def _taken_over(self, keep_old: bool) -> Written:
        await self._remember(now=True)
        path = _path(self._index)
        lasting: Json = {"index": {"refresh_interval": None, "auto_expand_replicas": "0-1"}}
        await self._cluster.call("PUT", f"{path}/_settings", lasting)
        await self._cluster.call("POST", f"{path}/_refresh")
        count = int((await self._cluster.call("GET", f"{path}/_count"))["count"])
        if not count:
            raise StoreError(
                f"there is nothing to search: the engine has none of the documents in {self._index}",
                hint="the old index, if there is one, stays in use",
            )
        await self._cluster.call("POST", "/_aliases", swap(self.layout, self._index, self._serving))
        if not keep_old:
            for name in self._serving:
                await self._cluster.call("DELETE", _path(name))
        return Written(self._index, count, () if keep_old else self._serving, self._serving if keep_old else ())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                await self._bulk.stop()
                with suppress(RankscopeError, TimeoutError):  # what is not remembered is only sent again
                    async with asyncio.timeout(3):
                        await self._remember(now=True)
        finally:
            await self._cluster.client.close()


def _entry(number: int, item: SourceDocument, vector: np.ndarray[Any, np.dtype[np.float32]] | None) -> Entry:
    document = item.document
    action = {"index": {"_id": document.id, "version": number + 1, "version_type": "external_gte"}}
    source: dict[str, Any] = {**document.fields, ORDER: number}
    if vector is not None and not np.isnan(vector[0]):
        source[VECTOR] = vector.astype(np.float64).round(_DIGITS).tolist()
    lines = msgspec.json.encode(action) + b"\n" + msgspec.json.encode(source) + b"\n"
    return Entry(number, document.id, item.where, lines)


def _unusable(document_id: str) -> str:
    """Why an engine would refuse a whole request for this id, '' for one that can be used."""
    if not document_id:
        return "its id is empty"
    size = len(document_id.encode())
    return f"its id has {size} bytes, and {_LONGEST_ID} are the most" if size > _LONGEST_ID else ""


def _path(name: str) -> str:
    return "/" + quote(name, safe="")
