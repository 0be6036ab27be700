"""Every row of the table against a vendor written from the vendor's documentation, not from the row."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest

from engine.errors import RemoteError
from engine.records import ScoreKind
from engine.remote.wire import WireResponse
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.providers import Provider, table
from engine.secrets import Secret
from tests.engine.rerankers.remote.dialect_calls import (
    BEST,
    DOCUMENTS,
    RefusedError,
    ask,
    call,
    delivered,
    key_for,
    row,
)
from tests.servers.loopback import Reply, Request
from tests.servers.own_shapes import POLLED_ID, NvidiaHosted
from tests.servers.vendors import VENDORS

UNREPORTED = {"bedrock-invoke", "xinference", "openvino", "bedrock", "vertex", "huggingface", "sglang", "nvidia", "nim"}
UNREPORTED |= {"gitee-multimodal", "elasticsearch"}


def at_home(provider: Provider, model: str = "") -> dict[str, str]:
    """Base and model of a row, with a stand-in where the user has to say them."""
    return {
        "base_url": "" if provider.base else "http://localhost:9000",
        "model": model or (provider.models[0] if provider.models else "some-model"),
    }


def complete(name: str) -> Provider:
    return row(name, options={**table()[name].options, "project": "acme-search"}) if name == "vertex" else row(name)


def test_every_row_has_a_vendor_and_a_dialect() -> None:
    assert set(VENDORS) == set(table())
    assert {provider.dialect for provider in table().values()} == set(DIALECTS)


@pytest.mark.parametrize("name", table())
def test_the_vendor_takes_the_request_and_its_answer_is_read(name: str) -> None:
    provider = complete(name)
    asked = call(provider, key=key_for(provider), **at_home(provider))
    parsed = ask(asked, VENDORS[name])
    assert not np.isnan(parsed.scores).any()
    assert int(np.argmax(parsed.scores)) == BEST
    assert sorted(parsed.positions.tolist()) == list(range(len(DOCUMENTS)))
    if provider.dialect not in ("scores", "cosine"):
        assert parsed.positions.tolist() != list(range(len(DOCUMENTS))), "the vendor answers best first"
    assert bool(parsed.usage) == (name not in UNREPORTED)
    assert all(amount > 0 for amount in parsed.usage.values())


@pytest.mark.parametrize("name", table())
def test_a_field_that_is_not_documented_is_refused_and_said(name: str) -> None:
    provider = complete(name)
    bad = call(replace_extra(provider, invented=1), key=key_for(provider), **at_home(provider))
    with pytest.raises(RefusedError, match=r"(?i)invented|Input should|not valid|graded"):
        ask(bad, VENDORS[name])


@pytest.mark.parametrize("name", [name for name, provider in table().items() if provider.needs_key])
def test_a_wrong_key_is_refused_and_said(name: str) -> None:
    provider = complete(name)
    wrong = Secret("wrong-key-wrong:b:c")
    with pytest.raises(RefusedError, match=r"^40[13]: .*(?i:token|key)"):
        ask(call(provider, key=wrong, **at_home(provider)), VENDORS[name])


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("siliconflow", {"instruction": "Prefer biology."}),
        ("dashscope", {"instruction": "Prefer biology."}),
        ("dashscope-compatible", {"instruction": "Prefer biology."}),
        ("sglang", {"instruction": "Prefer biology."}),
        ("cohere", {"max_tokens": 512}),
        ("azure", {"max_tokens": 512}),
        ("ollama", {"instruction": "Find the passage that answers."}),
        ("judge", {"instruction": "Prefer biology."}),
    ],
)
def test_instruction_and_token_limit_go_where_the_vendor_documents_them(name: str, fields: dict[str, object]) -> None:
    provider = complete(name)
    asked = call(provider, key=key_for(provider), **at_home(provider), **fields)
    body = DIALECTS[provider.dialect].request(asked).body.decode()
    assert all(str(value) in body for value in fields.values())
    assert ask(asked, VENDORS[name]).answered == len(DOCUMENTS)


def test_instruction_and_limit_are_not_sent_where_none_takes_them() -> None:
    asked = call(row("tei"), instruction="Prefer biology.", max_tokens=512, base_url="http://localhost:9000")
    assert json.loads(DIALECTS["tei"].request(asked).body).keys() == {"query", "texts", "truncate"}


def test_raw_scores_are_logits() -> None:
    assert DIALECTS["cohere"].kind(call(row("infinity"))) is ScoreKind.PROBABILITY
    assert DIALECTS["cohere"].kind(call(replace_extra(row("infinity"), raw_scores=True))) is ScoreKind.LOGIT
    assert DIALECTS["cohere"].kind(call(replace_extra(row("vllm"), use_activation=False))) is ScoreKind.LOGIT
    assert DIALECTS["tei"].kind(call(replace_extra(row("tei"), raw_scores=True))) is ScoreKind.LOGIT
    assert DIALECTS["nvidia"].kind(call(row("nvidia"))) is ScoreKind.LOGIT


def test_no_key_is_no_header() -> None:
    for name in ("vllm", "tei", "openai-compatible"):
        asked = call(row(name), base_url="http://localhost:9000", model="m")
        assert "Authorization" not in DIALECTS[table()[name].dialect].request(asked).headers


def test_nvidia_is_polled_until_it_has_the_answer() -> None:
    requests: list[Request] = []
    provider = row("nvidia")
    parsed = ask(call(provider, key=key_for(provider)), noting(requests, NvidiaHosted()))
    assert parsed.answered == len(DOCUMENTS)
    asked, *polls = (request.line.rpartition(" ")[0] for request in requests)
    assert asked == "POST /v1/retrieval/nvidia/llama-nemotron-rerank-1b-v2/reranking"
    assert polls == [f"GET /v2/nvcf/pexec/status/{POLLED_ID}"] * 2


def test_nvidia_sends_its_key_to_nvidia_only() -> None:
    """A server that answers 202 must not be able to send the key to an address of its own."""
    provider = row("nvidia")
    dialect, asked = DIALECTS["nvidia"], call(provider, key=key_for(provider))
    for status_id in ("../../evil", "a/b", "", "x@evil.example", "a" * 200):
        with pytest.raises(RemoteError, match="202 without the id"):
            dialect.follow(answer_202(status_id), asked)
    follow = dialect.follow(answer_202(POLLED_ID), asked)
    assert follow is not None
    assert urlsplit(follow.request.url).hostname == "api.nvcf.nvidia.com"
    elsewhere = call(row("nim"), base_url="http://gpu-box:8000", key=key_for(provider))
    with pytest.raises(RemoteError, match="202, and no address"):
        dialect.follow(answer_202(POLLED_ID), elsewhere)


def test_bedrock_asks_page_by_page() -> None:
    provider = row("bedrock")
    requests: list[Request] = []
    documents = [*DOCUMENTS, "bees", "sleep"]
    parsed = ask(call(provider, documents, key=key_for(provider)), noting(requests, VENDORS["bedrock"]))
    bodies = [json.loads(request.body) for request in requests]
    assert [body.get("nextToken") for body in bodies] == [None, "3", "6"]
    assert parsed.answered == len(documents)
    assert sorted(parsed.positions.tolist()) == list(range(len(documents)))
    configuration = bodies[0]["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert configuration["numberOfResults"] == len(documents)
    arn = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
    assert configuration["modelConfiguration"]["modelArn"] == arn


def test_bedrock_pages_that_repeat_come_to_an_end() -> None:
    body = {"results": [{"index": 0, "relevanceScore": 0.5}], "nextToken": "again"}
    provider = row("bedrock")
    with pytest.raises(RemoteError, match="scored twice"):
        ask(call(provider, key=key_for(provider)), lambda request: Reply(200, json.dumps(body).encode()))


def test_a_server_sees_no_trace_of_an_empty_key_and_basic_is_encoded() -> None:
    provider = row("elasticsearch", auth_scheme="Basic")
    asked = call(provider, key=Secret("elastic:changeme-1"), base_url="https://es.example:9200")
    headers = delivered(DIALECTS["elasticsearch"].request(asked)).headers
    assert headers["authorization"] == "Basic ZWxhc3RpYzpjaGFuZ2VtZS0x"


def noting(requests: list[Request], vendor: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """The vendor, and a list of what it was asked."""

    def respond(request: Request) -> Reply:
        requests.append(request)
        return vendor(request)

    return respond


def replace_extra(provider: Provider, **extra: object) -> Provider:
    return msgspec.structs.replace(provider, extra={**provider.extra, **extra})


def answer_202(status_id: str) -> WireResponse:
    return WireResponse(202, {"nvcf-reqid": status_id} if status_id else {}, b"")
