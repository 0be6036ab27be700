"""What the loopback vendors share: requests read without mercy, a score to sort by, and their forms of refusal.

Written from the vendors' documentation and source, not from the client's table: a field that a vendor does not document
is refused with the status and the body that it refuses with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.loopback import Reply, Request

KEY = "sk-loopback-51c8e0d2f7"

ErrorBody = Callable[[int, str], Any]
Check = Callable[[Any], bool]


class RefusedError(Exception):
    """A request that the vendor does not take."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(text(item) for item in value)


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def whole(low: int, high: int = 10**9) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def one_of(*choices: Any) -> Check:
    return lambda value: value in choices


def record(**fields: Check) -> Check:
    """An object of exactly these fields."""
    return lambda value: (
        isinstance(value, dict)
        and set(value) == set(fields)
        and all(check(value[name]) for name, check in fields.items())
    )


def each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and bool(value) and all(check(item) for item in value)


def fields(
    request: Request, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, status: int = 400
) -> dict[str, Any]:
    """The request's JSON object: every required field, none that is not documented, each of the documented form."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise RefusedError(415, "content type is not application/json")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise RefusedError(status, f"invalid JSON: {error}") from None
    known = {**required, **(optional or {})}
    for name in body:
        if name not in known:
            raise RefusedError(status, f"unknown field: parameter '{name}' is not a valid field")
    for name, check in known.items():
        if name not in body and name in required:
            raise RefusedError(status, f"missing field: {name}")
        if name in body and not check(body[name]):
            raise RefusedError(status, f"invalid value for {name}")
    return dict(body)


def authorized(request: Request, header: str = "authorization", value: str = f"Bearer {KEY}") -> None:
    """The key, where it belongs and as it is written there."""
    if request.headers.get(header) != value:
        raise RefusedError(401, "invalid api token")


def relevance(query: str, document: str) -> float:
    """In 0…1, the same for the same pair: the share of the query's words that the document has, less for length."""
    wanted, words = set(re.findall(r"\w+", query.lower())), re.findall(r"\w+", document.lower())
    share = len(wanted & set(words)) / max(1, len(wanted))
    return round(0.01 + 0.9 * share + 0.05 / (1 + len(words)), 6)


def logit(query: str, document: str) -> float:
    """Unbounded, and below 0 for all but the best."""
    return round(10 * relevance(query, document) - 8, 6)


def tokens(*parts: str) -> int:
    return sum(len(re.findall(r"\w+", part)) for part in parts)


def ranked(scores: list[float]) -> list[tuple[int, float]]:
    """Index and score, best first: never the order that was asked."""
    return sorted(enumerate(scores), key=lambda pair: -pair[1])


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def answering(
    method: str, path: str, errors: ErrorBody, answer: Callable[[Request], Reply], *, pattern: bool = False
) -> Callable[[Request], Reply]:
    """A vendor: one documented endpoint, and the vendor's own errors for everything else."""

    def respond(request: Request) -> Reply:
        asked_method, target, _ = request.line.split(" ", 2)
        try:
            there = re.fullmatch(path, target) if pattern else path == target
            if not there:
                raise RefusedError(404, f"not found: {target}")
            if asked_method != method:
                raise RefusedError(405, "method not allowed")
            return answer(request)
        except RefusedError as refusal:
            return reply(errors(refusal.status, refusal.message), refusal.status)

    return respond


def openai_error(status: int, message: str) -> Any:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": status}}


def detail_error(status: int, message: str) -> Any:
    return {"detail": message}


def pydantic_error(status: int, message: str) -> Any:
    """FastAPI's 422, and its plain form for the rest."""
    if status != 422:
        return detail_error(status, message)
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", "documents"], "msg": message, "input": None}]}


def cohere_error(status: int, message: str) -> Any:
    return {"id": "c0ffee00-0000-4000-8000-000000000000", "message": message}


def siliconflow_error(status: int, message: str) -> Any:
    return {"code": 20012, "message": message, "data": None}


def dashscope_error(status: int, message: str) -> Any:
    code = {401: "InvalidApiKey", 429: "Throttling.RateQuota"}.get(status, "InvalidParameter")
    return {"code": code, "message": message, "request_id": "7574ee8f-38a3-4b1e-9280-11c33ab46e51"}


def tei_error(status: int, message: str) -> Any:
    return {"error": message, "error_type": {429: "Overloaded", 400: "Empty"}.get(status, "Validation")}


def elastic_error(status: int, message: str) -> Any:
    cause = {"type": "status_exception", "reason": message}
    return {"error": {**cause, "root_cause": [cause]}, "status": status}


def google_error(status: int, message: str) -> Any:
    return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}


def aws_error(status: int, message: str) -> Any:
    return {"message": message}
