"""Services that embed, each as its documentation has it: ``VENDORS[name](request)`` is the reply. Vectors of eight
numbers count the words by the first letter."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.servers import strict
from tests.servers.loopback import Reply, Request
from tests.servers.strict import RefusedError, each, flag, one_of, reply, text, texts, whole

DIMENSION = 8


def vector(document: str) -> list[float]:
    """Not of unit length."""
    counts = [0.5] * DIMENSION
    for word in re.findall(r"\w+", document.lower()):
        counts[ord(word[0]) % DIMENSION] += 1
    return counts


def openai(request: Request) -> Reply:
    """Entries in no order, each with its index."""
    strict.authorized(request)
    optional = {"dimensions": whole(1), "encoding_format": one_of("float"), "user": text}
    body = strict.fields(request, {"model": text, "input": texts}, optional)
    return _data(body, body["input"])


def compatible(request: Request) -> Reply:
    body = strict.fields(request, {"model": text, "input": texts}, {"dimensions": whole(1)})
    return _data(body, body["input"])


def dashscope(request: Request) -> Reply:
    """At most ten texts."""
    strict.authorized(request)
    body = strict.fields(request, {"model": text, "input": texts}, {"dimensions": whole(1)})
    if len(body["input"]) > 10:
        raise RefusedError(400, "batch size is invalid, it should not be larger than 10")
    return _data(body, body["input"])


def voyage(request: Request) -> Reply:
    strict.authorized(request)
    optional = {"input_type": one_of("query", "document"), "truncation": flag, "output_dimension": whole(1)}
    body = strict.fields(request, {"model": text, "input": texts}, optional)
    return _data(body, body["input"])


def jina(request: Request) -> Reply:
    strict.authorized(request)
    optional = {"task": one_of("retrieval.query", "retrieval.passage"), "truncate": flag, "dimensions": whole(1)}
    body = strict.fields(request, {"model": text, "input": texts}, optional, 422)
    return _data(body, body["input"])


def cohere(request: Request) -> Reply:
    strict.authorized(request)
    required = {
        "model": text,
        "texts": texts,
        "input_type": one_of("search_query", "search_document"),
        "embedding_types": each(one_of("float")),
    }
    body = strict.fields(request, required, {"output_dimension": whole(1)}, 422)
    if len(body["texts"]) > 96:
        raise RefusedError(400, "too many texts")
    vectors = {"float": [vector(item) for item in body["texts"]]}
    return reply({"id": "e1", "embeddings": vectors, "meta": {"billed_units": {"input_tokens": 7}}})


def tei(request: Request) -> Reply:
    body = strict.fields(request, {"inputs": texts}, {"truncate": flag, "normalize": flag}, 422)
    if len(body["inputs"]) > 32:
        raise RefusedError(422, "batch size > maximum allowed batch size 32")
    return reply([vector(item) for item in body["inputs"]], 200, {"x-compute-tokens": "9"})


def ollama(request: Request) -> Reply:
    body = strict.fields(request, {"model": text, "input": texts}, {"truncate": flag})
    vectors = [vector(item) for item in body["input"]]
    return reply({"model": body["model"], "embeddings": vectors, "prompt_eval_count": 12})


def _data(body: dict[str, Any], asked: list[str]) -> Reply:
    entries = [{"object": "embedding", "index": i, "embedding": vector(item)} for i, item in enumerate(asked)]
    usage = {"prompt_tokens": strict.tokens(*asked), "total_tokens": strict.tokens(*asked)}
    return reply({"object": "list", "model": body["model"], "data": entries[::-1], "usage": usage})


def _at(path: str, answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    return strict.answering("POST", path, strict.openai_error, answer)


VENDORS: dict[str, Callable[[Request], Reply]] = {
    "openai": _at("/v1/embeddings", openai),
    "openai-compatible": _at("/v1/embeddings", compatible),
    "lmstudio": _at("/v1/embeddings", compatible),
    "tei": _at("/embed", tei),
    "ollama": _at("/api/embed", ollama),
    "cohere": _at("/v2/embed", cohere),
    "voyage": _at("/v1/embeddings", voyage),
    "jina": _at("/v1/embeddings", jina),
    "dashscope": _at("/compatible-mode/v1/embeddings", dashscope),
}
