"""Calls and answers for the tests of the dialects: no sockets, the loopback vendors asked as functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.remote.wire import WireRequest, WireResponse
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.base import converse
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall
from engine.rerankers.remote.providers import Provider, table
from engine.secrets import Secret
from tests.servers import aws, strict
from tests.servers.loopback import Reply, Request

QUERY = "how long do bees sleep"
DOCUMENTS = (
    "Honey keeps for years in a closed jar.",
    "Old bees sleep between five and eight hours a day.",
    "A hive of wood outlasts one of straw.",
    "How bees find flowers.",
    "bees sleep long, but how",
)
BEST = 4
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def row(name: str = "cohere", **changes: Any) -> Provider:
    """A row of the table, changed."""
    return msgspec.structs.replace(table()[name], **changes)


def plain(dialect: str, **fields: Any) -> Provider:
    """A row of nobody's."""
    return Provider(name="acme", label="Acme", dialect=dialect, base="http://localhost:9000", **fields)


def call(provider: Provider, documents: Sequence[str] = DOCUMENTS, **fields: Any) -> RerankCall:
    model = fields.pop("model", provider.models[0] if provider.models else "")
    return RerankCall(provider, fields.pop("query", QUERY), list(documents), model, at=AT, **fields)


def key_for(provider: Provider) -> Secret:
    """The key that the loopback vendor of this row takes."""
    if provider.auth_scheme == "sigv4":
        return Secret(f"{aws.ACCESS_KEY}:{aws.SECRET_KEY}:{aws.TOKEN}")
    return Secret(strict.KEY)


def answer(body: Any, status: int = 200, **headers: str) -> WireResponse:
    """An answer with this body: bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return WireResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def parse(provider: Provider, body: Any, n: int = 3, **fields: Any) -> ParsedScores:
    asked = call(provider, [f"document {number}" for number in range(n)], **fields)
    response = body if isinstance(body, WireResponse) else answer(body)
    return DIALECTS[provider.dialect].parse(response, asked)


def delivered(request: WireRequest) -> Request:
    """The request as a server reads it."""
    url = urlsplit(request.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    headers = {"host": url.netloc, **{name.lower(): value for name, value in request.headers.items()}}
    return Request(f"{request.method} {target} HTTP/1.1", headers, request.body, 0.0)


class RefusedError(Exception):
    """A vendor's answer from 300."""


def ask(asked: RerankCall, vendor: Callable[[Request], Reply]) -> ParsedScores:
    """The whole conversation with a vendor."""
    dialect = DIALECTS[asked.provider.dialect]

    async def send(request: WireRequest) -> WireResponse:
        reply = vendor(delivered(request))
        if reply.status >= 300:
            raise RefusedError(f"{reply.status}: {dialect.error_text(reply.status, reply.body)}")
        return WireResponse(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    async def sleep(seconds: float) -> None:
        assert 0 < seconds < 5

    return asyncio.run(converse(dialect, asked, send, sleep))
