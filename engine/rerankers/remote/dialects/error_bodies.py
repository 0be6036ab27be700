"""What services say when they refuse: one reader for every documented form of an error body.

- OpenAI's form (vLLM, Together, LocalAI, GPUStack, llama.cpp): ``{"error": {"message", "type", "code", "param"}}``
- Elasticsearch: ``{"error": {"type", "reason", "root_cause"}, "status"}``
- Google, Pinecone, OpenRouter: ``{"error": {"code", "message", "status"}}``
- TEI, Ollama: ``{"error": "…", "error_type": "…"}``
- Cohere, DashScope, SiliconFlow: ``{"message": "…", "id": "…"}``, ``{"code", "message", "request_id" | "data"}``
- Jina, Voyage, NVIDIA: ``{"detail": "…"}``; DeepInfra: ``{"detail": {"error"}}``
- FastAPI's 422: ``{"detail": [{"loc", "msg"}]}``
- AWS: ``{"message": "…", "__type": "…"}``, ``{"Message": "…"}``
- LocalAI's 422: a bare string
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.remote.texts import shortened
from engine.rerankers.remote.dialects.json_paths import dig

_MESSAGES = ("error.message", "error.reason", "error", "message", "Message", "detail", "reason", "msg", "errors")
_CODES = ("error.code", "error.type", "code", "error_type", "__type", "type")


def error_text(status: int, body: bytes) -> str:
    """The message, behind the service's own code for it where it has one; '' where the body is in no known form."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return said(value, status)


def said(value: Any, status: int = 0) -> str:
    """The same of a decoded body."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = value[0]  # Google wraps an error in a list where it would have streamed
    found = (_text(dig(value, name)) for name in _MESSAGES)
    message = _text(value) if isinstance(value, str) else next(filter(None, found), "")
    code = next(filter(None, (_code(dig(value, name), status) for name in _CODES)), "")
    return shortened(f"{code}: {message}" if code and message and code not in message else message or code)


def _text(value: Any) -> str:
    """A message out of whatever stands where one belongs."""
    match value:
        case str():
            return value.strip()
        case {"msg": str(message), "loc": [*where]}:
            return f"{'.'.join(map(str, where))}: {message}"
        case dict():
            return next(filter(None, (_text(value.get(key)) for key in ("message", "error", "msg", "reason"))), "")
        case list():
            return "; ".join(filter(None, map(_text, value[:5])))
        case _:
            return ""


def _code(value: Any, status: int) -> str:
    """A code that says more than the status does."""
    match value:
        case bool():
            return ""
        case int() if value not in (0, status):
            return str(value)
        case str() if value.strip() not in ("", str(status)):
            return value.strip()
        case _:
            return ""
