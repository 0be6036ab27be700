"""Vendors of the form ``documents`` → ``results[]``, each as strict, as chatty and as odd as its documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers import strict
from tests.servers.loopback import Reply, Request
from tests.servers.strict import Check, ErrorBody, RefusedError, flag, one_of, text, texts, whole

Echo = Callable[[str], Any]
Usage = Callable[[int], dict[str, Any]]

_ID = {"id": "rerank-5b1d8f0e"}


def _usage(*names: str) -> Usage:
    return lambda n: {"usage": dict.fromkeys(names, n)}


def _cohere_meta(n: int) -> dict[str, Any]:
    return {"meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}}


def _siliconflow_meta(n: int) -> dict[str, Any]:
    return {"meta": {"tokens": {"input_tokens": n, "output_tokens": 0}, "billed_units": {"input_tokens": n}}}


def _openrouter_usage(n: int) -> dict[str, Any]:
    return {"usage": {"cost": 0.001, "search_units": 1, "total_tokens": n}}


def _zeroentropy_account(n: int) -> dict[str, Any]:
    spent = {"e2e_latency": 0.080, "inference_latency": 0.050, "actual_latency_mode": "fast"}
    return {"total_bytes": 40 * n, "total_tokens": n, **spent}


def _object(document: str) -> Any:
    return {"text": document}


@dataclass(frozen=True)
class Vendor:
    """One vendor's documentation: what it takes beyond model, query and documents, what it answers, how it refuses."""

    path: str
    """A regular expression."""
    optional: Mapping[str, Check] = field(default_factory=dict)
    errors: ErrorBody = strict.openai_error
    refuses_with: int = 400
    usage: Usage = field(default_factory=lambda: _usage("total_tokens"))
    envelope: Mapping[str, Any] = field(default_factory=dict)
    echo: Echo | None = None
    echo_by_default: bool = False
    needs_key: bool = True
    names_model: bool = True
    most: int = 10_000
    scored: Callable[[str, str], float] = strict.relevance
    reversed_ties: bool = False

    def respond(self, request: Request) -> Reply:
        return strict.answering("POST", self.path, self.errors, self._answer, pattern=True)(request)

    def _answer(self, request: Request) -> Reply:
        if self.needs_key or "authorization" in request.headers:
            strict.authorized(request)
        required = {"query": text, "documents": texts}
        optional = {**self.optional, **({} if self.names_model else {"model": text})}
        if self.names_model:
            required["model"] = text
        body = strict.fields(request, required, optional, self.refuses_with)
        query, documents = body["query"], body["documents"]
        if len(documents) > self.most:
            raise RefusedError(self.refuses_with, f"too many documents: {len(documents)}, at most {self.most}")
        pairs = strict.ranked([self.scored(query, document) for document in documents])
        echoed = self.echo if body.get("return_documents", self.echo_by_default) else None
        results = [
            {"index": index, "relevance_score": score, **({"document": echoed(documents[index])} if echoed else {})}
            for index, score in pairs[: body.get("top_n") or len(pairs)]
        ]
        model = {"model": body["model"]} if "model" in body else {}
        used = strict.tokens(*(query for _ in documents), *documents)
        return strict.reply({**self.envelope, **model, "results": results, **self.usage(used)})


TOP_N = {"top_n": whole(1)}
_ECHO = {**TOP_N, "return_documents": flag}
_LIKE_NOVITA = {"usage": _usage("prompt_tokens", "total_tokens"), "envelope": _ID, "echo": _object}

