"""Faults on demand: a vendor, made to fail in one way. ``FAULTS[name](vendor)`` is the vendor that does.

Those of ``REFUSING`` and ``IN_ENTRIES`` make an answer that cannot be used at all; those of ``STILL_ANSWERED`` do not.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.servers.loopback import Reply, Request

Vendor = Callable[[Request], Reply]
Fault = Callable[[Vendor], Vendor]

_INDEX, _SCORE = ("index", "id"), ("relevance_score", "score", "logit", "relevanceScore", "grade", "embedding")
STATUSES = (400, 401, 402, 403, 404, 408, 413, 422, 429, 498, 500, 501, 503, 529)


def entries(body: Any) -> list[dict[str, Any]]:
    """The first list of objects that carry an index, wherever it stands."""
    if isinstance(body, list):
        if body and isinstance(body[0], dict) and any(key in body[0] for key in _INDEX) and "message" not in body[0]:
            return body
        return next((found for item in body if (found := entries(item))), [])
    if isinstance(body, dict):
        return next((found for item in body.values() if (found := entries(item))), [])
    return []


def spoiled(spoil: Callable[[list[dict[str, Any]], str, str], None]) -> Fault:
    """A fault in the entries: ``spoil(entries, index key, score key)`` changes them in place."""

    def change(body: Any) -> Any:
        if isinstance(body, dict) and "choices" in body:
            message = body["choices"][0]["message"]
            message["content"] = json.dumps(change(json.loads(message["content"])))
            return body
        found = entries(body)
        if found:
            index = next(key for key in _INDEX if key in found[0])
            spoil(found, index, next(key for key in _SCORE if key in found[0]))
        return body

    return lambda vendor: lambda request: _rewritten(vendor(request), change)


def always(reply: Reply) -> Fault:
    """The same answer to everything."""
    return lambda vendor: lambda request: reply


def changed(**fields: Any) -> Fault:
    """The vendor's own answer, sent in another way."""
    return lambda vendor: lambda request: replace(vendor(request), **fields)


def _rewritten(reply: Reply, change: Callable[[Any], Any]) -> Reply:
    if reply.status != 200:
        return reply
    return replace(reply, body=json.dumps(change(json.loads(reply.body))).encode())


def _out_of_range(found: list[dict[str, Any]], index: str, score: str) -> None:
    found[0][index] = "1000" if isinstance(found[0][index], str) else 1000


def _twice(found: list[dict[str, Any]], index: str, score: str) -> None:
    found[-1][index] = found[0][index]


def _words(found: list[dict[str, Any]], index: str, score: str) -> None:
    found[0][index] = "first"


def _no_index(found: list[dict[str, Any]], index: str, score: str) -> None:
    del found[0][index]


def _from_one(found: list[dict[str, Any]], index: str, score: str) -> None:
    for entry in found:
        entry[index] = type(entry[index])(int(entry[index]) + 1)


def _nan(found: list[dict[str, Any]], index: str, score: str) -> None:
    found[0][score] = [float("nan")] if score == "embedding" else float("nan")


def _word_score(found: list[dict[str, Any]], index: str, score: str) -> None:
    found[0][score] = "high"


def _half(found: list[dict[str, Any]], index: str, score: str) -> None:
    del found[len(found) // 2 :]


def _zipped(vendor: Vendor) -> Vendor:
    def respond(request: Request) -> Reply:
        reply = vendor(request)
        headers = {**reply.headers, "Content-Encoding": "gzip"}
        return replace(reply, body=gzip.compress(reply.body), headers=headers)

    return respond


IN_ENTRIES: dict[str, Fault] = {
    "index out of range": spoiled(_out_of_range),
    "duplicate index": spoiled(_twice),
    "index in words": spoiled(_words),
    "no index": spoiled(_no_index),
    "counted from one": spoiled(_from_one),
    "NaN score": spoiled(_nan),
    "score in words": spoiled(_word_score),
}
"""For vendors whose answers carry an index."""

REFUSING: dict[str, Fault] = {
    "html": always(
        Reply(200, b"<!doctype html><title>Sign in</title><p>Sign in to continue", {"Content-Type": "text/html"})
    ),
    "nothing": always(Reply(200, b"")),
    "error under 200": always(Reply(200, b'{"error":{"message":"model is loading","type":"server_error"}}')),
    "no list": always(
        Reply(200, b'{"error":"Unexpected endpoint or method. (POST /v1/rerank). Returning 200 anyway"}')
    ),
    "empty list": always(Reply(200, b"[]")),
    "truncated json": lambda vendor: lambda request: replace(vendor(request), body=vendor(request).body[:-5]),
    "reset mid-body": changed(cut=12),
    "reset before": always(Reply(raw=b"")),
    "not http": always(Reply(raw=b"220 smtp.example ESMTP\r\n\r\n")),
    "slow first byte": changed(delay_s=5.0),
    "redirect": always(Reply(307, b"", {"Location": "http://127.0.0.1:1/v1/rerank/"})),
    "429, retry after": always(Reply(429, b'{"message":"slow down"}', {"Retry-After": "30"})),
    **{f"{status}": always(Reply(status, b'{"message":"the vendor says why"}')) for status in STATUSES},
}

STILL_ANSWERED: dict[str, Fault] = {
    "missing documents": spoiled(_half),
    "gzip": _zipped,
    "drip": changed(drip_s=0.0002),
}

FAULTS: dict[str, Fault] = {**REFUSING, **IN_ENTRIES, **STILL_ANSWERED}
