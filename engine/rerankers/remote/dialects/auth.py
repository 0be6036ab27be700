"""How a request says who asks: a key behind a word in a header field, or a signature."""

from __future__ import annotations

import base64
from dataclasses import replace

from engine.errors import SettingsError
from engine.remote.wire import WireRequest
from engine.rerankers.remote.dialects import sigv4
from engine.rerankers.remote.dialects.call import RerankCall
from engine.secrets import register_secret

SIGV4 = "sigv4"


def authorized(request: WireRequest, call: RerankCall) -> WireRequest:
    """The request with the key of the call; as it is where there is no key: some refuse a header without one."""
    provider = call.provider
    if not call.key:
        return request
    key = call.key.reveal()
    if provider.auth_scheme == SIGV4:
        return _signed(request, call, key)
    if provider.auth_scheme.lower() == "basic" and ":" in key:
        key = base64.b64encode(key.encode()).decode()
        register_secret(key)
    value = f"{provider.auth_scheme} {key}".strip()
    return replace(request, headers={**request.headers, provider.auth_header: value})


def _signed(request: WireRequest, call: RerankCall, key: str) -> WireRequest:
    """With AWS Signature Version 4. The key is ``ACCESS_KEY_ID:SECRET_ACCESS_KEY``, ``:SESSION_TOKEN`` may follow."""
    parts = key.split(":", 2)
    if len(parts) < 2 or not all(parts):
        raise SettingsError(
            f"the key for {call.provider.label} is not of the form ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]",
            path="rerank.api_key",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    region = call.option("region")
    if not region:
        path = f"providers.{call.provider.name}.options.region"
        raise SettingsError(f"{call.provider.label} needs {path}", path=path, hint=f'set {path} = "us-east-1"')
    scope = sigv4.Scope(region, call.option("service") or "bedrock")
    return sigv4.sign(request, sigv4.Credentials(*parts), scope, call.at)
