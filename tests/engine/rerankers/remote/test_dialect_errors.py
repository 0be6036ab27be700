"""What services say when they refuse, in every documented form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.remote.texts import LONGEST
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.error_bodies import error_text

FORMS: list[tuple[int, Any, str]] = [
    # Cohere
    (422, {"id": "x", "message": "unknown field: top_k"}, "unknown field: top_k"),
    (
        400,
        {"message": "invalid request: document at index 0 cannot be empty"},
        "invalid request: document at index 0 cannot be empty",
    ),
    # OpenAI's form: vLLM, Together, GPUStack, LocalAI, Infinity
    (
        404,
        {"error": {"message": "The model x does not exist.", "type": "NotFoundError", "param": None, "code": 404}},
        "NotFoundError: The model x does not exist.",
    ),
    (
        401,
        {"error": {"message": "Invalid key", "type": "auth", "param": None, "code": "invalid_api_key"}},
        "invalid_api_key: Invalid key",
    ),
    (
        400,
        {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
        "BadRequestError: too long",
    ),
    # llama.cpp
    (
        501,
        {"error": {"code": 501, "message": "This server does not support reranking.", "type": "not_supported_error"}},
        "not_supported_error: This server does not support reranking.",
    ),
    # Jina, Voyage, Xinference, Infinity's 401, NVIDIA, DeepInfra
    (401, {"detail": "Unauthorized"}, "Unauthorized"),
    (404, {"detail": "Not found", "requestId": "8f"}, "Not found"),
    (
        402,
        {"type": "urn:x:problem", "title": "Payment Required", "status": 402, "detail": "credits exhausted"},
        "urn:x:problem: credits exhausted",
    ),
    (400, {"detail": {"error": "Bad model"}}, "Bad model"),
    (
        422,
        {"detail": [{"type": "missing", "loc": ["body", "query"], "msg": "Field required", "input": None}]},
        "body.query: Field required",
    ),
    (422, {"detail": [{"loc": ["body", 0], "msg": "a"}, {"loc": ["body", 1], "msg": "b"}]}, "body.0: a; body.1: b"),
    # SiliconFlow, DashScope, Zhipu, Qianfan
    (400, {"code": 20012, "message": "Model does not exist.", "data": None}, "20012: Model does not exist."),
    (
        401,
        {"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "7"},
        "InvalidApiKey: Invalid API-key provided.",
    ),
    (400, {"error": {"code": "1214", "message": "input too long"}}, "1214: input too long"),
    (
        429,
        {"error": {"code": "rate_limit_exceeded", "message": "rpm", "type": "rate_limit_exceeded"}},
        "rate_limit_exceeded: rpm",
    ),
    # TEI, Ollama
    (
        422,
        {"error": "batch size 33 > maximum allowed batch size 32", "error_type": "Validation"},
        "Validation: batch size 33 > maximum allowed batch size 32",
    ),
    (404, {"error": "model 'x' not found"}, "model 'x' not found"),
    # Elasticsearch, Pinecone, Google, OpenRouter
    (
        404,
        {
            "error": {
                "type": "resource_not_found_exception",
                "reason": "Inference endpoint not found [x]",
                "root_cause": [],
            },
            "status": 404,
        },
        "resource_not_found_exception: Inference endpoint not found [x]",
    ),
    (
        400,
        {"error": {"code": "INVALID_ARGUMENT", "message": "too many documents"}, "status": 400},
        "INVALID_ARGUMENT: too many documents",
    ),
    (403, {"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}, "Permission denied"),
    (
        403,
        [{"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}],
        "Permission denied",
    ),
    (402, {"error": {"code": 402, "message": "Insufficient credits"}, "user_id": "u"}, "Insufficient credits"),
    # AWS
    (
        403,
        {"message": "The security token included in the request is invalid."},
        "The security token included in the request is invalid.",
    ),
    (403, {"Message": "not authorized"}, "not authorized"),
    (
        400,
        {"__type": "ValidationException", "message": "api_version is required"},
        "ValidationException: api_version is required",
    ),
    # LocalAI's 422
    (422, "top_n must be greater than 0", "top_n must be greater than 0"),
    # nothing that is known
    (500, {"oops": 1}, ""),
    (500, {"error": None, "message": ""}, ""),
    (500, [], ""),
    (500, 3, ""),
    (500, None, ""),
    (500, {"error": {"code": 500}}, ""),
    (500, {"error": True}, ""),
]


@pytest.mark.parametrize(
    ("status", "body", "said"), FORMS, ids=[f"{n}-{said[:24]}" for n, (_, _, said) in enumerate(FORMS)]
)
def test_every_documented_form(status: int, body: Any, said: str) -> None:
    assert error_text(status, msgspec.json.encode(body)) == said


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b'{"error": "'])
def test_what_is_no_json_says_nothing(body: bytes) -> None:
    assert [dialect.error_text(502, body) for dialect in DIALECTS.values()] == [""] * len(DIALECTS)


def test_a_message_is_one_short_line_that_drives_no_terminal() -> None:
    said = error_text(400, msgspec.json.encode({"message": "a\x1b[2J\r\nb\u202e " + "x" * 10_000}))
    assert said.startswith("a [2J b x")
    assert len(said) == LONGEST + 1
