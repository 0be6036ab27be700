"""The table of providers: one row of ``providers.toml`` each, overlaid by the ``[providers.NAME]`` of the settings.

What is not certain in a provider's documentation (limits above all) is a default here and a setting there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SettingsError
from engine.records import ScoreKind
from engine.remote.wire import Limits, Timeouts
from engine.settings.schema import ProviderSettings

GENERIC = "openai-compatible"
"""The row that a provider of the user's own starts from."""

BARE = "bare"
"""``auth_scheme`` of a provider that takes the key without a word before it."""

_AS_USUAL = ProviderSettings()
_MERGED = ("headers", "extra", "options")


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One provider, as far as it is data.

    name, label      as settings and screens have it
    base, path       the endpoint is ``urls.endpoint(provider, base_url, model)``; both may hold {model}, {slug} and
                     the names of options; an empty base must be given by the user
    paths            the path where a model has another; key_bases: the base where a key begins so
    dialect          row of ``dialects.DIALECTS``
    wire             what the dialect is told of this provider: names of request and result fields, index base, …
    fields           optional request fields that the provider documents
    extra            request fields that are always sent
    headers          header fields that are always sent
    instruction, max_tokens  the request field that takes ``rerank.instruction``, ``rerank.max_tokens``; '': none does
    auth_header, auth_scheme  ``Authorization: Bearer KEY``; '' sends the key alone, ``sigv4`` signs with it
    keys             variables that may hold the key, tried in order; ``ONE:OTHER`` joins two with a colon, and a third
                     where it is set
    api_key          what the settings say instead: ``file:PATH``, or the key itself
    needs_key        whether it answers nobody without one
    max_documents, max_chars, max_query_chars, max_bytes  hard caps of one request (chars of one document); 0: none
    batch            documents of one request as we ask, where nothing smaller is a cap
    max_request_tokens  the same, estimated: the query's for each document, and the documents'
    listwise         models whose scores depend on the other documents of the request (``*`` stands for any text):
                     one request of at most ``listwise_documents`` scores a query
    caps             what of the caps above a model has otherwise, by ``MODEL`` or ``prefix*``
    without          fields of ``extra`` that a model does not take
    kind, kinds      what the scores are, and where a model (or ``prefix*``) differs
    models           known to work; the first is taken where ``rerank.model`` is empty
    needs_model      whether a request names a model
    price            US dollars for a million of ``price_unit`` (tokens, searches); 0: not known
    local            it is software that a user runs, no service of somebody's
    suits, docs      what it suits, in a clause; the page its row was written from
    """

    name: str = ""
    label: str
    dialect: str
    base: str = ""
    path: str = "/rerank"
    paths: dict[str, str] = {}
    key_bases: dict[str, str] = {}
    wire: dict[str, Any] = {}
    fields: tuple[str, ...] = ()
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}
    options: dict[str, str] = {}
    instruction: str = ""
    max_tokens: str = ""
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer"
    keys: tuple[str, ...] = ()
    api_key: str = ""
    needs_key: bool = True
    max_documents: int = 0
    max_chars: int = 0
    max_query_chars: int = 0
    max_bytes: int = 0
    max_request_tokens: int = 0
    listwise_documents: int = 64
    batch: int = 64
    concurrency: int = 4
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    retries: int = 3
    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0
    listwise: tuple[str, ...] = ("*jina-reranker-v3*",)
    caps: dict[str, dict[str, int]] = {}
    without: dict[str, list[str]] = {}
    kind: ScoreKind = ScoreKind.PROBABILITY
    kinds: dict[str, ScoreKind] = {}
    models: tuple[str, ...] = ()
    needs_model: bool = True
    price: float = 0.0
    price_unit: str = "tokens"
    local: bool = False
    suits: str = ""
    docs: str = ""

    @property
    def limits(self) -> Limits:
        return Limits(self.concurrency, self.requests_per_minute, self.tokens_per_minute, self.retries)

    @property
    def timeouts(self) -> Timeouts:
        return Timeouts(self.connect_s, self.read_s, self.total_s)

    def of(self, model: str) -> Provider:
        """The row as it is for this model: its caps, and what is always sent."""
        caps = next((caps for pattern, caps in self.caps.items() if _matches(pattern, model)), {})
        left = next((names for pattern, names in self.without.items() if _matches(pattern, model)), [])
        extra = {name: value for name, value in self.extra.items() if name not in left}
        return msgspec.structs.replace(self, **caps, extra=extra)

    def is_listwise(self, model: str) -> bool:
        """Whether the model scores a list as one, so that splitting it changes its scores."""
        return any(_matches(pattern, model) for pattern in self.listwise)

    def kind_of(self, model: str) -> ScoreKind:
        """What the model's raw scores are."""
        return next((kind for pattern, kind in self.kinds.items() if _matches(pattern, model)), self.kind)

    def path_of(self, model: str) -> str:
        """What is appended to the base for this model."""
        return next((path for pattern, path in self.paths.items() if _matches(pattern, model)), self.path)

    def base_of(self, key: str) -> str:
        """The address for the holder of this key, '' where it is the usual one."""
        return next((base for start, base in self.key_bases.items() if key.startswith(start)), "")


