"""Rerankers as engines name them: Elasticsearch's inference services, OpenSearch's model ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.export.base import Obstacle, Request, Variable, Wish
from engine.fusion.blends import resolve
from engine.rerankers.remote.providers import table
from engine.rerankers.remote.urls import join
from engine.settings.schema import RerankSettings, Settings

INFERENCE_ID = "rankscope-rerank"

SERVICES = {"tei": "hugging_face", "cohere": "cohere", "jina": "jinaai", "voyage": "voyageai"}
"""Provider → service of Elasticsearch's inference API; ``elasticsearch`` is an endpoint that is there already."""

_FIELD = re.compile(r"\{([^{}]+)\}")


def fields_of(settings: Settings) -> list[str]:
    """The index's fields that the template of the reranked text names: ``title`` is that of ``store.title_field``."""
    titled = settings.store.title_field or "title"
    return [titled if name == "title" else name for name in _FIELD.findall(settings.rerank.text)]


def inference_id(rerank: RerankSettings) -> str:
    if rerank.provider == "elasticsearch":
        return rerank.model or ".rerank-v1-elasticsearch"
    return INFERENCE_ID


def needs_endpoint(rerank: RerankSettings) -> bool:
    return rerank.provider in SERVICES


def endpoint(rerank: RerankSettings) -> Request:
    """The request that makes the inference endpoint; the key is a variable for the shell, never its value."""
    provider = rerank.provider
    key = Variable(_variable(rerank))
    if provider == "tei":
        settings = {"url": join(rerank.base_url, "/rerank"), "api_key": key}
    else:
        settings = {"model_id": rerank.model, "api_key": key}
    body = {"service": SERVICES[provider], "service_settings": settings}
    return Request("PUT", f"/_inference/rerank/{INFERENCE_ID}", body, "once: the endpoint that reranks")


def _variable(rerank: RerankSettings) -> str:
    kind, _, name = rerank.api_key.partition(":")
    return name if kind == "env" and name else table()[rerank.provider].keys[0]


def elasticsearch(wish: Wish) -> Iterator[Obstacle]:
    """What ``text_similarity_reranker`` cannot do."""
    rerank = wish.settings.rerank
    if not rerank.enabled:
        return
    if rerank.provider not in (*SERVICES, "elasticsearch"):
        yield Obstacle("rerank.enabled", f"the engine has no reranker {rerank.provider}", False)
        return
    if rerank.provider == "tei" and not rerank.base_url:
        yield Obstacle("rerank.enabled", "rerank.base_url does not say where the reranker is", False)
        return
    yield from _shared(wish)
    yield from _one_field(wish)
    blend = resolve(rerank.blend, rerank.provider)
    if blend == "ragflow":
        yield Obstacle("rerank.blend", "it has no token similarity", "replace")
    if blend == "weighted" and rerank.normalizer not in ("min-max", "elasticsearch-min-max"):
        yield Obstacle("rerank.normalizer", "its linear retriever has minmax", "elasticsearch-min-max")
    if wish.settings.cut.threshold and blend != "replace":
        yield Obstacle("cut.threshold", "a blended score has no threshold", 0.0)
    if wish.settings.cut.offset + wish.settings.cut.top_k > rerank.top_n:
        needed = wish.settings.cut.offset + wish.settings.cut.top_k
        yield Obstacle("rerank.top_n", "nothing follows the documents that are reranked", needed)


def opensearch(wish: Wish) -> Iterator[Obstacle]:
    """What the ``rerank`` processor cannot do."""
    rerank = wish.settings.rerank
    if not rerank.enabled:
        return
    if rerank.provider in ("term", "judge"):
        yield Obstacle("rerank.enabled", f"the engine has no reranker {rerank.provider}", False)
        return
    yield from _shared(wish)
    if resolve(rerank.blend, rerank.provider) != "replace":
        yield Obstacle(
            "rerank.blend", "its rerank processor puts the model's score in the place of the fused", "replace"
        )
    if wish.settings.cut.threshold:
        yield Obstacle("cut.threshold", "its rerank processor drops nothing", 0.0)
    if wish.settings.cut.offset:
        yield Obstacle("cut.offset", "it reranks the page that it returns", 0)


def _shared(wish: Wish) -> Iterator[Obstacle]:
    rerank = wish.settings.rerank
    for name, stage in rerank.cascade.items():
        if stage.enabled:
            yield Obstacle(f"rerank.cascade.{name}.enabled", "it reranks once", False)
    for key in ("max_chars", "max_tokens"):
        if getattr(rerank, key):
            yield Obstacle(f"rerank.{key}", "the model's own limit cuts the text", 0)
    if rerank.instruction:
        yield Obstacle("rerank.instruction", "it sends the query alone", "")


def _one_field(wish: Wish) -> Iterator[Obstacle]:
    text = wish.settings.rerank.text
    names = _FIELD.findall(text)
    one = f"{{{names[-1] if names else 'text'}}}"
    if text != one:
        yield Obstacle("rerank.text", "it sends one field", one)
