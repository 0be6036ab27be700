"""What there is on an engine to search, and a few documents of an index to judge it by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import EngineError
from engine.records import Document
from engine.remote.offline import OfflineRule
from engine.settings.schema import StoreSettings
from engine.stores.elastic.answers import document_of
from engine.stores.elastic.cluster import Cluster
from engine.stores.elastic.connection import connect, place
from engine.stores.elastic.detect import Engine, detect
from engine.stores.elastic.faults import Place, engine_error
from engine.stores.elastic.mapping import IndexShape, read

SAMPLES = 20
Answer = TypeVar("Answer")
_ALL = {"expand_wildcards": "all"}
_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Listed:
    """An index, a data stream, or an alias that stands for several indices (``of`` them, 0 for anything else).

    ``documents`` and ``size`` (bytes) are −1 where the engine does not say.
    """

    name: str
    documents: int = -1
    size: int = -1
    aliases: tuple[str, ...] = ()
    stream: bool = False
    of: int = 0

    @property
    def system(self) -> bool:
        """Whether it is the engine's own, or a plugin's."""
        return self.name.startswith((".", "security-auditlog-", "top_queries-"))

    @property
    def about(self) -> str:
        """What else it is: a data stream, an alias; or its own aliases."""
        if self.stream:
            return "data stream"
        return f"alias of {self.of} indices" if self.of else ", ".join(self.aliases)

    @property
    def asked(self) -> str:
        """The name to search it by: its alias where it has one that is not for half-built ones."""
        named = [alias for alias in self.aliases if re.fullmatch(rf"{re.escape(alias)}-\d+", self.name)]
        return named[0] if named else self.name


@dataclass(frozen=True, slots=True)
class Listing:
    """What answers, and what it holds, by name; system indices as well."""

    engine: Engine
    indices: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored document and its vectors by field."""

    document: Document
    vectors: Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class Seen:
    """An index as far as it is known: its engine, its shape, some documents."""

    engine: Engine
    shape: IndexShape
    samples: tuple[Sample, ...]


async def list_indices(store: StoreSettings, base_dir: Path = Path(), rule: OfflineRule | None = None) -> Listing:
    """Every index that the user may see. Raises ``EngineError`` and ``SettingsError``."""

    async def ask(cluster: Cluster) -> Listing:
        columns = {"format": "json", "bytes": "b", "h": "index,docs.count,store.size,status", **_ALL}
        rows: Any = []
        with suppress(EngineError):  # the names alone will do
            rows = await cluster.call("GET", "/_cat/indices", params=columns)
        try:
            resolved = await cluster.call("GET", "/_resolve/index/*", params=_ALL)
        except EngineError:
            if not rows:
                raise
            resolved = {}
        return Listing(cluster.engine, tuple(listed(rows, resolved)))

    return await _asked(store, base_dir, rule, ask)


def listed(rows: list[Mapping[str, Any]], resolved: Mapping[str, Any]) -> list[Listed]:
    """Indices, data streams, aliases of several indices by name, from ``_cat/indices`` and ``_resolve/index``. Pure."""
    counts = {str(row["index"]): (_number(row.get("docs.count")), _number(row.get("store.size"))) for row in rows}
    aliases = {one["name"]: tuple(one.get("aliases") or ()) for one in resolved.get("indices") or ()}
    found = []
    for stream in resolved.get("data_streams") or ():
        behind = stream.get("backing_indices") or ()
        behind = [behind] if isinstance(behind, str) else behind
        parts = [counts.pop(name, (-1, -1)) for name in behind]
        for name in behind:
            aliases.pop(name, None)
        found.append(Listed(stream["name"], *_sums(parts), stream=True))
    for alias in resolved.get("aliases") or ():
        behind = alias.get("indices") or ()
        if not isinstance(behind, str) and len(behind) > 1:
            parts = [counts.get(name, (-1, -1)) for name in behind]
            found.append(Listed(alias["name"], *_sums(parts), of=len(behind)))
    names = {**counts, **aliases}
    found += [Listed(name, *counts.get(name, (-1, -1)), aliases.get(name, ())) for name in names]
    return sorted(found, key=lambda one: one.name)


def _sums(parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """(documents, bytes) of all of them, as far as they are known."""
    known = [part for part in parts if part[0] >= 0]
    return (sum(part[0] for part in known), sum(part[1] for part in known)) if known else (-1, -1)


def _number(text: object) -> int:
    return int(str(text)) if str(text or "").isdigit() else -1


async def see(store: StoreSettings, base_dir: Path = Path(), rule: OfflineRule | None = None) -> Seen:
    """The index that ``store`` names. Raises ``EngineError`` and ``SettingsError``."""

    async def ask(cluster: Cluster) -> Seen:
        shape = await read(cluster.client, store.index)
        return Seen(cluster.engine, shape, await _samples(cluster, shape))

    return await _asked(store, base_dir, rule, ask)


async def _samples(cluster: Cluster, shape: IndexShape) -> tuple[Sample, ...]:
    """Some documents, with a vector where there are such ones."""
    vectors = list(shape.vectors)
    having = {"bool": {"should": [{"exists": {"field": name}} for name in vectors]}}
    body: dict[str, Any] = {"size": SAMPLES, "query": having if vectors else {"match_all": {}}}
    if vectors and not cluster.engine.is_opensearch:
        body["fields"] = vectors  # Elasticsearch 9.2 leaves vectors out of the source
    hits: list[Any] = []
    with suppress(EngineError):  # the fields' names are something to go by as well
        hits = (await cluster.call("POST", f"{cluster.path}/_search", body))["hits"]["hits"]
    return tuple(_sample(hit, vectors, {*vectors, *shape.coded}) for hit in hits)


def _sample(hit: Mapping[str, Any], vectors: list[str], hidden: Collection[str]) -> Sample:
    source = hit.get("_source") or {}
    found = {}
    for name in vectors:
        value = (hit.get("fields") or {}).get(name) or _at(source, name)
        if isinstance(value, list) and value and isinstance(value[0], list):
            value = value[0]
        if isinstance(value, list) and value and isinstance(value[0], (int, float)):
            found[name] = [float(part) for part in value]
    fields = document_of(str(hit["_id"]), source).fields
    kept = {name: value for name, value in fields.items() if name not in hidden}
    return Sample(Document(str(hit["_id"]), kept), found)


def _at(source: Any, name: str) -> Any:
    """The value of a dotted name."""
    if isinstance(source, Mapping):
        if name in source:
            return source[name]
        first, _, rest = name.partition(".")
        return _at(source.get(first), rest) if rest else None
    return None


async def _asked(
    store: StoreSettings, base_dir: Path, rule: OfflineRule | None, ask: Callable[[Cluster], Awaitable[Answer]]
) -> Answer:
    client = connect(store, base_dir, rule=rule, timeout_s=_TIMEOUT_S)
    at = Place(place(store), store.index)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            engine = await detect(client, store.index)
            kind = msgspec.structs.replace(store, kind=engine.name)
            return await ask(Cluster(client, engine, IndexShape(store.index), kind))
    except TimeoutError:
        hint = "is the engine overloaded, or paused?"
        text = f"{at.host}: no answer within {_TIMEOUT_S:.0f} s"
        raise EngineError(text, kind="timeout", hint=hint) from None
    except Exception as error:
        raise engine_error(error, at) from error
    finally:
        await client.close()
