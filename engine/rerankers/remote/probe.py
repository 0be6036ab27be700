"""Whether a service works as a reranker: one relevant and one irrelevant document, and how long the answer takes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import msgspec

from engine.errors import RemoteError
from engine.records import Document
from engine.remote.texts import excerpt
from engine.remote.wire import Service, WireRequest
from engine.rerankers import registry
from engine.rerankers.base import Opens, RerankDocument
from engine.rerankers.registry import RerankContext
from engine.rerankers.remote.dialects.auth import authorized
from engine.rerankers.remote.dialects.call import RerankCall
from engine.rerankers.remote.keys import Places, key_of, with_headers
from engine.rerankers.remote.providers import Provider
from engine.rerankers.remote.urls import endpoint
from engine.secrets import shown_url
from engine.settings.schema import RerankSettings

QUERY = "How long does it take to boil an egg?"
RELEVANT = "A soft-boiled egg takes about six minutes in boiling water, a hard-boiled one about ten."
IRRELEVANT = "The committee adjourned the hearing on harbour dues until the following spring."


@dataclass(frozen=True, slots=True)
class Probe:
    """What came back. Scores are raw; ``ms`` holds the time of each answer; ``steady``: equal scores every time."""

    model: str
    kind: str
    relevant: float
    irrelevant: float
    ms: tuple[float, ...]
    steady: bool

    @property
    def sane(self) -> bool:
        """Whether the relevant document stands above the other."""
        return self.relevant > self.irrelevant


async def probe(settings: RerankSettings, context: RerankContext, repeat: int = 1) -> Probe:
    """Ask ``repeat`` times. Raises whatever the reranker raises: ``RemoteError``, ``SettingsError``."""
    found: list[tuple[float, float]] = []
    ms = []
    if context.remote is not None:
        await context.remote.load()
    for _ in range(repeat):
        reranker = registry.make(settings, context)
        if isinstance(reranker, Opens):
            await reranker.open()
        documents = [RerankDocument(Document(str(i), {}), text) for i, text in enumerate((IRRELEVANT, RELEVANT))]
        scores = [math.nan] * len(documents)
        began = time.perf_counter()
        async for batch in reranker.rerank(QUERY, documents):
            scores[batch.start : batch.start + len(batch.scores)] = batch.scores.tolist()
        ms.append((time.perf_counter() - began) * 1e3)
        found.append((scores[1], scores[0]))
        info = reranker.info
    relevant, irrelevant = found[0]
    return Probe(info.model, str(info.kind), relevant, irrelevant, tuple(ms), len(set(found)) == 1)


@dataclass(frozen=True, slots=True)
class TeiInfo:
    """What a text-embeddings-inference server says of itself."""

    model: str
    reranks: bool
    max_batch: int
    max_length: int


async def tei_info(settings: RerankSettings, provider: Provider, context: RerankContext) -> TeiInfo:
    """``GET /info``. Raises ``RemoteError``, also where it is no such server."""
    assert context.remote is not None
    places: Places = {"base_dir": context.base_dir, "environ": context.environ}
    row, key = with_headers(provider, **places), key_of(provider, settings.api_key, **places)
    url = endpoint(row, settings.base_url, settings.model).removesuffix(row.path) + "/info"
    asking = authorized(WireRequest("GET", url, row.headers), RerankCall(row, "", [], key=key))
    service = Service(row.label, replace(row.limits, retries=0), row.timeouts)
    response = await context.remote.send(service, asking)
    try:
        body = msgspec.json.decode(response.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        what, hint = excerpt(response.body) or "nothing", "is it text-embeddings-inference?"
        told = f"{provider.label}: {shown_url(url)} answers {what}"
        raise RemoteError(told, provider=provider.name, kind="body", status=response.status, hint=hint) from None
    model_type = body.get("model_type")
    return TeiInfo(
        str(body.get("model_id", "")),
        isinstance(model_type, dict) and "reranker" in model_type,
        _whole(body.get("max_client_batch_size")),
        _whole(body.get("max_input_length")),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
