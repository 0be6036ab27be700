"""Settings for an index that nobody described: what ``rankscope connect`` and its screen do, without either."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import Table

from console.engine_wish import SIGNS
from console.indexing import embedding
from console.locations import Locations
from engine.errors import EngineError, SettingsError, UsageError
from engine.files import write_atomically
from engine.remote.offline import OfflineRule
from engine.secrets import is_reference
from engine.settings.load import Loaded
from engine.settings.schema import StoreSettings
from engine.stores.elastic.embedder_guess import guess, nearness
from engine.stores.elastic.listing import Listed, Listing, Seen, list_indices, see
from engine.stores.elastic.proposal import Proposal, propose


@dataclass(frozen=True, slots=True)
class Found:
    """An index that was looked at: how to reach it, what was seen, and what is proposed."""

    store: StoreSettings
    seen: Seen
    proposal: Proposal


def store_of(url: str, signs: Mapping[str, str], index: str = "") -> StoreSettings:
    """The ``[store]`` of an address as people type it: without a scheme it is http on port 9200.

    Raises ``SettingsError`` for a secret itself where a reference to it belongs: all of this goes into a file.
    """
    text = url.strip()
    if text and "://" not in text:
        host, slash, path = text.partition("/")
        text = f"http://{host if ':' in host else f'{host}:9200'}{slash}{path}"
    text = text.rstrip("/")
    _refuse_secrets(text, signs)
    given = {"kind": "elasticsearch", "url": text, "index": index, **signs}
    if ca := given.get("ca_file"):
        given["ca_file"] = os.path.abspath(Path(ca).expanduser())
    return msgspec.convert(given, StoreSettings)


def _refuse_secrets(url: str, signs: Mapping[str, str]) -> None:
    way = "write env:NAME, file:PATH or keyring:NAME, which says where it is"
    for name in ("api_key", "password", "bearer"):
        if signs.get(name) and not is_reference(signs[name]):
            label = name.replace("_", " ")
            raise SettingsError(f"the {label} itself would stand in the settings file", path=f"store.{name}", hint=way)
    if any("@" in part.partition("//")[2].partition("/")[0] for part in url.replace(",", " ").split()):
        hint = "leave it out of the address: user NAME, password env:NAME (--username, --password)"
        raise SettingsError("the address holds a password, which would stand in the settings file", hint=hint)


OPTIONS: Mapping[str, str] = {
    "unauthorized": "--api-key env:NAME, or --username NAME --password env:NAME",
    "tls": "--ca-file FILE with the cluster's certificate, or --fingerprint; http:// where it has none",
    "forbidden": "--index NAME with an index that it may read; listing them takes the right to monitor",
    "connect": "is the engine running, and is this its address?",
}
"""Kind of fault → the way out on the command line."""


async def survey(
    store: StoreSettings, rule: OfflineRule | None = None, *, ways: Mapping[str, str] = OPTIONS
) -> Listing:
    """What answers there, and its indices. Raises ``EngineError``, whose hint is one of the ``ways`` out."""
    try:
        return await list_indices(store, rule=rule)
    except EngineError as error:
        raise _told(error, ways) from error


def _told(error: EngineError, ways: Mapping[str, str]) -> EngineError:
    """The same error, its way out in terms of what is being typed."""
    hint = ways.get(error.kind, error.hint)
    return EngineError(error.message, kind=error.kind, status=error.status, hint=hint, stage=error.stage)


def choice(listing: Listing, *, hidden: bool = False) -> list[Listed]:
    """The indices to choose from, the largest first; system ones only where they are asked for."""
    shown = [one for one in listing.indices if hidden or not one.system]
    return sorted(shown, key=lambda one: (-one.documents, one.name))


def only_index(listing: Listing) -> str:
    """The name of the one index that there is to choose. Raises ``UsageError`` for none, and for several."""
    able = choice(listing)
    if not able:
        raise UsageError(
            f"{listing.engine} has no index",
            hint="rankscope index SOURCE --into …:NAME makes one; --all shows hidden ones",
        )
    if len(able) > 1:
        names = ", ".join(one.asked for one in able[:6])
        raise UsageError(f"there are {len(able)} indices", hint=f"choose one with --index: {names}")
    return able[0].asked


async def look(
    store: StoreSettings,
    loaded: Loaded,
    *,
    wanted: str = "",
    telling: Callable[[str], None] = lambda text: None,
    ways: Mapping[str, str] = OPTIONS,
) -> Found:
    """What is proposed for the index of ``store``; models on this machine are tried for its vectors.

    wanted  the embedder that the user says it is, '' for none

    Raises ``EngineError``, and ``StoreError`` for an index that cannot be searched.
    """
    try:
        seen = await see(store, rule=OfflineRule.of(loaded.settings.remote))
    except EngineError as error:
        raise _told(error, ways) from error
    store = msgspec.structs.replace(store, kind=seen.engine.name)
    async with embedding(loaded) as context:
        proposal = propose(seen, nearness(context, wanted))
        return Found(store, seen, await guess(proposal, seen.samples, context, wanted=wanted, telling=telling))


async def embedded(
    proposal: Proposal,
    seen: Seen,
    loaded: Loaded,
    *,
    wanted: str = "",
    telling: Callable[[str], None] = lambda text: None,
) -> Proposal:
    """The proposal with the embedder that fits its field of vectors, as far as that can be told."""
    async with embedding(loaded) as context:
        return await guess(proposal, seen.samples, context, wanted=wanted, telling=telling)


# ---- the settings file


def settings_text(store: StoreSettings, proposal: Proposal) -> str:
    """The settings file that the proposal makes, each choice with its reason as a comment."""
    file = tomlkit.document()
    engine = proposal.engine
    _comment(file, f"{proposal.index} in {engine}, {proposal.documents:,} documents: proposed by `rankscope connect`.")
    _comment(file, "Each choice stands with its reason. `rankscope config init -` explains every key.")
    for text in proposal.notes:
        _comment(file, f"Note: {text}.")
    file.add("store", _store(store, proposal))
    legs = tomlkit.table(is_super_table=True)
    if proposal.fields:
        legs.add("lexical", _lexical(proposal))
    if proposal.dense:
        legs.add("dense", _dense(proposal))
    file.add("legs", legs)
    weights = tomlkit.table()
    for name, weight in proposal.weights.items():
        if name in legs:
            weights.add(name, weight)
    if proposal.vector is not None and not proposal.dense and proposal.fields:
        _without_embedder(legs["lexical"], proposal)
        weights["lexical"] = 0.3
        _comment(weights, "dense = 0.7")
    file.add("weights", weights)
    rerank = tomlkit.table()
    rerank.add(tomlkit.comment("What the reranker reads of a document: its title, then its longest texts."))
    rerank.add("text", proposal.template or "{title}\n{text}")
    file.add("rerank", rerank)
    return tomlkit.dumps(file)


def _comment(parent: tomlkit.TOMLDocument | Table, text: str) -> None:
    parent.add(tomlkit.comment(" ".join(text.split())))


def _store(store: StoreSettings, proposal: Proposal) -> Table:
    table = tomlkit.table()
    for name in ("kind", "url", "index"):
        table.add(name, getattr(store, name))
    for name in SIGNS:
        if value := getattr(store, name):
            table.add(name, value)
    _comment(table, f"Title: {proposal.title or 'none'}: {proposal.title_reason}.")
    if proposal.title and proposal.title != "title":
        table.add("title_field", proposal.title)
    _comment(table, f"Id: {proposal.id_reason}.")
    if proposal.id_field:
        table.add("id_field", proposal.id_field)
    _comment(table, f"Fields to fetch: {proposal.display_reason}.")
    if proposal.display:
        table.add("fields", list(proposal.display))
    return table


def _lexical(proposal: Proposal) -> Table:
    table = tomlkit.table()
    for use in proposal.texts:
        mark = f"{use.boost:g}" if use.taken else "left out"
        _comment(table, f"{use.name} ({mark}): {use.reason}")
    fields = tomlkit.inline_table()
    fields.update(proposal.fields)
    table.add("fields", fields)
    return table


def _dense(proposal: Proposal) -> Table:
    table, made = tomlkit.table(), proposal.embedding
    assert proposal.vector is not None
    _comment(table, f"{proposal.vector.name}: {proposal.vector_reason}")
    table.add("field", proposal.vector.name)
    _comment(table, f"Embedder: {made.name}: {made.reason or 'not looked for'}")
    table.add("embedder", made.name)
    if made.text:
        table.add("text", _our_template(made.text, proposal))
    if not (proposal.vector.exact or not proposal.vector.indexed):
        _comment(table, "The field is searched approximately; exact = true compares every vector.")
    for name in proposal.sparse:
        _comment(table, f"{name} holds sparse vectors: they can be a leg too, see `rankscope config init -`.")
    return table


def _without_embedder(table: Table, proposal: Proposal) -> None:
    """The dense leg as comments, ready to be taken in. A leg of weight 0 would not do: the reranker ``term`` asks it
    for cosines all the same, and a query embedded by something else has none to give."""
    made, vector = proposal.embedding, proposal.vector
    assert vector is not None
    table.add(tomlkit.nl())
    for line in (
        f"{vector.name}: {proposal.vector_reason}",
        f"Embedder: unknown: {made.reason or 'not looked for'}",
        "The vectors are searched once embedder names what made them, and these lines and weights.dense lose their #:",
        "[legs.dense]",
        f"field = {tomlkit.item(vector.name).as_string()}",
        f'embedder = "{made.fits[0] if made.fits else "PROVIDER/MODEL"}"',
    ):
        _comment(table, line)


def _our_template(template: str, proposal: Proposal) -> str:
    """The template with the title's field by the name that documents have it under."""
    return template.replace(f"{{{proposal.title}}}", "{title}") if proposal.title else template


