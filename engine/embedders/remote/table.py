"""The table of embedding services, and what a name such as ``ollama/nomic-embed-text`` means by it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from engine.rerankers.remote.providers import GENERIC, Provider, overlaid
from engine.rerankers.remote.providers import table as reranking
from engine.settings.schema import ProviderSettings

_RERANKING = {
    "like",
    "path",
    "dialect",
    "extra",
    "instruction",
    "max_query_chars",
    "kind",
    "models",
    "listwise",
}
CONNECTION = frozenset(ProviderSettings.__struct_fields__) - _RERANKING - {"listwise_documents"}
"""What of ``[providers.NAME]`` holds for embedding as well; the rest is about reranking."""


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of a service's request and answer.

    model, input      request fields; model '' where the server has one only
    vectors, vector   where the list stands ('' the whole answer), and the vector in an entry that is an object
    query, documents  further fields, by what is embedded
    dimensions        the field that asks for another dimension (option ``dimensions``); '' where there is none
    """

    model: str = "model"
    input: str = "input"
    vectors: str = "data"
    vector: str = "embedding"
    query: dict[str, Any] = {}
    documents: dict[str, Any] = {}
    dimensions: str = ""


@cache
def table() -> Mapping[str, Provider]:
    """Every row that comes with the program, by name."""
    with (Path(__file__).parent / "embedders.toml").open("rb") as file:
        rows = tomllib.load(file)
    return {name: msgspec.convert({"name": name, **row}, Provider) for name, row in rows.items()}


def find(name: str, own: Mapping[str, ProviderSettings]) -> tuple[Provider, str] | None:
    """(provider, model) that ``PROVIDER/MODEL`` or ``PROVIDER`` names; None where there is no such provider.

    A provider of the user's own is as the row that it is like, where that embeds, else as an OpenAI-compatible server.
    """
    provider, _, model = name.partition("/")
    rows = table()
    if provider in own:
        changes = own[provider]
        start = next((each for each in (changes.like, provider) if each in rows), GENERIC)
        row = overlaid(provider, changes, rows[start], CONNECTION)
        reranks = reranking().get(changes.like or provider)
        if not changes.price_unit and reranks is not None and reranks.price_unit != row.price_unit:
            row = msgspec.structs.replace(row, price=0.0)  # a price of searches is none of tokens
    elif provider in rows:
        row = rows[provider]
    else:
        return None
    return row, model or (row.models[0] if row.models else "")