def _matches(pattern: str, model: str) -> bool:
    return fnmatchcase(model.lower(), pattern.lower())


@cache
def table() -> Mapping[str, Provider]:
    """Every row that comes with the program, by name."""
    with (Path(__file__).parent / "providers.toml").open("rb") as file:
        rows = tomllib.load(file)
    return {name: msgspec.convert({"name": name, **row}, Provider) for name, row in rows.items()}


def providers(own: Mapping[str, ProviderSettings]) -> dict[str, Provider]:
    """The table with the user's own rows and changes. Raises ``SettingsError``."""
    return {**table(), **{name: _overlaid(name, changes) for name, changes in own.items()}}


def provider(name: str, own: Mapping[str, ProviderSettings]) -> Provider | None:
    """One row with the user's changes, None where there is none of this name. Raises ``SettingsError``."""
    return _overlaid(name, own[name]) if name in own else table().get(name)


def _overlaid(name: str, changes: ProviderSettings) -> Provider:
    """The row that the settings name, with everything that they change about it."""
    start = changes.like or (name if name in table() else GENERIC)
    row = table().get(start)
    if row is None:
        path, near = f"providers.{name}.like", get_close_matches(start, table(), 1)
        hint = f"did you mean {near[0]!r}?" if near else "`rankscope providers` lists them"
        raise SettingsError(f"{path}: there is no provider {start!r}", path=path, hint=hint)
    return overlaid(name, changes, row, frozenset(changes.__struct_fields__))


def overlaid(name: str, changes: ProviderSettings, row: Provider, keys: Collection[str]) -> Provider:
    """A row under another name, with those of the keys changed that the settings set."""
    given = {key: value for key in keys if (value := getattr(changes, key)) != getattr(_AS_USUAL, key)}
    new: dict[str, Any] = {"name": name, "label": row.label if name == row.name else name}
    new["caps"] = {model: {k: v for k, v in caps.items() if k not in given} for model, caps in row.caps.items()}
    for key, value in given.items():
        if key in _MERGED:
            new[key] = {**getattr(row, key), **value}
        elif key == "base_url":
            new |= {"base": value, "key_bases": {}}
        elif key == "path":
            new |= {"path": value, "paths": {}}
        elif key == "kind":
            new |= {"kind": ScoreKind(value), "kinds": {}}
        elif key == "api_key":
            new |= {"api_key": value, "needs_key": True}
        elif key == "auth_scheme" and value == BARE:
            new["auth_scheme"] = ""
        elif key != "like":
            new[key] = tuple(value) if isinstance(value, list) else value
    return msgspec.structs.replace(row, **new)
