"""What a set of queries, or a corpus, would ask of services: counted before the first request, on a sample of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from urllib.parse import urlsplit

import msgspec

from engine.embedders.registry import is_remote
from engine.embedders.remote.table import find
from engine.indexing import CHUNK
from engine.ingest.base import Source, SourceDocument, checked
from engine.ingest.template import Template
from engine.pipeline import Pipeline
from engine.remote.offline import OfflineRule, Place
from engine.rerankers.cascade import rerank_stages
from engine.rerankers.registry import RERANKERS
from engine.rerankers.remote.batches import estimate_tokens, plan
from engine.rerankers.remote.prices import cost_of
from engine.rerankers.remote.providers import Provider, provider
from engine.rerankers.remote.urls import endpoint
from engine.rerankers.several import alone
from engine.settings.schema import DenseLeg, LexicalLeg, ProviderSettings, RemoteSettings, RerankSettings, Settings

SAMPLE = 3
"""Queries that are searched, without any service, to see how long the texts are."""
UNKNOWN_CHARS = 1000
"""Taken for the length of a text where the sample finds none: words that stand nowhere, or no lexical leg."""
SEARCH = 100
"""Documents that Cohere, and those who sell its models, count as one search (cohere.com/pricing;
https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-pricing.html)."""
SAMPLED = 1024
"""Documents of a source that are read to see the same, where the source knows how many there are."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one service would be asked; ``purpose`` is ``rerank``, ``embed`` or ``index``. ``usd`` is None where no
    price is known, ``documents`` counts each as often as it is sent."""

    purpose: str
    provider: str
    model: str
    host: str
    place: Place
    requests: int
    documents: int
    tokens: int
    usd: float | None

    @property
    def leaves(self) -> bool:
        """Whether it goes off this machine."""
        return self.place is not Place.MACHINE

    @property
    def amount(self) -> str:
        """``225 requests, 11,250 documents, about 3,419,055 tokens, cost unknown``."""
        what = f"{self.documents:,} documents, " if self.purpose != "embed" else ""
        about = "cost unknown" if self.usd is None else f"about {self.usd:.2f} US$"
        cost = "less than 0.01 US$" if self.usd is not None and self.usd < 0.01 else about
        return f"{self.requests:,} requests, {what}about {self.tokens:,} tokens, {cost}"

    @property
    def text(self) -> str:
        """In one sentence."""
        model = f" ({self.model})" if self.model else ""
        return f"{self.purpose} by {self.provider}{model} at {self.host}, on {self.place}: {self.amount}"


async def estimate(pipeline: Pipeline, settings: Settings, queries: Sequence[str]) -> list[Estimate]:
    """What searching for all of these would ask of services; [] where it would ask none. What a cache would spare is
    not taken off. Raises ``SettingsError`` for a provider without address."""
    rule = OfflineRule.of(settings.remote)
    texts = [text for text in queries if text.strip()]
    found = _embeddings(settings, texts, rule)
    for rerank in _askings(settings) if texts else ():
        row = provider(rerank.provider, settings.providers) if rerank.provider not in RERANKERS else None
        if row is not None:
            asking = msgspec.structs.replace(settings, rerank=rerank)
            found.append(await _reranking(pipeline, asking, texts, row, rule))
    return found


def _askings(settings: Settings) -> Iterator[RerankSettings]:
    """Every reranker that is asked: each stage of a cascade, each of several that are fused."""
    for rerank in rerank_stages(settings).values() if settings.rerank.enabled else ():
        yield from alone(rerank)


def estimate_indexing(
    source: Source, embedder: str, template: str, remote: RemoteSettings, providers: Mapping[str, ProviderSettings]
) -> Estimate | None:
    """What embedding the source's documents would ask of a service; None where the embedder is none. A source that
    cannot tell its length is read once for it."""
    found = find(embedder, providers) if is_remote(embedder) else None
    if found is None:
        return None
    row, model = found
    filled, total = Template.parse(template), source.count()
    requests = documents = tokens = 0
    items = (item.document for item in checked(source) if isinstance(item, SourceDocument))
    for chunk in iter(lambda: list(islice(items, CHUNK)), []):
        texts = [text for document in chunk if (text := filled.fill(document).text).strip()]
        asked = plan(row, model, "", texts)
        requests, tokens, documents = requests + len(asked.batches), tokens + sum(asked.tokens), documents + len(chunk)
        if total is not None and documents >= SAMPLED:
            break
    scale = max(1.0, total / documents) if total is not None and documents else 1.0
    numbers = (math.ceil(scale * n) for n in (requests, documents, tokens))
    return _of("index", row, model, endpoint(row, "", model), OfflineRule.of(remote), *numbers)


def _embeddings(settings: Settings, texts: Sequence[str], rule: OfflineRule) -> list[Estimate]:
    """One request for each query and service."""
    legs = [(name, leg) for name, leg in settings.legs.items() if isinstance(leg, DenseLeg)]
    names = dict.fromkeys(leg.embedder for name, leg in legs if settings.weights.get(name, 0) > 0)
    out = []
    for name in names:
        row_and_model = find(name, settings.providers) if is_remote(name) else None
        if row_and_model is not None:
            row, model = row_and_model
            tokens = sum(map(estimate_tokens, texts))
            out.append(_of("embed", row, model, endpoint(row, "", model), rule, len(texts), len(texts), tokens))
    return out


async def _reranking(
    pipeline: Pipeline, settings: Settings, texts: Sequence[str], row: Provider, rule: OfflineRule
) -> Estimate:
    model = settings.rerank.model or (row.models[0] if row.models else "")
    row, url = row.of(model), endpoint(row, settings.rerank.base_url, model)
    step = max(1, len(texts) // SAMPLE)
    sample = texts[::step][:SAMPLE]
    found = [await _texts(pipeline, settings, text) for text in sample]
    example = next(filter(None, found), ["x" * UNKNOWN_CHARS])
    least = _least(pipeline, settings)
    requests = documents = tokens = searches = 0
    for text, there in zip(sample, found, strict=True):
        likely = list(islice(cycle(there or example), max(least, len(there))))
        asked = plan(row, model, text, likely, settings.rerank.max_tokens)
        requests += len(asked.batches)
        documents += asked.asked
        tokens += sum(asked.tokens)
        searches += sum(math.ceil((stop - start) / SEARCH) for start, stop in asked.batches)
    scale = len(texts) / len(sample)
    numbers = (math.ceil(scale * n) for n in (requests, documents, tokens, searches))
    return _of("rerank", row, model, url, rule, *numbers)


def _remote_legs(settings: Settings) -> dict[str, DenseLeg]:
    """The legs that will ask a service, which the sample does without."""
    return {
        name: leg
        for name, leg in settings.legs.items()
        if isinstance(leg, DenseLeg) and is_remote(leg.embedder) and settings.weights.get(name, 0) > 0
    }


def _least(pipeline: Pipeline, settings: Settings) -> int:
    """How many documents every query will have reranked: a dense leg finds its ``top_k`` of any index."""
    depth = max((leg.top_k for leg in _remote_legs(settings).values()), default=0)
    return min(depth, settings.rerank.top_n, pipeline.store.info.documents)


async def _texts(pipeline: Pipeline, settings: Settings, query: str) -> list[str]:
    """What a reranker would be sent for the query, found without asking any service."""
    remote = _remote_legs(settings)
    weights = {name: 0.0 if name in remote else weight for name, weight in settings.weights.items()}
    if not any(weights.values()):
        weights |= {name: 1.0 for name, leg in settings.legs.items() if isinstance(leg, LexicalLeg)}
    if not any(weights.values()):
        return []
    rerank = msgspec.structs.replace(settings.rerank, enabled=False)
    search = pipeline.begin(query, syntax=False)
    trace = await search.finish(msgspec.structs.replace(settings, weights=weights, rerank=rerank))
    ids = [trace.pool.ids[row] for row in trace.ranking.fused_order[: settings.rerank.top_n]]
    documents = await search.fetch(ids)
    template = Template.parse(settings.rerank.text, "rerank.text")
    filled = (template.fill(documents[i], settings.rerank.max_chars).text for i in ids)
    return [text for text in filled if text.strip()]


def _of(
    purpose: str,
    row: Provider,
    model: str,
    url: str,
    rule: OfflineRule,
    requests: int,
    documents: int,
    tokens: int,
    searches: int = 0,
) -> Estimate:
    usage: Mapping[str, float] = {"tokens": tokens, "searches": searches}
    host = urlsplit(url).hostname or ""
    cost = cost_of(row, usage)
    usd = cost["usd"] * (requests if row.price_unit == "requests" else 1) if cost else None
    return Estimate(purpose, row.label, model, host, rule.place(url), requests, documents, tokens, usd)
