"""What ``rankscope providers`` and ``rankscope stats`` tell of the services there are and of their use."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from console.locations import locations
from console.numbers import count, duration
from console.opening import Wanted, load_settings
from console.output import emit, encoded, grid, json_bytes, note
from engine.embedders.remote import table as embedding
from engine.errors import SettingsError, UsageError
from engine.remote.ledger import Ledger, Usage
from engine.remote.offline import OfflineRule, Place
from engine.rerankers.plugins import Plugin, plugins
from engine.rerankers.registry import RERANKERS
from engine.rerankers.remote.keys import key_source, unset_variable
from engine.rerankers.remote.providers import Provider, providers
from engine.rerankers.remote.urls import endpoint
from engine.secrets import shown_url
from engine.settings.schema import Settings

_SHORT_PLACES = {Place.MACHINE: "here", Place.NETWORK: "network", Place.INTERNET: "internet"}


def list_providers(names: Sequence[str], wanted: Wanted, *, ready: bool, as_json: bool) -> None:
    """Print the table. Raises ``UsageError`` for a name that is not in it."""
    rows = provider_rows(load_settings(wanted).settings)
    known = {row["name"] for row in rows}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no provider {name!r}", hint="`rankscope providers` lists them")
    rows = [row for row in rows if (not names or row["name"] in names) and (row["ready"] or not ready)]
    if as_json:
        emit(json_bytes(rows))
        return
    header = ["name", "does", "key", "where", "suits"]
    emit(encoded(grid(header, ([row["name"], _does(row), _key(row), _where(row), row["suits"]] for row in rows))))
    note(f"{len(rows)} providers; `rankscope providers NAME -o json` tells all of one, `rankscope doctor NAME` asks it")


def provider_rows(settings: Settings) -> list[dict[str, Any]]:
    """Every provider with what is configured, as JSON has it."""
    rule = OfflineRule.of(settings.remote)
    embedders = embedding.table()
    rerankers = providers(settings.providers)
    rows = [_row(row, settings, rule, "rerank", name in embedders) for name, row in rerankers.items()]
    rows += [_row(row, settings, rule, "", True) for name, row in embedders.items() if name not in rerankers]
    taken = {*rerankers, *RERANKERS}
    return rows + [_plugin(name, offered, settings) for name, offered in plugins().items() if name not in taken]


def _row(provider: Provider, settings: Settings, rule: OfflineRule, purpose: str, embeds: bool) -> dict[str, Any]:
    chosen = settings.rerank if settings.rerank.provider == provider.name else None
    model = (chosen.model if chosen else "") or (provider.models[0] if provider.models else "")
    try:
        url = endpoint(provider, chosen.base_url if chosen else "", model)
        missing = ""
    except SettingsError as error:
        url, missing = "", error.message
    reference = chosen.api_key if chosen else ""
    key = key_source(provider, reference, os.environ)
    if unset := unset_variable(provider, reference, os.environ):
        key, missing = "", missing or f"{unset} is not set"
    place = rule.place(url) if url else None
    allowed = place is Place.MACHINE or not rule.offline
    return {
        "name": provider.name,
        "label": provider.label,
        "reranks": bool(purpose),
        "embeds": embeds,
        "own": provider.name in settings.providers,
        "chosen": chosen is not None and settings.rerank.enabled,
        "ready": bool(url) and allowed and not unset and (bool(key) or not provider.needs_key),
        "missing": missing,
        "key": key,
        "key_variables": [unset] if unset else list(provider.keys),
        "needs_key": provider.needs_key or bool(unset),
        "url": shown_url(url),
        "where": str(place) if place else "",
        "dialect": provider.dialect,
        "models": list(provider.models),
        "fields": list(provider.fields),
        "score_kind": str(provider.kind_of(model)),
        "listwise": provider.is_listwise(model),
        "batch": min(provider.batch, provider.max_documents or provider.batch),
        "max_documents": provider.max_documents,
        "suits": provider.suits,
        "docs": provider.docs,
    }


def _plugin(name: str, offered: Sequence[Plugin], settings: Settings) -> dict[str, Any]:
    """A reranker of another package, which is not loaded for this."""
    origins = [plugin.origin for plugin in offered]
    row = _row(Provider(name=name, label=origins[0], dialect="plugin"), settings, OfflineRule(), "rerank", False)
    missing = f"offered by {' and by '.join(origins)}" if len(origins) > 1 else ""
    known = {"url": "", "where": "", "dialect": "plugin", "batch": 0, "missing": missing, "ready": not missing}
    return {**row, **known, "suits": f"a plugin: {', '.join(origins)}"}


def _does(row: dict[str, Any]) -> str:
    return " ".join(word for word, does in (("rerank", row["reranks"]), ("embed", row["embeds"])) if does)


def _key(row: dict[str, Any]) -> str:
    if row["key"]:
        return f"✓ {row['key']}"
    name = row["key_variables"][0].split(":")[0] if row["key_variables"] else ""
    return f"– {name}" if row["needs_key"] else "not needed"


def _where(row: dict[str, Any]) -> str:
    if row["dialect"] == "plugin":
        return "plugin"
    return _SHORT_PLACES[Place(row["where"])] if row["where"] else "base_url?"


def show_stats(days: float | None, *, as_json: bool) -> None:
    """Print the account of calls."""
    ledger = Ledger(locations().calls_file)
    try:
        usages = ledger.summary(time.time() - days * 86_400 if days else 0.0)
    finally:
        ledger.close()
    if as_json:
        emit(json_bytes([_usage_json(usage) for usage in usages]))
        return
    if not usages:
        note("no service was asked" + (f" in the last {days:g} days" if days else " yet"))
        return
    header = ["provider", "model", "for", "calls", "errors", "p50", "p95", "documents", "tokens", "cost"]
    emit(encoded(grid(header, map(_usage_row, usages), numeric=header[3:])))


def _usage_json(usage: Usage) -> dict[str, Any]:
    numbers = {name: None if _absent(value) else value for name, value in asdict(usage).items()}
    return {**numbers, "usd": numbers.pop("cost")}


def _absent(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _usage_row(usage: Usage) -> list[str]:
    errors = " ".join(f"{number} {kind}" for kind, number in usage.failures.items()) or "0"
    return [
        usage.provider,
        usage.model or "–",
        usage.purpose,
        count(usage.calls),
        errors,
        "–" if _absent(usage.p50_ms) else duration(usage.p50_ms),
        "–" if _absent(usage.p95_ms) else duration(usage.p95_ms),
        count(usage.documents),
        "–" if usage.tokens is None else count(usage.tokens),
        "–" if usage.cost is None else f"{usage.cost:.4f} US$",
    ]
