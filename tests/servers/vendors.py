"""Every provider of the table as a loopback vendor: ``VENDORS[name](request)`` is the reply."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers import aws, documents_results, no_rerank, own_shapes, strict
from tests.servers.loopback import Reply, Request

Vendor = Callable[[Request], Reply]

_NVIDIA_PATH = r"/v1/(ranking|retrieval/nvidia/[\w-]+/reranking|retrieval/nvidia/reranking)"
_VERTEX_PATH = r"/v1/projects/acme-search/locations/global/rankingConfigs/default_ranking_config:rank"

VENDORS: dict[str, Vendor] = {
    **{name: vendor.respond for name, vendor in documents_results.VENDORS.items()},
    "tei": strict.answering("POST", "/rerank", strict.tei_error, own_shapes.tei),
    "huggingface": strict.answering(
        "POST",
        r"/hf-inference/models/[\w./-]+/pipeline/text-ranking",
        strict.tei_error,
        own_shapes.huggingface,
        pattern=True,
    ),
    "sglang": strict.answering("POST", "/v1/rerank", strict.openai_error, own_shapes.sglang),
    "gitee-multimodal": strict.answering(
        "POST", "/v1/rerank/multimodal", strict.openai_error, own_shapes.gitee_multimodal
    ),
    "nvidia": strict.answering("POST", _NVIDIA_PATH, strict.pydantic_error, own_shapes.nvidia, pattern=True),
    "nim": strict.answering("POST", "/v1/ranking", strict.pydantic_error, own_shapes.nvidia),
    "dashscope": strict.answering(
        "POST", "/api/v1/services/rerank/text-rerank/text-rerank", strict.dashscope_error, own_shapes.dashscope
    ),
    "voyage": strict.answering("POST", "/v1/rerank", strict.detail_error, own_shapes.voyage),
    "mixedbread": strict.answering("POST", "/v1/reranking", strict.pydantic_error, own_shapes.mixedbread),
    "pinecone": strict.answering("POST", "/rerank", own_shapes.pinecone_error, own_shapes.pinecone),
    "elasticsearch": strict.answering(
        "POST", r"/_inference/rerank/[\w.-]+", strict.elastic_error, own_shapes.elasticsearch, pattern=True
    ),
    "deepinfra": strict.answering(
        "POST", r"/v1/inference/[\w./-]+", own_shapes.deepinfra_error, own_shapes.deepinfra, pattern=True
    ),
    "bedrock": strict.answering("POST", "/rerank", strict.aws_error, aws.bedrock),
    "vertex": strict.answering("POST", _VERTEX_PATH, strict.google_error, own_shapes.vertex, pattern=True),
    "ollama": strict.answering("POST", "/api/embed", no_rerank.ollama_error, no_rerank.ollama_embed),
    "lmstudio": strict.answering("POST", "/v1/embeddings", strict.openai_error, no_rerank.openai_embeddings),
    "similarity": strict.answering("POST", "/v1/embeddings", strict.openai_error, no_rerank.openai_embeddings),
    "ollama-judge": strict.answering("POST", "/v1/chat/completions", strict.openai_error, no_rerank.chat),
    "lmstudio-judge": strict.answering("POST", "/v1/chat/completions", strict.openai_error, no_rerank.chat),
    "judge": strict.answering("POST", "/v1/chat/completions", strict.openai_error, no_rerank.chat),
}
