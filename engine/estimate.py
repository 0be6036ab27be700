"""What a set of queries, or a corpus, would ask of services: counted before the first request, on a sample of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from urllib.parse import urlsplit

import msgspec

from engine.embedders.registry import is_remote
from engine.embedders.remote.table import find
from engine.executor import run_in
from engine.indexing import CHUNK
from engine.ingest.base import Source, SourceDocument, checked
from engine.ingest.template import Template
from engine.pipeline import Pipeline
from engine.records import Analysis
from engine.remote.offline import OfflineRule, Place
from engine.rerankers.base import Reranker
from engine.rerankers.cascade import rerank_stages
from engine.rerankers.registry import RERANKERS
from engine.rerankers.remote.batches import estimate_tokens, plan
from engine.rerankers.remote.prices import cost_of
from engine.rerankers.remote.providers import Provider, provider
from engine.rerankers.remote.urls import endpoint
from engine.rerankers.several import SEVERAL, alone
from engine.rerankers.stage import cache_key
from engine.settings.schema import DenseLeg, LexicalLeg, ProviderSettings, RemoteSettings, RerankSettings, Settings

SAMPLE = 3
"""Queries that are searched, without any service, to see how long the texts are."""
LOOKED = 1000
"""The same where the cache has scores of those: how many are missing takes more than three to tell."""
TOGETHER = 8
"""Of them are searched at a time."""
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
    """What searching for all of these would ask of services, each stage of a cascade and each of several rerankers for
    itself; [] where it would ask none. Scores in the cache are taken off, but where a service embeds the queries: what
    it finds is not known beforehand. Raises ``SettingsError`` for a provider without address."""
    rule = OfflineRule.of(settings.remote)
    texts = [text for text in queries if text.strip()]
    found = _embeddings(settings, texts, rule)
    for stage in rerank_stages(settings).values() if texts else ():
        for rerank in alone(stage):
            row = provider(rerank.provider, settings.providers) if rerank.provider not in RERANKERS else None
            if row is not None:
                asking = msgspec.structs.replace(settings, rerank=rerank)
                sampler = _Sampler(pipeline, asking, cached=stage.provider != SEVERAL)
                found += await _reranking(sampler, rerank, texts, row, rule)
    return found


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
    with closing(checked(source)) as items:
        read = (item.document for item in items if isinstance(item, SourceDocument))
        for chunk in iter(lambda: list(islice(read, CHUNK)), []):
            texts = [text for document in chunk if (text := filled.fill(document).text).strip()]
            asked = plan(row, model, "", texts)
            requests, tokens = requests + len(asked.batches), tokens + sum(asked.tokens)
            documents += len(chunk)
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
    sampler: _Sampler, rerank: RerankSettings, texts: Sequence[str], row: Provider, rule: OfflineRule
) -> list[Estimate]:
    """One estimate; none where every query was looked at and every score is in the cache."""
    model = rerank.model or (row.models[0] if row.models else "")
    row, url = row.of(model), endpoint(row, rerank.base_url, model)
    sample = _spread(texts, SAMPLE)
    found = await sampler.look(sample)
    if any(one.known for one in found):
        sample = _spread(texts, LOOKED)
        found = await sampler.look(sample)
    example = next((one.texts for one in found if one.texts), ["x" * UNKNOWN_CHARS])
    requests = documents = tokens = searches = 0
    for query, one in zip(sample, found, strict=True):
        likely = one.new if one.known else islice(cycle(one.texts or example), max(sampler.least, len(one.texts)))
        asked = plan(row, model, query, list(likely), rerank.max_tokens)
        requests += len(asked.batches)
        documents += asked.asked
        tokens += sum(asked.tokens)
        searches += sum(math.ceil((stop - start) / SEARCH) for start, stop in asked.batches)
    scale = len(texts) / len(sample)
    if scale == 1 and any(one.known for one in found) and not requests:
        return []
    numbers = (math.ceil(scale * n) for n in (requests, documents, tokens, searches))
    return [_of("rerank", row, model, url, rule, *numbers)]


def _spread(texts: Sequence[str], most: int) -> Sequence[str]:
    """At most so many of them, evenly from first to last."""
    return texts[:: math.ceil(len(texts) / most)]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a reranker would be sent for a query, were nothing known, and what of it is new."""

    texts: list[str]
    new: list[str]

    @property
    def known(self) -> bool:
        return len(self.new) < len(self.texts)


class _Sampler:
    """Searches without any service. ``cached``: the reranker's scores are kept."""

    def __init__(self, pipeline: Pipeline, settings: Settings, *, cached: bool) -> None:
        self._pipeline, self._rerank, resources = pipeline, settings.rerank, pipeline.resources
        remote = {
            name: leg
            for name, leg in settings.legs.items()
            if isinstance(leg, DenseLeg) and is_remote(leg.embedder) and settings.weights.get(name, 0) > 0
        }
        weights = {name: 0.0 if name in remote else weight for name, weight in settings.weights.items()}
        if not any(weights.values()):
            weights |= {name: 1.0 for name, leg in settings.legs.items() if isinstance(leg, LexicalLeg)}
        off = msgspec.structs.replace(settings.rerank, enabled=False)
        self._settings = (
            msgspec.structs.replace(settings, weights=weights, rerank=off) if any(weights.values()) else None
        )
        depth = max((leg.top_k for leg in remote.values()), default=0)
        self.least = min(depth, settings.rerank.top_n, pipeline.store.info.documents)
        """How many documents every query will have reranked: a dense leg finds its ``top_k`` of any index."""
        self._reranker: Reranker | None = None
        if cached and not remote and resources.cache is not None and resources.remote is not None:
            context = resources.rerank_context(Analysis(), settings, math.inf)
            self._reranker = resources.reranker(settings.rerank, context)

    async def look(self, queries: Sequence[str]) -> list[_Sent]:
        found: list[_Sent] = []
        for at in range(0, len(queries), TOGETHER):
            found += await asyncio.gather(*map(self._sent, queries[at : at + TOGETHER]))
        return found

    async def _sent(self, query: str) -> _Sent:
        texts, reranker, resources = await self._texts(query), self._reranker, self._pipeline.resources
        if reranker is None or not reranker.cacheable or resources.cache is None:
            return _Sent(texts, texts)
        keys = [cache_key(reranker.info, self._rerank, query, text) for text in texts]
        held = await run_in(resources.executor, resources.cache.get, keys)
        return _Sent(texts, [text for text, key in zip(texts, keys, strict=True) if key not in held])

    async def _texts(self, query: str) -> list[str]:
        """What a reranker would be sent for the query, found without asking any service."""
        if self._settings is None:
            return []
        search = self._pipeline.begin(query, syntax=False)
        trace = await search.finish(self._settings)
        ids = [trace.pool.ids[row] for row in trace.ranking.fused_order[: self._rerank.top_n]]
        documents = await search.fetch(ids)
        template = Template.parse(self._rerank.text, "rerank.text")
        filled = (template.fill(documents[i], self._rerank.max_chars).text for i in ids)
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
