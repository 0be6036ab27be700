"""Requests to the byte, in the form that each vendor's page shows."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from engine.errors import SettingsError
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.bedrock import model_arn
from engine.secrets import MASK, Secret
from tests.engine.rerankers.remote.dialect_calls import call, plain, row

QUERY = "What is a hive made of?"
DOCUMENTS = ("Straw, once.", "Wood → “frames”.")
TEXTS = '["Straw, once.","Wood → “frames”."]'
OBJECTS = '[{"text":"Straw, once."},{"text":"Wood → “frames”."}]'
SOURCES = ",".join(
    f'{{"type":"INLINE","inlineDocumentSource":{{"type":"TEXT","textDocument":{{"text":"{text}"}}}}}}'
    for text in DOCUMENTS
)

EXAMPLES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "cohere",
        {"model": "rerank-v3.5"},
        "https://api.cohere.com/v2/rerank",
        f'{{"model":"rerank-v3.5","query":"{QUERY}","documents":{TEXTS}}}',
    ),
    (
        "siliconflow",
        {"model": "Qwen/Qwen3-Reranker-8B", "instruction": "Please rerank."},
        "https://api.siliconflow.cn/v1/rerank",
        f'{{"model":"Qwen/Qwen3-Reranker-8B","query":"{QUERY}","documents":{TEXTS},"instruction":"Please rerank."}}',
    ),
    (
        "zeroentropy",
        {"model": "zerank-2"},
        "https://api.zeroentropy.dev/v1/models/rerank",
        f'{{"model":"zerank-2","query":"{QUERY}","documents":{TEXTS},"latency":"fast"}}',
    ),
    (
        "bedrock-invoke",
        {"model": "cohere.rerank-v3-5:0"},
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/cohere.rerank-v3-5:0/invoke",
        f'{{"query":"{QUERY}","documents":{TEXTS},"api_version":2}}',
    ),
    (
        "tei",
        {"base_url": "http://gpu-box:8080"},
        "http://gpu-box:8080/rerank",
        f'{{"query":"{QUERY}","texts":{TEXTS},"truncate":true}}',
    ),
    (
        "huggingface",
        {"model": "BAAI/bge-reranker-v2-m3"},
        "https://router.huggingface.co/hf-inference/models/BAAI/bge-reranker-v2-m3/pipeline/text-ranking",
        f'{{"inputs":{{"query":"{QUERY}","texts":{TEXTS}}}}}',
    ),
    (
        "gitee-multimodal",
        {"model": "jina-reranker-m0"},
        "https://api.moark.ai/v1/rerank/multimodal",
        f'{{"model":"jina-reranker-m0","query":{{"text":"{QUERY}"}},"documents":{OBJECTS}}}',
    ),
    (
        "nvidia",
        {"model": "nvidia/llama-3.2-nv-rerankqa-1b-v2"},
        "https://ai.api.nvidia.com/v1/retrieval/nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking",
        f'{{"model":"nvidia/llama-3.2-nv-rerankqa-1b-v2","query":{{"text":"{QUERY}"}},"passages":{OBJECTS},'
        '"truncate":"END"}',
    ),
    (
        "dashscope",
        {"model": "qwen3-rerank", "instruction": "Retrieve."},
        "https://dashscope.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank",
        f'{{"model":"qwen3-rerank","input":{{"query":"{QUERY}","documents":{TEXTS}}},'
        '"parameters":{"instruct":"Retrieve."}}',
    ),
    (
        "dashscope-compatible",
        {"model": "qwen3-rerank", "instruction": "Retrieve."},
        "https://dashscope.aliyuncs.com/compatible-api/v1/reranks",
        f'{{"model":"qwen3-rerank","query":"{QUERY}","documents":{TEXTS},"instruct":"Retrieve."}}',
    ),
    (
        "voyage",
        {"model": "rerank-2.5"},
        "https://api.voyageai.com/v1/rerank",
        f'{{"model":"rerank-2.5","query":"{QUERY}","documents":{TEXTS},"truncation":true}}',
    ),
    (
        "mixedbread",
        {"model": "mixedbread-ai/mxbai-rerank-large-v2"},
        "https://api.mixedbread.com/v1/reranking",
        f'{{"model":"mixedbread-ai/mxbai-rerank-large-v2","query":"{QUERY}","input":{TEXTS}}}',
    ),
    (
        "pinecone",
        {"model": "bge-reranker-v2-m3"},
        "https://api.pinecone.io/rerank",
        f'{{"model":"bge-reranker-v2-m3","query":"{QUERY}","documents":{OBJECTS},'
        '"return_documents":false,"parameters":{"truncate":"END"}}',
    ),
    (
        "elasticsearch",
        {"model": "my-rerank-model", "base_url": "https://es:9200"},
        "https://es:9200/_inference/rerank/my-rerank-model",
        f'{{"query":"{QUERY}","input":{TEXTS}}}',
    ),
    (
        "deepinfra",
        {"model": "Qwen/Qwen3-Reranker-0.6B"},
        "https://api.deepinfra.com/v1/inference/Qwen/Qwen3-Reranker-0.6B",
        f'{{"queries":["{QUERY}","{QUERY}"],"documents":{TEXTS}}}',
    ),
    (
        "bedrock",
        {"model": "amazon.rerank-v1:0"},
        "https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank",
        f'{{"queries":[{{"type":"TEXT","textQuery":{{"text":"{QUERY}"}}}}],"sources":[{SOURCES}],'
        '"rerankingConfiguration":{"type":"BEDROCK_RERANKING_MODEL","bedrockRerankingConfiguration":'
        '{"numberOfResults":2,"modelConfiguration":'
        '{"modelArn":"arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0"}}}}',
    ),
    (
        "ollama",
        {"model": "qwen3-embedding", "instruction": "Find it."},
        "http://localhost:11434/api/embed",
        f'{{"model":"qwen3-embedding","input":["Instruct: Find it.\\nQuery: {QUERY}",{TEXTS[1:]}}}',
    ),
]


@pytest.mark.parametrize(("name", "fields", "url", "body"), EXAMPLES, ids=[name for name, *_ in EXAMPLES])
def test_request_is_as_documented(name: str, fields: dict[str, Any], url: str, body: str) -> None:
    provider = row(name)
    request = DIALECTS[provider.dialect].request(call(provider, DOCUMENTS, query=QUERY, **fields))
    assert (request.method, request.url) == ("POST", url)
    assert request.body == body.encode()
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("cohere", "Authorization", "Bearer sk-1234567"),
        ("pinecone", "Api-Key", "sk-1234567"),
        ("elasticsearch", "Authorization", "ApiKey sk-1234567"),
        ("vertex", "Authorization", "Bearer sk-1234567"),
    ],
)
def test_key_stands_where_it_belongs_and_in_no_repr(name: str, header: str, value: str) -> None:
    provider = row(name, options={"project": "acme"})
    asked = call(provider, base_url="https://h.example", model="m", key=Secret("sk-1234567"))
    request = DIALECTS[provider.dialect].request(asked)
    assert request.headers[header] == value
    assert "sk-1234567" not in repr(request) + repr(asked)
    assert MASK in repr(asked)


def test_headers_of_the_row_are_sent() -> None:
    assert DIALECTS["data"].request(call(row("pinecone"))).headers["X-Pinecone-Api-Version"] == "2025-10"


def test_vertex_numbers_its_records_and_bills_a_project() -> None:
    provider = row("vertex", options={"project": "acme"})
    request = DIALECTS["vertex"].request(call(provider, DOCUMENTS, query=QUERY, model="semantic-ranker-fast-004"))
    base = "https://discoveryengine.googleapis.com/v1/projects/acme/locations/global"
    assert request.url == f"{base}/rankingConfigs/default_ranking_config:rank"
    assert request.headers["X-Goog-User-Project"] == "acme"
    assert json.loads(request.body) == {
        "model": "semantic-ranker-fast-004",
        "query": QUERY,
        "records": [{"id": "0", "content": DOCUMENTS[0]}, {"id": "1", "content": DOCUMENTS[1]}],
        "ignoreRecordDetailsInResponse": True,
    }


def test_the_number_of_documents_is_sent_only_where_a_row_asks_for_it() -> None:
    for name in ("cohere", "together", "localai", "voyage"):
        body = DIALECTS[row(name).dialect].body(call(row(name), model="m"))
        assert not {"top_n", "top_k"} & set(body)
    counted = plain("cohere", wire={"count": "top_n"})
    assert DIALECTS["cohere"].body(call(counted))["top_n"] == 5
    nested = plain("dashscope", wire={"count": "parameters.top_n"})
    assert DIALECTS["dashscope"].body(call(nested))["parameters"] == {"top_n": 5}


def test_deepinfra_may_take_the_query_once() -> None:
    assert DIALECTS["scores"].body(call(row("deepinfra", wire={"repeat": False})))["queries"] == [call(row()).query]


def test_vllm_score_is_a_matter_of_names() -> None:
    provider = plain("data", path="/score", wire={"query": "text_1", "documents": "text_2"})
    body = DIALECTS["data"].body(call(provider, ["a", "b"], query="q", model="m"))
    assert body == {"model": "m", "text_1": "q", "text_2": ["a", "b"]}


@pytest.mark.parametrize("wire", [{"text": 3}, {"top_n": "n"}, {"index_base": "1"}])
def test_a_wrong_name_in_a_row_is_a_settings_error(wire: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"providers\.acme\.wire") as caught:
        DIALECTS["cohere"].request(call(plain("cohere", wire=wire)))
    assert "index_base" in caught.value.hint


@pytest.mark.parametrize(
    ("model", "region", "arn"),
    [
        ("amazon.rerank-v1:0", "eu-central-1", "arn:aws:bedrock:eu-central-1::foundation-model/amazon.rerank-v1:0"),
        ("m", "us-gov-west-1", "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/m"),
        (
            "arn:aws:bedrock:us-west-2:1:imported-model/x",
            "eu-west-1",
            "arn:aws:bedrock:us-west-2:1:imported-model/x",
        ),
    ],
)
def test_bedrock_model_names(model: str, region: str, arn: str) -> None:
    assert model_arn(model, region) == arn


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("cohere", {"query": "another"}),
        ("cohere", {"model": "another"}),
        ("tei", {"texts": ["another"]}),
        ("dashscope", {"input": {"query": "another"}}),
        ("dashscope", {"input.query.text": "another"}),
        ("deepinfra", {"queries": []}),
        ("judge", {"messages": []}),
        ("ollama", {"input": []}),
    ],
)
def test_extra_fields_never_replace_what_is_asked(name: str, extra: dict[str, Any]) -> None:
    provider = row(name)
    provider = msgspec.structs.replace(provider, extra={**provider.extra, **extra})
    with pytest.raises(SettingsError, match=f"{name}.extra.{next(iter(extra))} would overwrite") as caught:
        DIALECTS[provider.dialect].body(call(provider, model="m"))
    assert caught.value.path == f"providers.{name}.extra.{next(iter(extra))}"


def test_what_a_language_model_does_not_take_is_replaced() -> None:
    judge = msgspec.structs.replace(row("judge"), extra={"temperature": 1, "reasoning.effort": "low"})
    body = DIALECTS["judge"].body(call(judge, model="m"))
    assert (body["temperature"], body["reasoning"]) == (1, {"effort": "low"})
