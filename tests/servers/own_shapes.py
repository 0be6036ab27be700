"""Vendors with forms of their own: TEI and kin, NVIDIA, DashScope, ``data[]``, Elasticsearch, DeepInfra, Vertex."""

from __future__ import annotations

from typing import Any

from tests.servers import strict
from tests.servers.loopback import Reply, Request
from tests.servers.strict import RefusedError, each, flag, one_of, ranked, record, relevance, reply, text, texts, whole

POLLED_ID = "8f2f7a52-0d0e-4a53-9d9a-6a3d2f6f2a11"


def _scores(query: str, documents: list[str]) -> list[tuple[int, float]]:
    return ranked([relevance(query, document) for document in documents])


def tei(request: Request) -> Reply:
    """text-embeddings-inference: at most 32 texts, its account of the time in header fields."""
    optional = {
        "truncate": flag,
        "truncation_direction": one_of("Left", "Right"),
        "raw_scores": flag,
        "return_text": flag,
    }
    body = strict.fields(request, {"query": text, "texts": texts}, optional, 422)
    if len(body["texts"]) > 32:
        raise RefusedError(422, f"batch size {len(body['texts'])} > maximum allowed batch size 32")
    if "authorization" in request.headers:
        strict.authorized(request)
    headers = {
        "x-compute-type": "gpu+optimized",
        "x-compute-time": "41",
        "x-compute-characters": "512",
        "x-compute-tokens": "128",
        "x-total-time": "41",
        "x-tokenization-time": "1",
        "x-queue-time": "10",
        "x-inference-time": "25",
    }
    return reply([{"index": i, "score": s} for i, s in _scores(body["query"], body["texts"])], 200, headers)


def huggingface(request: Request) -> Reply:
    strict.authorized(request)
    body = strict.fields(request, {"inputs": record(query=text, texts=texts)}, {})["inputs"]
    return reply([{"score": s, "index": i} for i, s in _scores(body["query"], body["texts"])])


def sglang(request: Request) -> Reply:
    """Asked as Jina is, answers as TEI does."""
    optional = {"instruct": text, "top_n": whole(1), "return_documents": flag}
    body = strict.fields(request, {"model": text, "query": text, "documents": texts}, optional)
    pairs = _scores(body["query"], body["documents"])
    return reply([{"score": s, "document": None, "index": i, "meta_info": {"id": "1"}} for i, s in pairs])


def gitee_multimodal(request: Request) -> Reply:
    """Counts from 1, in text."""
    strict.authorized(request)
    required = {"model": text, "query": record(text=text), "documents": each(record(text=text))}
    body = strict.fields(request, required, {"top_n": whole(1, 25)})
    pairs = _scores(body["query"]["text"], [item["text"] for item in body["documents"]])
    return reply([{"index": str(i + 1), "score": s} for i, s in pairs])


def nvidia(request: Request) -> Reply:
    required = {"model": text, "query": record(text=text), "passages": each(record(text=text))}
    body = strict.fields(request, required, {"truncate": one_of("NONE", "END")}, 422)
    if "authorization" in request.headers:
        strict.authorized(request)
    pairs = ranked([strict.logit(body["query"]["text"], passage["text"]) for passage in body["passages"]])
    return reply({"rankings": [{"index": i, "logit": s} for i, s in pairs]})


class NvidiaHosted:
    """Takes the request with 202, says twice that it is not ready, then answers."""

    def __init__(self) -> None:
        self._answer: Reply | None = None
        self._polls = 0

    def __call__(self, request: Request) -> Reply:
        strict.authorized(request)
        pending = Reply(202, b"", {"NVCF-REQID": POLLED_ID, "NVCF-STATUS": "pending-evaluation"})
        if request.line.startswith("POST "):
            self._answer = nvidia(request)
            return pending
        if request.line.split(" ")[1] != f"/v2/nvcf/pexec/status/{POLLED_ID}" or self._answer is None:
            return reply({"detail": "Not found", "requestId": POLLED_ID}, 404)
        self._polls += 1
        return pending if self._polls < 2 else self._answer


def dashscope(request: Request) -> Reply:
    strict.authorized(request)
    documented = {"top_n", "return_documents", "instruct"}
    parameters = {"parameters": lambda value: isinstance(value, dict) and set(value) <= documented}
    required = {"model": text, "input": record(query=text, documents=texts)}
    body = strict.fields(request, required, parameters)
    results = [
        {"index": i, "relevance_score": s} for i, s in _scores(body["input"]["query"], body["input"]["documents"])
    ]
    return reply({"output": {"results": results}, "usage": {"total_tokens": 79}, "request_id": "b042e72d-7994"})


