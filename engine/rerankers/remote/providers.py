"""The table of providers: one row of ``providers.toml`` each, overlaid by the ``[providers.NAME]`` of the settings.

What is not certain in a provider's documentation (limits above all) is a default here and a setting there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.records import ScoreKind
from engine.remote.wire import Limits, Timeouts

Scalar = str | int | float | bool


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One provider, as far as it is data.

    name, label      as settings and screens have it
    base, path       the endpoint is ``urls.endpoint(provider, base_url, model, options)``; both may hold {model},
                     {slug} and the options' names; an empty base must be given by the user
    dialect          row of ``dialects.DIALECTS``
    wire             what the dialect is told of this provider: names of request and result fields, index base, …
    fields           optional request fields that the provider documents: none other may be sent
    extra            request fields that are always sent
    headers          header fields that are always sent
    instruction, max_tokens  the request field that takes ``rerank.instruction``, ``rerank.max_tokens``; '': none does
    auth_header, auth_scheme  ``Authorization: Bearer KEY``; scheme '' sends the bare key, ``sigv4`` signs with it
    keys             variables that may hold the key, tried in order
    needs_key        whether it answers nobody without one
    max_documents, max_chars, max_query_chars, max_bytes  hard caps of one request (chars of one document); 0: none
    batch            documents of one request as we ask, where nothing smaller is a cap
    cap_total        ``max_documents`` holds for the query as a whole, because a split list would not compare
    listwise         models whose scores depend on the other documents of the request; ``*`` ends a prefix
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
    needs_key: bool = True
    max_documents: int = 0
    max_chars: int = 0
    max_query_chars: int = 0
    max_bytes: int = 0
    batch: int = 64
    cap_total: bool = False
    concurrency: int = 4
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    retries: int = 3
    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0
    listwise: tuple[str, ...] = ()
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

    def is_listwise(self, model: str) -> bool:
        """Whether the model scores a list as one, so that splitting it changes its scores."""
        return any(_matches(pattern, model) for pattern in self.listwise)

    def kind_of(self, model: str) -> ScoreKind:
        """What the model's raw scores are."""
        return next((kind for pattern, kind in self.kinds.items() if _matches(pattern, model)), self.kind)


def _matches(pattern: str, model: str) -> bool:
    prefix = pattern.removesuffix("*")
    return model.startswith(prefix) if prefix != pattern else model == pattern


def named(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Provider]:
    """Rows of a TOML table as records. Raises ``msgspec.ValidationError`` with the path of the fault."""
    return {name: msgspec.convert({"name": name, **row}, Provider) for name, row in rows.items()}
