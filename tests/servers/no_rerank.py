"""Servers without reranking: embeddings and chat completions as OpenAI, LM Studio and Ollama speak them."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.servers import strict
from tests.servers.loopback import Reply, Request
from tests.servers.strict import RefusedError, each, flag, one_of, record, relevance, reply, text, texts, whole

_DIMENSIONS = 64


def embed(words: str) -> list[float]:
    """A bag of words, hashed: texts that share words point the same way."""
    vector = [0.0] * _DIMENSIONS
    for word in re.findall(r"\w+", words.lower()):
        vector[sum(map(ord, word)) % _DIMENSIONS] += 1.0
    return vector


def openai_embeddings(request: Request) -> Reply:
    """``data[]``, told backwards: the index counts, not the place."""
    optional = {
        "encoding_format": one_of("float", "base64"),
        "dimensions": whole(1),
        "user": text,
    }
    body = strict.fields(request, {"model": text, "input": texts}, optional)
    data = [{"object": "embedding", "index": i, "embedding": embed(t)} for i, t in enumerate(body["input"])]
    used = strict.tokens(*body["input"])
    usage = {"prompt_tokens": used, "total_tokens": used}
    return reply({"object": "list", "data": data[::-1], "model": body["model"], "usage": usage})


def ollama_embed(request: Request) -> Reply:
    optional = {
        "truncate": flag,
        "options": lambda value: isinstance(value, dict),
        "keep_alive": lambda value: isinstance(value, (str, int)),
        "dimensions": whole(1),
    }
    body = strict.fields(request, {"model": text, "input": texts}, optional)
    return reply(
        {
            "model": body["model"],
            "embeddings": [embed(t) for t in body["input"]],
            "total_duration": 14_143_917,
            "load_duration": 1_019_500,
            "prompt_eval_count": strict.tokens(*body["input"]),
        }
    )


def ollama_error(status: int, message: str) -> Any:
    return {"error": message}


def chat(request: Request) -> Reply:
    """A language model that keeps to the schema, in an order of its own."""
    body = strict.fields(
        request,
        {"model": text, "messages": each(record(role=one_of("system", "user"), content=text))},
        {
            "temperature": lambda value: isinstance(value, (int, float)) and 0 <= value <= 2,
            "response_format": record(
                type=one_of("json_schema"), json_schema=record(name=text, strict=flag, schema=_is_schema)
            ),
            "max_tokens": whole(1),
            "seed": whole(0),
        },
    )
    material = json.loads(body["messages"][-1]["content"])
    grades = [
        {"index": item["index"], "grade": round(10 * relevance(material["query"], item["text"]))}
        for item in material["documents"]
    ]
    entry = body["response_format"]["json_schema"]["schema"]["properties"]["grades"]["items"]
    if entry["required"] != ["index", "grade"]:
        raise RefusedError(400, "this model was made to grade")
    content = json.dumps({"grades": sorted(grades, key=lambda item: -item["grade"])})
    return completion(content, body["model"])


def completion(content: str | None, model: str = "judge", finish: str = "stop", **message: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 200, "completion_tokens": 30, "total_tokens": 230}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1714103812, "model": model}
    return reply({**answer, "choices": [choice], "usage": usage})


def lmstudio_unknown(request: Request) -> Reply:
    """What LM Studio answers at an address that it does not have."""
    target = request.line.rpartition(" ")[0]
    return reply({"error": f"Unexpected endpoint or method. ({target}). Returning 200 anyway"})


def _is_schema(value: Any) -> bool:
    """Strict mode wants every property required and no others, at each level."""
    if not isinstance(value, dict):
        return False
    if value.get("type") == "object":
        properties = value.get("properties", {})
        return (
            value.get("additionalProperties") is False
            and value.get("required") == list(properties)
            and all(_is_schema(inner) for inner in properties.values())
        )
    return value.get("type") != "array" or _is_schema(value.get("items"))
