"""Services that embed: every row over a real socket, into an index and out of it again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.api import open_pipeline
from engine.embedders.base import EmbedContext, Embedder
from engine.embedders.registry import make
from engine.embedders.remote.table import find, table
from engine.errors import IndexMismatchError, RemoteError, SettingsError
from engine.executor import make_executor
from engine.records import RanOn, Status
from engine.remote.ledger import Ledger
from engine.remote.offline import Departure, MayLeave, OfflineRule, Place
from engine.remote.pool import ClientPool
from engine.settings.schema import DenseLeg, LexicalLeg, ProviderSettings, RemoteSettings, Settings
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.writer import IndexWriter
from tests.corpus import DOCUMENTS, TEMPLATE
from tests.servers import strict
from tests.servers.embedders import DIMENSION, VENDORS, vector
from tests.servers.loopback import Loopback, Reply, Request, serving

TEXTS = ["wait for a thread", "", "sleep some seconds", "  ", "join two paths"]


def settings_for(name: str, server: Loopback, **own: object) -> dict[str, ProviderSettings]:
    return {name: ProviderSettings(base_url=server.url, **own)}  # type: ignore[arg-type]


@asynccontextmanager
async def embedder(
    name: str,
    providers: dict[str, ProviderSettings],
    *,
    ledger: Path | None = None,
    offline: bool = False,
    may_leave: MayLeave = lambda _: True,
) -> AsyncIterator[Embedder]:
    executor = make_executor()
    pool = ClientPool(executor, OfflineRule(offline), Ledger(ledger, executor))
    pool.may_leave = may_leave
    variables = {variable: strict.KEY for row in table().values() for variable in row.keys}
    try:
        yield make(name, EmbedContext(executor, pool, providers, None, variables))
    finally:
        await pool.close()
        executor.shutdown()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in table().values():
        for variable in row.keys:
            monkeypatch.setenv(variable, strict.KEY)


def model_of(name: str) -> str:
    return table()[name].models[0] if table()[name].models else "some-model"


def test_every_row_has_a_vendor() -> None:
    assert set(VENDORS) == set(table())


@pytest.mark.parametrize("name", table())
async def test_every_service_embeds(name: str, tmp_path: Path) -> None:
    """Small batches, blank texts left out, each vector at its own text, of unit length."""
    async with serving(answer=VENDORS[name]) as server:
        own = settings_for(name, server, batch=2)
        async with embedder(f"{name}/{model_of(name)}", own, ledger=tmp_path / "calls.sqlite3") as service:
            assert service.info.dimension == 0
            vectors = await service.embed_documents(TEXTS)
            assert service.info.dimension == DIMENSION
            assert service.info.ran_on is RanOn.REMOTE
            assert len(server.requests) == 2
            expected = np.array([vector(text) for text in TEXTS])
            expected /= np.linalg.norm(expected, axis=1, keepdims=True)
            blank = np.array([not text.strip() for text in TEXTS])
            assert np.isnan(vectors[blank]).all()
            assert vectors[~blank] == pytest.approx(expected[~blank], abs=1e-6)
            query = await service.embed_query(TEXTS[0])
            assert query == pytest.approx(vectors[0])
            before = len(server.requests)
            assert await service.embed_query("  ") is None
            assert len(server.requests) == before
    ledger = Ledger(tmp_path / "calls.sqlite3")
    (usage,) = ledger.summary()
    ledger.close()
    assert (usage.provider, usage.purpose, usage.calls, usage.documents) == (name, "embed", 3, 4)


async def test_query_and_document_are_told_apart() -> None:
    async with serving(answer=VENDORS["voyage"]) as server:
        own = settings_for("voyage", server, options={"query_prefix": "Q: ", "document_prefix": "D: "})
        async with embedder("voyage/voyage-3.5", own) as service:
            await service.embed_query("bees")
            await service.embed_documents(["bees"])
    bodies = [json.loads(request.body) for request in server.requests]
    assert [body["input_type"] for body in bodies] == ["query", "document"]
    assert [body["input"] for body in bodies] == [["Q: bees"], ["D: bees"]]


async def test_another_dimension_can_be_asked_for() -> None:
    async with serving(answer=VENDORS["openai"]) as server:
        own = settings_for("openai", server, options={"dimensions": "8"})
        async with embedder("openai/text-embedding-3-small", own) as service:
            await service.embed_query("bees")
            assert service.info.revision == "text-embedding-3-small dimensions=8"
    assert json.loads(server.requests[0].body)["dimensions"] == 8


BAD = {
    "no JSON": b"<html>busy</html>",
    "without vectors": b'{"error": "unexpected endpoint"}',
    "1 vectors for 2 texts": b'{"data": [{"index": 0, "embedding": [1]}]}',
    "a vector of no text": b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}',
    "one length": b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}',
    "lists of numbers": b'{"data": [{"index": 0, "embedding": ["x"]}, {"index": 1}]}',
}


@pytest.mark.parametrize(("said", "body"), BAD.items())
async def test_what_cannot_be_trusted_is_refused(said: str, body: bytes) -> None:
    async with serving(Reply(body=body)) as server, embedder("openai/m", settings_for("openai", server)) as service:
        with pytest.raises(RemoteError, match=said) as caught:
            await service.embed_documents(["one", "two"])
    assert caught.value.kind == "body"
    assert strict.KEY not in caught.value.message


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"data": "\xff"}', b""])
async def test_an_answer_that_cannot_be_decoded_is_no_fault_of_ours(body: bytes) -> None:
    async with serving(Reply(body=body)) as server, embedder("openai/m", settings_for("openai", server)) as service:
        with pytest.raises(RemoteError, match="an answer that is no JSON"):
            await service.embed_documents(["one"])


async def test_the_address_of_a_key_is_the_one_that_is_told() -> None:
    told: list[Departure] = []

    def declined(departure: Departure) -> bool:
        told.append(departure)
        return False

    own = {"voyage": ProviderSettings(api_key="al-0123456789")}
    async with embedder("voyage", own, may_leave=declined) as service:
        with pytest.raises(RemoteError, match=r"nothing was sent to Voyage AI at ai\.mongodb\.com"):
            await service.embed_query("bees")
    assert [one.host for one in told] == ["ai.mongodb.com"]


def test_a_price_of_searches_is_no_price_of_tokens() -> None:
    prices = {
        "cohere": ProviderSettings(price=2000.0),
        "ours": ProviderSettings(like="cohere", price=2000.0),
        "theirs": ProviderSettings(like="cohere", price=0.1, price_unit="tokens"),
        "voyage": ProviderSettings(price=0.05),
        "openai": ProviderSettings(price=0.02),
    }
    found = {name: found[0].price for name in prices if (found := find(name, prices))}
    assert found == {"cohere": 0.0, "ours": 0.0, "theirs": 0.1, "voyage": 0.05, "openai": 0.02}


async def test_refusals_offline_and_unknown_names_say_what_to_do() -> None:
    async with embedder("cohere/embed-v4.0", {}, offline=True) as service:
        with pytest.raises(RemoteError, match="offline: Cohere is on the internet"):
            await service.embed_query("bees")
    with pytest.raises(RemoteError, match="offline: Voyage AI is on the internet"):
        async with embedder(
            "voyage", {}, offline=True, may_leave=lambda _: pytest.fail("nothing is to be asked")
        ) as it:
            await it.embed_query("bees")
    refusal = Reply(401, b'{"error": {"message": "bad key"}}')
    async with serving(refusal) as server, embedder("openai/m", settings_for("openai", server)) as service:
        with pytest.raises(RemoteError, match="OpenAI: 401 Unauthorized: bad key"):
            await service.embed_query("bees")
    context = EmbedContext(make_executor())
    with pytest.raises(SettingsError, match="there is no embedder 'nobody/m'"):
        make("nobody/m", context)
    with pytest.raises(SettingsError, match="names no model"):
        make("openai-compatible", context)


# --- an index by a service ------------------------------------------------------------------------------------------


async def build(folder: Path, name: str, own: dict[str, ProviderSettings]) -> None:
    async with embedder(name, own) as service:
        texts = [f"{d.text_of('title')}\n{d.text_of('text')}".strip() for d in DOCUMENTS]
        vectors = await service.embed_documents(texts)
        info = service.info
    spec = IndexSpec(
        {"title": "standard", "text": "english"}, EmbeddingSpec(info.name, info.dimension, info.revision, TEMPLATE)
    )
    with IndexWriter(folder, spec) as writer:
        writer.add(DOCUMENTS, vectors)
        writer.commit()


def searching(own: dict[str, ProviderSettings], name: str = "ollama/nomic-embed-text") -> Settings:
    legs = {"lexical": LexicalLeg(), "dense": DenseLeg(embedder=name)}
    return Settings(legs=legs, providers=own)


async def test_an_index_by_a_service_is_searched_by_it(tmp_path: Path) -> None:
    async with serving(answer=VENDORS["ollama"]) as server:
        own = settings_for("ollama", server)
        await build(tmp_path / "index", "ollama/nomic-embed-text", own)
        asked = len(server.requests)
        async with open_pipeline(searching(own), tmp_path) as pipeline:
            await pipeline.warm(searching(own))
            assert len(server.requests) == asked, "nothing leaves before there is a query"
            trace = await pipeline.search("wait some seconds", searching(own))
            await pipeline.search("wait some seconds", searching(own))
            assert len(server.requests) == asked + 1, "the vector of a query is kept"
    assert trace.stage("embed").ran_on is RanOn.REMOTE
    assert trace.stage("dense").outcome.status is Status.OK
    dense = trace.pool.scores[:, trace.pool.leg_names.index("dense")]
    assert np.nanmax(dense) <= 1 + 1e-6
    assert np.nanmin(dense) > 0


async def test_another_model_or_dimension_than_the_index_has_is_refused(tmp_path: Path) -> None:
    def shorter(request: Request) -> Reply:
        return Reply(body=b'{"embeddings": [[1, 0, 0]]}')

    async with serving(answer=VENDORS["ollama"]) as server, serving(answer=shorter) as other:
        own = settings_for("ollama", server)
        await build(tmp_path / "index", "ollama/nomic-embed-text", own)
        with pytest.raises(IndexMismatchError, match="ollama/bge-m3"):
            open_pipeline(searching(own, "ollama/bge-m3"), tmp_path)
        changed = searching(settings_for("ollama", other))
        async with open_pipeline(changed, tmp_path) as pipeline:
            trace = await pipeline.search("wait some seconds", changed)
    outcome = trace.stage("embed").outcome
    assert outcome.status is Status.FAILED
    assert outcome.text == "ollama/nomic-embed-text makes vectors of 3 dimensions, but the index has 8"
    assert trace.stage("lexical").outcome.status is Status.OK, "the other leg stands"
    assert len(trace.ranking.results)


async def test_a_query_goes_to_a_service_only_when_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declined, the dense leg is skipped with that reason and the words alone are searched; then it may."""
    async with serving(answer=VENDORS["ollama"]) as server:
        own = settings_for("ollama", server)
        await build(tmp_path / "index", "ollama/nomic-embed-text", own)
        settings, told, allowed = searching(own), list[Departure](), list[bool]()
        monkeypatch.setattr(OfflineRule, "place", lambda rule, url: Place.INTERNET)

        def may_leave(departure: Departure) -> bool:
            told.append(departure)
            return bool(allowed)

        async with open_pipeline(settings, tmp_path) as pipeline:
            pipeline.ask_before_leaving(may_leave)
            asked = len(server.requests)
            search = pipeline.begin("wait some seconds")
            trace = await search.finish(settings)
            outcome = trace.stage("dense").outcome
            assert (outcome.status, outcome.reason) == (Status.SKIPPED, "declined")
            assert trace.stage("embed").outcome.status is Status.SKIPPED
            assert len(trace.ranking.results), "the other leg stands"
            assert len(server.requests) == asked
            assert (told[0].what, told[0].characters) == ("the query", len("wait some seconds"))
            assert search.missing(settings).legs == ("dense",)
            allowed.append(True)
            trace = await search.finish(settings)
            assert trace.stage("dense").outcome.status is Status.OK
            offline = msgspec.structs.replace(settings, remote=RemoteSettings(offline=True))
            refused = await pipeline.search("another query", offline)
            assert refused.stage("embed").outcome.reason == "offline", "the rule is that of the search's own settings"
            assert (await pipeline.search("another query", settings)).stage("dense").outcome.status is Status.OK