def default_file(proposal: Proposal, places: Locations) -> Path:
    """Where the settings go when nobody says: among the user's own, by the index's name; never over another file."""
    stem = re.sub(r"[^\w.-]+", "_", proposal.index).strip("._") or "index"
    file, number = places.config / f"{stem}.toml", 1
    while file.exists():
        number += 1
        file = places.config / f"{stem}-{number}.toml"
    return file


def write(found: Found, file: Path) -> None:
    """Put the settings in place. Raises ``StoreError`` where nothing is to be searched, ``UsageError``."""
    found.proposal.check()
    try:
        write_atomically(file, settings_text(found.store, found.proposal))
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}", hint="name another file with -O") from error


# ---- for programs


def proposal_json(found: Found) -> dict[str, Any]:
    """The proposal for ``-o json``: what is chosen, why, and the settings file as text."""
    proposal = found.proposal
    vector = proposal.vector
    return {
        "engine": {"name": proposal.engine.name, "version": ".".join(map(str, proposal.engine.version))},
        "index": proposal.index,
        "documents": proposal.documents,
        "fields": [asdict(use) for use in proposal.texts],
        "title": {"field": proposal.title or None, "reason": proposal.title_reason},
        "id": {"field": proposal.id_field or None, "reason": proposal.id_reason},
        "display": {"fields": list(proposal.display), "reason": proposal.display_reason},
        "vector": {**(asdict(vector) if vector else {"name": None}), "reason": proposal.vector_reason},
        "embedder": asdict(proposal.embedding),
        "weights": proposal.weights,
        "notes": list(proposal.notes),
        "settings": settings_text(found.store, proposal),
    }


