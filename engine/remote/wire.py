"""What goes over the wire and comes back, as values: no I/O here, no HTTP library, nothing to wait for.

A dialect makes a ``WireRequest`` and reads a ``WireResponse``; ``engine.remote.client`` sends the one and returns the
other. ``Limits`` and ``Timeouts`` are the provider's row of the table, as far as the client keeps to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.secrets import shown_url

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

ErrorText = Callable[[int, bytes], str]
"""A dialect's reader of error bodies: status and body → what the provider says, '' where it says nothing."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request, ready to be sent. ``headers`` hold keys: they are in no ``repr`` and in no log."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @classmethod
    def post(cls, url: str, body: Any, headers: Mapping[str, str] | None = None) -> WireRequest:
        """A POST of the body as JSON; ``headers`` come on top of content type and accepted type."""
        return cls("POST", url, {**JSON_HEADERS, **(headers or {})}, msgspec.json.encode(body))

    @property
    def origin(self) -> str:
        """Scheme, host and port, lower case, without user and password: what a client and its connections belong to."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return f"{parts.scheme.lower()}://{host}{'' if parts.port is None else f':{parts.port}'}"

    @property
    def shown_url(self) -> str:
        """The address as it may be shown: without user, password or key."""
        return shown_url(self.url)


@dataclass(frozen=True, slots=True)
class WireTiming:
    """Where the time of one answered request went, in milliseconds; the parts sum to ``total_ms``.

    waited_ms      behind the provider's own limits (concurrency, requests and tokens a minute)
    retried_ms     in attempts that failed, and the pauses after them
    first_byte_ms  from sending to the answer's headers: network there, the server's queue and work
    body_ms        reading and unpacking the answer
    began          when the call was made, seconds of ``perf_counter``
    """

    waited_ms: float = 0.0
    retried_ms: float = 0.0
    first_byte_ms: float = 0.0
    body_ms: float = 0.0
    attempts: int = 1
    began: float = 0.0

    @property
    def total_ms(self) -> float:
        return self.waited_ms + self.retried_ms + self.first_byte_ms + self.body_ms


@dataclass(frozen=True, slots=True)
class WireResponse:
    """An answer below 300. ``headers`` have lower-case names; ``body`` is whole and unpacked (gzip, deflate)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    timing: WireTiming = WireTiming()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two reads (the first byte included), for the whole call with its retries."""

    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the client keeps to with one provider; 0 is no limit.

    concurrency          requests in flight
    requests_per_minute  in any sixty seconds
    tokens_per_minute    the same, by the callers' estimates of what a request costs
    retries              further attempts after the first
    max_response_bytes   an answer above is refused, unpacked
    """

    concurrency: int = 16
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    retries: int = 2
    max_response_bytes: int = 64 * 1024 * 1024


def _says_nothing(status: int, body: bytes) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked, as the client needs to know it. Requests to one origin with the same name, limits and timeouts
    share connections and turns."""

    name: str
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    error_text: ErrorText = _says_nothing
