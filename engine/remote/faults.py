"""What went wrong with one attempt, and how it is told: provider, cause, remedy, and never a key."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from engine.errors import RemoteError
from engine.remote import retry
from engine.remote.texts import excerpt
from engine.remote.wire import Service, Timeouts, WireRequest
from engine.secrets import mask, register_secret, shown_url

_KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key")

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_KIND_HINTS = {
    "header": "check the key: no line break, no typographic quotes or dashes, nothing but the key",
    "dns": "check the host name in base_url, and that this machine is online",
    "proxy": "check http_proxy, https_proxy, all_proxy and no_proxy of the environment, and the system's settings",
    "connect": "is the server running, and is base_url its address?",
    "tls": "check that base_url begins with the right one of http and https; SSL_CERT_FILE names further certificates",
    "timeout": "a smaller rerank.top_n, or a longer time-out",
    "reset": "the server closed the connection: its own log may say why",
    "body": "the answer was cut short or damaged: a proxy in between, or the server's own log",
    "redirect": "set base_url to the address it points to",
    "refused": "the provider's documentation may say why",
    "limited": "wait, or raise the provider's limits (requests_per_minute, tokens_per_minute)",
    "overloaded": "wait, or lower the provider's limits (concurrency, requests_per_minute)",
}
_STATUS_HINTS = {
    400: "check the model's name, and the lengths of query and documents",
    401: "check the key: `rankscope providers` says where it comes from",
    402: "the account has no credit left",
    403: "the key may not be used for this model or from this place",
    404: "check base_url and the model's name",
    407: _KIND_HINTS["proxy"],
    405: "check base_url: this address takes no such request",
    413: "send less: a smaller rerank.top_n, or rerank.max_chars",
    422: "check the model's name, and the lengths of query and documents",
    501: "the server was started without this ability",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """``what`` completes "PROVIDER: …"; ``wait_s`` is what the service asks to wait, None where it asks nothing;
    ``hint`` is there where those of kind and status would mislead."""

    kind: str
    what: str
    status: int = 0
    wait_s: float | None = None
    hint: str = ""

    def late(self, pause_s: float, left_s: float) -> Fault:
        """The same where the next attempt would come after the budget's end."""
        left = f"{max(0.0, left_s):.2g} s of the budget are left"
        return replace(self, what=f"{self.what}; the next attempt would be in {pause_s:.2g} s, {left}")

    def error(self, service: Service, request: WireRequest, attempts: int = 1) -> RemoteError:
        """The error for the caller, with every key masked."""
        for name, value in request.headers.items():
            if name.lower() in _KEY_HEADERS:
                register_secret(value.rpartition(" ")[2])
        hint = self.hint or _STATUS_HINTS.get(self.status) or _KIND_HINTS[self.kind]
        again = f" ({attempts} attempts)" if attempts > 1 else ""
        return RemoteError(
            mask(f"{service.name}: {self.what}{again}"),
            provider=service.name,
            kind=self.kind,
            status=self.status,
            attempts=attempts,
            retry_after_s=self.wait_s,
            hint=hint,
        )


def refusal(status: int, headers: Mapping[str, str], body: bytes, service: Service, now: float) -> Fault:
    """What a status from 300 means. ``now`` is Unix time."""
    said = f"{status} {_phrase(status)}".strip()
    if status < 400:
        return Fault("redirect", f"{said}, to {shown_url(headers.get('location', '')) or 'nowhere'}", status)
    text = service.error_text(status, body) or excerpt(body)
    kind = "overloaded" if retry.passing_status(status) else "refused"
    return Fault(kind, f"{said}: {text}" if text else said, status, retry.asked_wait_s(headers, now))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def unsendable(headers: Mapping[str, str]) -> Fault | None:
    """What is wrong with a header field that cannot be sent, None where all can."""
    for name, value in headers.items():
        if not _FIELD_NAME.fullmatch(name):
            return Fault(
                "header", f"{name!r} is no name of a header field", hint="mend the provider's auth_header, headers"
            )
        if not (value.isascii() and value.isprintable()):
            return Fault("header", f"the value for {name} holds a character that cannot be sent")
    return None


def transport_fault(error: Exception, request: WireRequest, timeouts: Timeouts, *, answering: bool) -> Fault:
    """What a failure below HTTP means; ``answering`` once the answer's headers are here.

    httpx-aiohttp calls a closed connection a connect time-out, so it is the cause that is asked.
    """
    cause = error.__cause__ if isinstance(error.__cause__, (aiohttp.ClientError, TimeoutError)) else error
    parts = urlsplit(request.url)
    host = parts.hostname or ""
    match cause:
        case aiohttp.ClientConnectorDNSError():
            return Fault("dns", f"cannot find {host}: {_reason(cause.os_error)}")
        case aiohttp.ClientProxyConnectionError():
            return Fault("proxy", f"cannot connect to the proxy {shown_url(cause.host)}: {_reason(cause.os_error)}")
        case aiohttp.ClientConnectorCertificateError():
            return Fault("tls", f"the certificate of {host} is not trusted: {_reason(cause.certificate_error)}")
        case aiohttp.ClientConnectorSSLError():
            return Fault("tls", f"no TLS with {host}: {_reason(cause.os_error)}")
        case aiohttp.ConnectionTimeoutError():
            what = f"no connection to {host} within {timeouts.connect_s:g} s"
            return Fault("timeout", what, hint=_KIND_HINTS["connect"])
        case aiohttp.ServerTimeoutError():
            return Fault("timeout", f"nothing from {host} for {timeouts.read_s:g} s")
        case aiohttp.ClientConnectorError():
            return Fault("connect", f"cannot connect to {parts.netloc.rpartition('@')[2]}: {_reason(cause.os_error)}")
        case aiohttp.ClientHttpProxyError():
            return Fault("proxy", f"the proxy refused: {cause.status} {cause.message}")
        case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError() if answering:
            return Fault("body", f"the answer of {host} ended early")
        case aiohttp.ClientConnectionError():
            return Fault("reset", f"{host} closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return Fault("body", f"{host} does not answer in HTTP: {cause.message}")
        case _:
            return Fault("body", f"the answer of {host} cannot be read: {error}")


def _reason(error: BaseException) -> str:
    """The system's words for an error, without its number."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return str(getattr(error, "strerror", None) or error)