VENDORS: dict[str, Vendor] = {
    "jina": Vendor(
        "/v1/rerank",
        _ECHO,
        strict.detail_error,
        422,
        _usage("total_tokens", "prompt_tokens"),
        echo=_object,
        echo_by_default=True,
        most=2048,
    ),
    "cohere": Vendor(
        "/v2/rerank",
        {**TOP_N, "max_tokens_per_doc": whole(1), "priority": whole(0, 999)},
        strict.cohere_error,
        422,
        _cohere_meta,
        _ID,
    ),
    "siliconflow": Vendor(
        "/v1/rerank",
        {**_ECHO, "max_chunks_per_doc": whole(1), "overlap_tokens": whole(0, 80), "instruction": text},
        strict.siliconflow_error,
        400,
        _siliconflow_meta,
        _ID,
        echo=_object,
    ),
    "novita": Vendor("/openai/v1/rerank", TOP_N, echo_by_default=True, **_LIKE_NOVITA),
    "jiekou": Vendor("/openai/v1/rerank", TOP_N, echo_by_default=True, **_LIKE_NOVITA),
    "ppio": Vendor("/openai/v1/rerank", TOP_N, echo_by_default=True, **_LIKE_NOVITA),
    "gitee": Vendor("/v1/rerank", {"top_n": whole(1, 25)}, echo=_object, echo_by_default=True, most=25),
    "302ai": Vendor("/jina/v1/rerank", TOP_N),
    "qianfan": Vendor(
        "/v2/rerank",
        {**TOP_N, "user": text},
        usage=_usage("prompt_tokens", "total_tokens"),
        envelope={**_ID, "object": "reranker_list", "created": 1714103812},
        echo=str,
        echo_by_default=True,
        most=64,
        scored=lambda query, document: 0.4 + strict.relevance(query, document) / 5,
    ),
    "dashscope-compatible": Vendor(
        "/compatible-api/v1/reranks",
        {**TOP_N, "instruct": text},
        strict.dashscope_error,
        envelope={**_ID, "object": "list"},
        most=500,
    ),
    "together": Vendor(
        "/v1/rerank",
        {**_ECHO, "rank_fields": strict.each(text)},
        envelope={**_ID, "object": "rerank"},
        echo=_object,
        scored=lambda query, document: strict.relevance(query, document) / 3,
        most=1024,
    ),
    "zeroentropy": Vendor(
        "/v1/models/rerank",
        {**TOP_N, "latency": one_of("fast", "slow", None)},
        strict.detail_error,
        422,
        _zeroentropy_account,
    ),
    "openrouter": Vendor("/api/v1/rerank", {**TOP_N, "provider": lambda value: True}, usage=_openrouter_usage),
    "zhipu": Vendor("/api/paas/v4/rerank", _ECHO, usage=_usage("prompt_tokens", "total_tokens")),
    "huawei": Vendor("/v1/rerank", {}),
    "astraflow": Vendor("/v1/rerank", TOP_N),
    "n1n": Vendor("/v1/rerank", TOP_N),
    "greenpt": Vendor("/v1/rerank", TOP_N),
    "futurmix": Vendor("/v1/rerank", TOP_N),
    "ragcon": Vendor("/v1/rerank", TOP_N, usage=_cohere_meta),
    "mws": Vendor("/cohere/v2/rerank", TOP_N, strict.cohere_error, usage=_cohere_meta),
    "prime": Vendor("/api/v1/rerank", TOP_N, most=1000, scored=lambda q, d: min(1.0, 2 * strict.relevance(q, d))),
    "azure": Vendor(
        "/v2/rerank", {**TOP_N, "max_tokens_per_doc": whole(1)}, usage=_cohere_meta, envelope=_ID, names_model=False
    ),
    "bedrock-invoke": Vendor(
        "/model/cohere.rerank-v3-5(:|%3A)0/invoke",
        {**TOP_N, "api_version": one_of(2)},
        strict.aws_error,
        usage=lambda n: {},
        names_model=False,
    ),
    "vllm": Vendor(
        "/v1/rerank",
        {
            "top_n": whole(0),
            "truncate_prompt_tokens": whole(-1),
            "use_activation": flag,
            "priority": whole(0),
        },
        envelope=_ID,
        echo=lambda document: {"text": document, "multi_modal": None},
        echo_by_default=True,
        needs_key=False,
        names_model=False,
    ),
    "llamacpp": Vendor(
        "/v1/rerank",
        TOP_N,
        usage=_usage("prompt_tokens", "total_tokens"),
        envelope={"object": "list"},
        needs_key=False,
        names_model=False,
        scored=strict.logit,
    ),
    "infinity": Vendor(
        "/rerank",
        {**_ECHO, "raw_scores": flag},
        strict.pydantic_error,
        422,
        _usage("prompt_tokens", "total_tokens"),
        {**_ID, "object": "rerank", "created": 1714103812},
        echo=str,
        needs_key=False,
        most=2048,
    ),
    "xinference": Vendor(
        "/v1/rerank",
        {**_ECHO, "return_len": flag, "kwargs": text},
        strict.detail_error,
        500,
        lambda n: {"meta": {"api_version": None, "billed_units": None, "tokens": None, "warnings": None}},
        _ID,
        echo=_object,
        needs_key=False,
    ),
    "localai": Vendor(
        "/v1/rerank",
        TOP_N,
        usage=_usage("total_tokens", "prompt_tokens"),
        echo=_object,
        echo_by_default=True,
        needs_key=False,
        names_model=False,
    ),
    "gpustack": Vendor("/v1/rerank", TOP_N, echo=_object, echo_by_default=True, needs_key=False),
    "openvino": Vendor("/v3/rerank", _ECHO, strict.tei_error, usage=lambda n: {}, needs_key=False),
    "lemonade": Vendor("/v1/rerank", TOP_N, needs_key=False),
    "newapi": Vendor("/v1/rerank", TOP_N, echo=_object, echo_by_default=True, needs_key=False),
    "litellm": Vendor("/v1/rerank", _ECHO, usage=_cohere_meta, needs_key=False),
    "openai-compatible": Vendor("/rerank", TOP_N, needs_key=False),
}
