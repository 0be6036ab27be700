"""What ``rankscope connect`` does: list, look, propose, write, open."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from console.connecting import (
    choice,
    default_file,
    listing_json,
    look,
    only_index,
    proposal_json,
    size_text,
    store_of,
    survey,
    told,
    write,
)
from console.indexing import stopped_at_once
from console.locations import locations, made
from console.numbers import count
from console.opening import Wanted, load_settings
from console.output import emit, encoded, grid, json_bytes, note
from console.progress import Bar
from engine.errors import UsageError
from engine.remote.offline import OfflineRule
from engine.stores.elastic.listing import Listing


def connect_to(
    url: str,
    signs: Mapping[str, str],
    wanted: Wanted,
    *,
    index: str,
    hidden: bool,
    embedder: str,
    out: Path | None,
    force: bool,
    opens: bool,
    as_json: bool,
) -> None:
    """Propose settings for one index and write them; without an index that can only be one, list them.

    Raises ``EngineError``, ``StoreError``, ``UsageError`` and ``SettingsError``.
    """
    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} is there already", hint="--force writes over it; -O names another")
    loaded = load_settings(wanted)
    store = store_of(url, signs, index)
    if not index:
        listing = asyncio.run(survey(store, OfflineRule.of(loaded.settings.remote)))
        if as_json and (hidden or len(choice(listing)) != 1):
            emit(json_bytes(listing_json(listing, hidden=hidden)))
            return
        if hidden or len(choice(listing)) > 1:
            emit(encoded(_table(listing, hidden)))
            if not sys.stdin.isatty() or not opens or as_json:
                note("choose one with --index NAME")
                return
            names = {one.asked for one in choice(listing, hidden=hidden)}
            index = click.prompt("index", type=click.Choice(sorted(names)), show_choices=False, err=True)
        else:
            index = only_index(listing)
        store = store_of(url, signs, index)
    with Bar() as bar, stopped_at_once():
        found = asyncio.run(look(store, loaded, wanted=embedder, telling=lambda text: bar.at(text, 0, None)))
    if as_json:
        if out is not None:
            write(found, out)
        emit(json_bytes(proposal_json(found)))
        return
    proposal = found.proposal
    note(f"{proposal.engine} · {proposal.index} · {count(proposal.documents)} documents")
    emit(encoded(grid(["what", "choice", "why"], told(proposal))))
    places = locations()
    file = out or default_file(proposal, places)
    if out is None:
        made(places.config)
    write(found, file)
    note(f"written: {file}")
    if not opens or not sys.stdout.isatty():
        note(f"open it: rankscope -c {file}")
        return
    from console.starting import open_console

    open_console(Wanted(file))


def _table(listing: Listing, hidden: bool) -> str:
    rows = (
        [
            one.name,
            count(one.documents) if one.documents >= 0 else "",
            size_text(one.size),
            one.about,
        ]
        for one in choice(listing, hidden=hidden)
    )
    return grid(["index", "documents", "size", "aliases"], rows, numeric=["documents", "size"])
