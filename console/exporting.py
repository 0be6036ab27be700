"""What ``rankscope export`` does: settings into an engine's own request, on stdout or in a file; notes on stderr."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.opening import Wanted, load_for_search, load_settings, open_index
from console.output import emit, encoded, note, readable
from console.searching import failure_of
from engine.errors import UsageError
from engine.export.base import Given, Request, Version, Wish, assumed
from engine.export.registry import Exported, export
from engine.files import write_atomically
from engine.settings.schema import LexicalLeg, Settings
from engine.stores.elastic.own_body import read_body
from engine.stores.elastic.store import ElasticStore

if TYPE_CHECKING:
    from engine.stores.elastic.mapping import IndexShape


@dataclass(frozen=True, slots=True)
class Order:
    """What the options of ``rankscope export`` say; '' and None leave the choice to the settings."""

    target: str
    engine: str = ""
    form: str = ""
    version: Version | None = None
    nearest: bool = False
    setup: bool = False


def export_settings(query: str, wanted: Wanted, order: Order, file: Path | None) -> None:
    """Write the export. Raises ``SettingsError`` for what the engine cannot express."""
    wish = _searched(readable(query), wanted, order) if query.strip() else _unasked(wanted, order)
    made = made_for(wish, order)
    text = script(made) if order.setup else made.text
    if file is None:
        emit(encoded(text))
    else:
        write_atomically(file, text)
        note(f"written: {file}")
    for line in told(made):
        note(line)


def made_for(wish: Wish, order: Order) -> Exported:
    return export(wish, order.target, engine=order.engine, form=order.form, nearest=order.nearest)


def told(made: Exported) -> list[str]:
    """What to know of an export: its form, what changed, notes, and requests to be made before."""
    needs = f" (needs {made.form.needs})" if made.form.needs else ""
    since = ".".join(map(str, made.form.since))
    lines = [f"{made.form.label}{needs}, from {made.engine} {since}"]
    lines += [f"changed: {change}" for change in made.changes]
    lines += [f"note: {text}" for text in made.notes]
    if made.target.name not in ("curl",):
        lines += [f"before: {each.method} {each.path}, {each.why} (--setup prints it)" for each in made.setup]
    return lines


def script(made: Exported) -> str:
    """Every request with its method and path, as the engines' own consoles take them."""
    from engine.export import render

    requests: list[Request] = [*made.setup, made.search]
    blocks = []
    for each in requests:
        comment = f"# {each.why}\n" if each.why else ""
        blocks.append(f"{comment}{each.method} {each.path}\n{render.as_json(each.body)}\n")
    return "\n".join(blocks)


def version_of(text: str) -> Version | None:
    """``9.2`` → (9, 2); None for ''. Raises ``UsageError``."""
    if not text:
        return None
    major, _, minor = text.partition(".")
    try:
        return int(major), int(minor.partition(".")[0] or 0)
    except ValueError:
        raise UsageError(f"--for-version {text}: a version looks like 9.2") from None


def _unasked(wanted: Wanted, order: Order) -> Wish:
    """The wish without a query: no index is opened."""
    loaded = load_settings(wanted)
    return wish_of(loaded.settings, loaded.base_dir, order.version)


def _searched(text: str, wanted: Wanted, order: Order) -> Wish:
    """The wish for one query, which is searched for its vectors and scores."""
    from engine.export.given import given_of

    loaded = load_for_search(wanted)

    async def run() -> Wish:
        async with open_index(loaded, no_cache=wanted.no_cache) as pipeline:
            # what is reranked changes nothing about the legs' scores
            bare = without_rerank(loaded.settings)
            search = pipeline.begin(text)
            trace = await search.finish(bare)
            if error := failure_of(trace):
                raise error
            shape, version = behind(pipeline.store)
            return wish_of(loaded.settings, loaded.base_dir, order.version or version, given_of(search, trace), shape)

    return asyncio.run(run())


def without_rerank(settings: Settings) -> Settings:
    from engine.settings import knobs

    return knobs.replace(settings, "rerank.enabled", False)


def wish_of(
    settings: Settings,
    base_dir: Path,
    version: Version | None = None,
    given: Given | None = None,
    shape: IndexShape | None = None,
) -> Wish:
    """The wish for these settings, with the query bodies that they name. Raises ``SettingsError``."""
    bodies = {
        name: read_body(base_dir, leg.body, name)
        for name, leg in settings.legs.items()
        if isinstance(leg, LexicalLeg) and leg.body
    }
    return Wish(settings, shape or assumed(settings), given, version, bodies)


def behind(store: object) -> tuple[IndexShape | None, Version | None]:
    """What the store has read of its index's mapping, and its engine's version; None for a store of another kind."""
    if not isinstance(store, ElasticStore):
        return None, None
    major, minor, _ = store.cluster.engine.version
    return store.cluster.shape, (major, minor)