def listing_json(listing: Listing, *, hidden: bool) -> dict[str, Any]:
    return {
        "engine": {"name": listing.engine.name, "version": ".".join(map(str, listing.engine.version))},
        "indices": [asdict(one) | {"asked": one.asked} for one in choice(listing, hidden=hidden)],
    }


def size_text(size: int) -> str:
    """``14 MB``; '' where it is not known."""
    value, units = float(size), ("B", "kB", "MB", "GB", "TB")
    if size < 0:
        return ""
    for unit in units:
        if value < 1000 or unit == units[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def told(proposal: Proposal) -> Iterable[tuple[str, str, str]]:
    """(what, choice, reason) of everything proposed, for a table."""
    for use in proposal.texts:
        yield ("text field", f"{use.name} ×{use.boost:g}" if use.taken else f"not {use.name}", use.reason)
    yield ("title", proposal.title or "none", proposal.title_reason)
    yield ("id", proposal.id_field or "_id", proposal.id_reason)
    yield ("fetched", ", ".join(proposal.display) or "all fields", proposal.display_reason)
    yield ("vectors", proposal.vector.name if proposal.vector else "none", proposal.vector_reason)
    if proposal.vector is not None:
        yield ("embedder", proposal.embedding.name or "unknown", proposal.embedding.reason or "not looked for yet")
    for text in proposal.notes:
        yield ("note", "", text)
