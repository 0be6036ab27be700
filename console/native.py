"""The engine's own fusion beside ours: what is asked, and what ``rankscope native`` prints of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.exporting import behind, wish_of
from console.opening import Wanted, load_for_search, open_index
from console.output import emit, encoded, grid, json_bytes, note, readable
from console.searching import failure_of
from engine.errors import UsageError
from engine.export.given import given_of
from engine.stores.elastic.native import Native, compare, ours
from engine.stores.elastic.store import ElasticStore

if TYPE_CHECKING:
    from engine.search import Search
    from engine.stores.base import Store
    from engine.trace import Trace

LEAST_DEPTH, MOST_DEPTH = 10, 50


@dataclass(frozen=True, slots=True)
class Beside:
    """One query's comparison. ``depth`` is how far down the lists go; ``titles`` of every document in them."""

    engine: str
    natives: tuple[Native, ...]
    depth: int
    titles: dict[str, str]


def reason_not(store: Store) -> str:
    """Why the store has no fusion of its own to compare with, '' where it has."""
    return "" if isinstance(store, ElasticStore) else "only Elasticsearch and OpenSearch fuse on their own"


async def beside(search: Search, trace: Trace, store: Store, base_dir: Path) -> Beside:
    """Every form of the store's engine beside the trace. Raises ``UsageError`` for a store that is none."""
    if not isinstance(store, ElasticStore):
        raise UsageError(reason_not(store), hint="`rankscope export` writes the settings for one")
    shape, version = behind(store)
    settings = trace.settings
    wish = wish_of(settings, base_dir, version, given_of(search, trace), shape)
    depth = min(max(settings.cut.top_k, LEAST_DEPTH), MOST_DEPTH)
    natives = await compare(store, wish, trace, depth)
    ids = dict.fromkeys([*ours(trace, depth, reranked=False), *ours(trace, depth, reranked=True)])
    ids |= dict.fromkeys(each for native in natives for each in native.ids)
    documents = await search.fetch(list(ids))
    return Beside(str(store.cluster.engine), natives, depth, {i: each.title for i, each in documents.items()})


def print_native(query: str, wanted: Wanted, *, as_json: bool) -> None:
    """Search once, ask the engine in all its forms, and print both."""
    loaded = load_for_search(wanted)

    async def run() -> tuple[Beside, Trace]:
        async with open_index(loaded, no_cache=wanted.no_cache) as pipeline:
            if why := reason_not(pipeline.store):
                raise UsageError(why, hint="`rankscope export` writes the settings for one")
            search = pipeline.begin(readable(query))
            trace = await search.finish(loaded.settings)
            if error := failure_of(trace):
                raise error
            return await beside(search, trace, pipeline.store, loaded.base_dir), trace

    found, trace = asyncio.run(run())
    if as_json:
        emit(json_bytes(report(found, trace)))
    else:
        emit(encoded(table(found, trace)))
        for native in found.natives:
            for change in native.changes:
                note(f"{native.label}: {change}")


def report(found: Beside, trace: Trace) -> dict[str, Any]:
    """The comparison as plain data."""
    return {
        "query": trace.query.text,
        "engine": found.engine,
        "ours": {
            "fused": ours(trace, found.depth, reranked=False),
            "reranked": ours(trace, found.depth, reranked=True),
        },
        "native": [_native(native) for native in found.natives],
    }


def _native(native: Native) -> dict[str, Any]:
    return {
        "form": native.form.name,
        "reranked": native.reranked,
        "refusal": native.refusal or None,
        "changes": [
            {"name": each.path, "before": each.before, "after": each.after, "why": each.why} for each in native.changes
        ],
        "took_ms": native.took_ms,
        "wall_ms": round(native.wall_ms, 3),
        "overlap": native.overlap,
        "rbo": native.rbo,
        "results": [{"id": i, "score": s} for i, s in zip(native.ids, native.scores, strict=True)],
    }


def table(found: Beside, trace: Trace) -> str:
    """A line per form, and the lists side by side as ids."""
    rows = [_line(native) for native in found.natives]
    header = ["form", "asked", "overlap", "rbo", "took ms", "ms", "said"]
    text = f"{found.engine}, to depth {found.depth}\n" + grid(header, rows, numeric=header[2:6])
    answered = [native for native in found.natives if not native.refusal]
    lists = {"ours": ours(trace, found.depth, reranked=False)}
    if any(native.reranked for native in answered):
        lists["ours reranked"] = ours(trace, found.depth, reranked=True)
    lists |= {native.label: list(native.ids) for native in answered}
    deep = (
        [str(n + 1), *(column[n] if n < len(column) else "" for column in lists.values())] for n in range(found.depth)
    )
    return text + "\n" + grid(["rank", *lists], deep, numeric=["rank"])


def _line(native: Native) -> list[str]:
    if native.refusal:
        return [native.label, "refused", "–", "–", "–", "–", native.refusal]
    asked = "exactly" if native.same else "nearest"
    said = "the same order" if native.agrees else ""
    figures = [f"{native.overlap:.0%}", f"{native.rbo:.3f}", f"{native.took_ms:.0f}", f"{native.wall_ms:.0f}"]
    return [native.label, asked, *figures, said]
