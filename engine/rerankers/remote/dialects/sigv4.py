"""AWS Signature Version 4, of which a JSON service needs the header form.

Source: AWS, "Create a signed AWS API request"
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Bedrock takes the path encoded
once more than it is sent, as every service but S3 does.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

from engine.remote.wire import WireRequest

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"
_UNSIGNED = frozenset({"accept", "accept-encoding", "authorization", "connection", "expect", "user-agent"})
"""What a client or a proxy may change on the way."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, and the token where it is a passing one."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(•••)"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature holds for: a region and the service's signing name (``bedrock`` for all of Bedrock's hosts)."""

    region: str
    service: str

    def on(self, day: str) -> str:
        return f"{day}/{self.region}/{self.service}/aws4_request"


def sign(request: WireRequest, credentials: Credentials, scope: Scope, at: datetime) -> WireRequest:
    """The request with date, token and ``Authorization``; every other header field that stays as it is, is signed."""
    time = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {**request.headers, "X-Amz-Date": time}
    if credentials.session_token:
        headers["X-Amz-Security-Token"] = credentials.session_token
    signed = _signed_headers(request, headers)
    within = scope.on(time[:8])
    text = "\n".join((_ALGORITHM, time, within, _sha256(canonical_request(request, signed).encode())))
    signature = hmac.new(_signing_key(credentials, scope, time[:8]), text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{within}, "
        f"SignedHeaders={';'.join(signed)}, Signature={signature}"
    )
    return replace(request, headers=headers)


def canonical_request(request: WireRequest, signed: Mapping[str, str]) -> str:
    """The request as both sides write it down; ``signed`` are the header fields, lower case, in order."""
    url = urlsplit(request.url)
    return "\n".join(
        (
            request.method,
            quote(url.path or "/", safe="/" + _UNRESERVED),
            _canonical_query(url.query),
            *(f"{name}:{value}" for name, value in signed.items()),
            "",
            ";".join(signed),
            _sha256(request.body),
        )
    )


def _signed_headers(request: WireRequest, headers: Mapping[str, str]) -> dict[str, str]:
    """Name and value of each signed field, sorted, white space folded."""
    host = urlsplit(request.url).netloc.rpartition("@")[2]
    fields = {"host": host, **{name.lower(): " ".join(value.split()) for name, value in headers.items()}}
    return {name: fields[name] for name in sorted(fields) if name not in _UNSIGNED}


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, value in sorted((_encoded(name), _encoded(v)) for name, _, v in pairs))


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=_UNRESERVED)


def _signing_key(credentials: Credentials, scope: Scope, day: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