def voyage(request: Request) -> Reply:
    strict.authorized(request)
    optional = {"top_k": whole(1), "return_documents": flag, "truncation": flag}
    body = strict.fields(request, {"model": text, "query": text, "documents": texts}, optional)
    data = [{"index": i, "relevance_score": s} for i, s in _scores(body["query"], body["documents"])]
    return reply({"object": "list", "data": data, "model": body["model"], "usage": {"total_tokens": 26}})


def mixedbread(request: Request) -> Reply:
    strict.authorized(request)
    optional = {"top_k": whole(1), "return_input": flag, "rank_fields": each(text), "rewrite_query": flag}
    body = strict.fields(request, {"model": text, "query": text, "input": texts}, optional, 422)
    data = [{"index": i, "score": s, "object": "rank_result"} for i, s in _scores(body["query"], body["input"])]
    usage = {"prompt_tokens": 52, "total_tokens": 52, "completion_tokens": 0}
    answer = {"data": data, "model": body["model"], "object": "list", "usage": usage, "top_k": len(data)}
    return reply({**answer, "return_input": False})


def pinecone(request: Request) -> Reply:
    strict.authorized(request, "api-key", strict.KEY)
    if request.headers.get("x-pinecone-api-version") != "2025-10":
        raise RefusedError(400, "missing X-Pinecone-Api-Version")
    optional = {
        "top_n": whole(1),
        "return_documents": flag,
        "rank_fields": each(text),
        "parameters": lambda value: isinstance(value, dict) and set(value) <= {"truncate"},
    }
    required = {"model": text, "query": text, "documents": each(record(text=text))}
    body = strict.fields(request, required, optional)
    documents = [item["text"] for item in body["documents"]]
    echo = body.get("return_documents", True)
    data = [
        {"index": i, "score": s, **({"document": {"text": documents[i]}} if echo else {})}
        for i, s in _scores(body["query"], documents)
    ]
    return reply({"model": body["model"], "data": data, "usage": {"rerank_units": 1}})


def pinecone_error(status: int, message: str) -> Any:
    return {"error": {"code": "INVALID_ARGUMENT", "message": message}, "status": status}


def elasticsearch(request: Request) -> Reply:
    """With index and score as text, as the specification's example has them."""
    strict.authorized(request, value=f"ApiKey {strict.KEY}")
    optional = {"top_n": whole(1), "return_documents": flag, "task_settings": lambda value: isinstance(value, dict)}
    body = strict.fields(request, {"query": text, "input": texts}, optional)
    pairs = _scores(body["query"], body["input"])
    return reply({"rerank": [{"index": str(i), "relevance_score": str(s)} for i, s in pairs]})


def deepinfra(request: Request) -> Reply:
    strict.authorized(request)
    body = strict.fields(request, {"queries": texts, "documents": texts}, {"instruction": text})
    queries, documents = body["queries"], body["documents"]
    if len(queries) not in (1, len(documents)):
        raise RefusedError(400, "queries and documents differ in length")
    queries = queries * len(documents) if len(queries) == 1 else queries
    scores = [relevance(query, document) for query, document in zip(queries, documents, strict=True)]
    status = {"status": "succeeded", "runtime_ms": 21, "cost": 0.00001, "tokens_input": 42, "tokens_generated": 0}
    return reply({"scores": scores, "input_tokens": 42, "request_id": "R1", "inference_status": status})


def deepinfra_error(status: int, message: str) -> Any:
    return {"detail": {"error": message}}


def vertex(request: Request) -> Reply:
    """Rounded to two decimals, and never quite 0."""
    strict.authorized(request)
    if request.headers.get("x-goog-user-project") != "acme-search":
        raise RefusedError(403, "X-Goog-User-Project is missing")
    known = {"id", "title", "content"}
    records = each(lambda value: isinstance(value, dict) and text(value.get("id")) and set(value) <= known)
    optional = {"model": text, "topN": whole(1), "ignoreRecordDetailsInResponse": flag}
    body = strict.fields(request, {"query": text, "records": records}, optional)
    pairs = _scores(body["query"], [item["content"] for item in body["records"]])
    return reply({"records": [{"id": body["records"][i]["id"], "score": max(round(s, 2), 0.0001)} for i, s in pairs]})
