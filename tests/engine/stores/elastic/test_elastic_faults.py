"""What people meet, on a real engine with TLS and users: each fault is one sentence, and the next query works again."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.connecting import look, survey
from engine.api import open_pipeline
from engine.errors import EngineError
from engine.executor import make_executor
from engine.pipeline import Pipeline
from engine.records import Document, Outcome, Status
from engine.settings.load import Loaded
from engine.settings.schema import BudgetSettings, DenseLeg, LexicalLeg, RerankSettings, Settings, StoreSettings
from engine.stores.elastic.opening import probe
from engine.stores.registry import open_store
from engine.trace import Trace
from tests.corpus import DOCUMENTS
from tests.engine.stores.elastic.parity import Corpus
from tests.servers.engine_index import send
from tests.servers.engines import Server, running

pytestmark = pytest.mark.xdist_group("elasticsearch-8")

INDEX = "rankscope-faults"
ANOTHER_AUTHORITY = """-----BEGIN CERTIFICATE-----
MIIBkDCCATWgAwIBAgIUEStmZa+IGKwBSBgsK9nP2n7tAhIwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRYW5vdGhlciBhdXRob3JpdHkwIBcNMjYxMTIxMTUzMjU1WhgP
MjA4MTA4MjQxNTMyNTVaMBwxGjAYBgNVBAMMEWFub3RoZXIgYXV0aG9yaXR5MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5CR1ua8Ix8pdjJ9tMwZvD4lBeHLlB5Ch
EqdRNTdLqFKXElz0lRA8Sc/josVlsaoJTtktS8BVKPEDJXZcq7H28qNTMFEwHQYD
VR0OBBYEFMc07H98LlBU9Myt/wX0iHdImTe7MB8GA1UdIwQYMBaAFMc07H98LlBU
9Myt/wX0iHdImTe7MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIh
APmrxlbEahmRSek8oIJzKboNKexnSSlYIM1QtcsQKgIvAiEA5l+3SYu3Qz5Ir+JJ
ZcToSBGjM5kM62uXmlKLoTwS+Ns=
-----END CERTIFICATE-----
"""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.of(list(DOCUMENTS))


@pytest.fixture(scope="module")
def server(corpus: Corpus) -> Iterator[Server]:
    with running("elasticsearch-8", secure=True) as server:
        fill(server, corpus)
        yield server


def fill(server: Server, corpus: Corpus, name: str = INDEX) -> None:
    other = {"section": {"type": "keyword"}, "pagerank": {"type": "long"}}
    corpus.into(server, name, "standard", other=other)


def wanted(store: StoreSettings, leg_ms: int = 5000) -> Settings:
    return Settings(
        store=store,
        legs={"lexical": LexicalLeg(), "dense": DenseLeg()},
        rerank=RerankSettings(enabled=False),
        budget=BudgetSettings(leg_ms=leg_ms),
    )


def refusal(store: StoreSettings, base_dir: Path = Path()) -> EngineError:
    """What opening the store says."""
    with pytest.raises(EngineError) as refused:
        open_store(wanted(store), base_dir, make_executor())
    assert refused.value.hint
    assert "\n" not in refused.value.message
    return refused.value


def signed_out(server: Server, **more: Any) -> StoreSettings:
    return StoreSettings(**{"kind": "elasticsearch", "url": server.url, "index": INDEX, "ca_file": server.ca, **more})


def api_key(server: Server, roles: dict[str, object]) -> str:
    wish = {"name": "rankscope-test", "role_descriptors": {"role": roles}}
    return str(send(server, "POST", "/_security/api_key", wish)["encoded"])


def outcomes(trace: Trace) -> dict[str, Outcome]:
    return {name: stage.outcome for name in ("lexical", "dense") if (stage := trace.stage(name)) is not None}


def test_who_asks(server: Server) -> None:
    wrong = refusal(signed_out(server, api_key="bm90OmEta2V5LW9mLXRoZS1jbHVzdGVy"))
    assert (wrong.kind, wrong.status) == ("unauthorized", 401)
    assert "does not know this user or key" in wrong.message
    assert "nothing was sent" in refusal(signed_out(server)).message
    wrong = refusal(signed_out(server, username="elastic", password="not the password"))
    assert wrong.kind == "unauthorized"
    assert "not the password" not in str(wrong)


async def test_an_unknown_index_is_looked_at_with_no_more_than_the_right_to_read_it(server: Server) -> None:
    key = api_key(server, {"indices": [{"names": [INDEX], "privileges": ["read", "view_index_metadata"]}]})
    found = await look(signed_out(server, api_key=key), Loaded(Settings()))
    assert found.proposal.fields == {"title": 2.0, "text": 1.0}
    assert (found.proposal.embedding.name, found.store.kind) == ("static", "elasticsearch")
    with pytest.raises(EngineError) as refused:
        await survey(signed_out(server, api_key=key, index=""))
    assert refused.value.kind == "forbidden"
    assert "--index" in refused.value.hint
    with pytest.raises(EngineError) as refused:
        await survey(signed_out(server, api_key=key, index=""), ways={"forbidden": "its name"})
    assert refused.value.hint == "its name"
    listing = await survey(signed_out(server, username=server.username, password=server.password, index=""))
    assert INDEX in [one.name for one in listing.indices]
    with pytest.raises(EngineError, match="certificate is not trusted") as untrusted:
        await survey(signed_out(server, username=server.username, password=server.password, ca_file=""))
    assert "--ca-file FILE" in untrusted.value.hint


def test_whom_to_trust(server: Server, tmp_path: Path) -> None:
    (tmp_path / "other.crt").write_text(ANOTHER_AUTHORITY)
    for ca in ("other.crt", ""):
        told = refusal(signed_out(server, username="elastic", password=server.password, ca_file=ca), tmp_path)
        assert told.kind == "tls"
        assert "certificate is not trusted" in told.message
        assert "store.ca_file" in told.hint
    held = hashlib.sha256(ssl.PEM_cert_to_DER_cert(Path(server.ca).read_text())).hexdigest()
    right = signed_out(server, username="elastic", password=server.password, ca_file="", fingerprint=held)
    assert asyncio.run(probe(right, Path())).shape.documents == len(DOCUMENTS)
    wrong = refusal(signed_out(server, username="elastic", password=server.password, ca_file="", fingerprint="0" * 64))
    assert (wrong.kind, "another fingerprint" in wrong.message) == ("tls", True)
    plain = refusal(StoreSettings(kind="elasticsearch", url=server.url.replace("https", "http"), index=INDEX))
    assert (plain.kind, "https://" in plain.hint) == ("reset", True)


async def test_what_a_key_may_do(server: Server) -> None:
    told = refusal(signed_out(server, api_key=api_key(server, {"cluster": ["manage_own_api_key"], "indices": []})))
    assert (told.kind, told.status) == ("forbidden", 403)
    assert "may not" in told.message
    assert "view_index_metadata" in told.hint
    least = {"indices": [{"names": [INDEX], "privileges": ["read", "view_index_metadata"]}]}
    store = signed_out(server, api_key=api_key(server, least))
    async with open_pipeline(wanted(store), Path()) as pipeline:
        trace = await pipeline.search("wait seconds", wanted(store))
        assert {name: one.status for name, one in outcomes(trace).items()} == {"lexical": "ok", "dense": "ok"}
        assert trace.analysis.terms
        assert await pipeline.begin("wait").fetch([trace.pool.ids[0]])


async def test_an_index_deleted_meanwhile(server: Server, corpus: Corpus) -> None:
    fill(server, corpus, "rankscope-deleted")
    settings = wanted(server.store("rankscope-deleted"))
    async with open_pipeline(settings, Path()) as pipeline:
        search = pipeline.begin("wait seconds")
        assert (await search.finish(settings)).pool.ids
        send(server, "DELETE", "/rankscope-deleted")
        trace = await pipeline.search("wait seconds", settings)
        for outcome in outcomes(trace).values():
            assert (outcome.status, outcome.reason) == (Status.FAILED, "index")
            assert "it has no index rankscope-deleted" in outcome.text
        fill(server, corpus, "rankscope-deleted")
        assert len((await pipeline.search("wait seconds", settings)).pool)
        assert len((await search.finish(settings)).pool), "the same search goes on at another point in time"


def unassigned(server: Server, name: str) -> None:
    """An index that no node may hold: it is there, and none of its shards is."""
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "routing.allocation.require._name": "nobody"}
    fields = {"title": {"type": "text"}, "text": {"type": "text"}}
    body = {"settings": settings, "mappings": {"properties": fields}}
    send(server, "DELETE", f"/{name}", ignore=404)
    send(server, "PUT", f"/{name}?wait_for_active_shards=0", body)


def test_an_index_without_its_shards(server: Server) -> None:
    unassigned(server, "rankscope-shardless")
    told = refusal(server.store("rankscope-shardless"))
    assert (told.kind, told.status) == ("shards", 503)
    assert "no shard of rankscope-shardless can answer" in told.message


async def test_half_of_the_shards(server: Server) -> None:
    unassigned(server, "rankscope-half-b")
    document = [Document("a", {"title": "half", "text": "of it"})]
    Corpus(document, {}).into(server, "rankscope-half-a", "standard")
    store = server.store("rankscope-half-*")
    settings = Settings(
        store=store,
        legs={"lexical": LexicalLeg()},
        weights={"lexical": 1.0},
        rerank=RerankSettings(enabled=False),
    )
    async with open_pipeline(settings, Path()) as pipeline:
        trace = await pipeline.search("half", settings)
        outcome = outcomes(trace)["lexical"]
        assert trace.pool.ids == ("a",)
        assert (outcome.status, outcome.reason) == (Status.PARTIAL, "shards")
        assert "1 of 2 shards failed" in outcome.text


async def test_a_paused_engine_meets_the_budget(server: Server) -> None:
    settings = wanted(server.store(INDEX), leg_ms=600)
    async with open_pipeline(settings, Path()) as pipeline:
        await pipeline.search("wait seconds", settings)
        server.signal(signal.SIGSTOP)
        try:
            trace = await pipeline.search("seconds to wait", settings)
        finally:
            server.signal(signal.SIGCONT)
        for outcome in outcomes(trace).values():
            assert (outcome.status, outcome.reason, outcome.text) == (Status.FAILED, "budget", "budget 600 ms")
        await works_again(pipeline, wanted(server.store(INDEX)))


async def works_again(pipeline: Pipeline, settings: Settings) -> None:
    trace = await pipeline.search("seconds to wait", settings)
    assert {name: one.status for name, one in outcomes(trace).items()} == {"lexical": "ok", "dense": "ok"}


@pytest.mark.xdist_group("of its own")
async def test_killed_in_mid_search_and_started_again(corpus: Corpus) -> None:
    with running("elasticsearch-9") as first:
        fill(first, corpus)
        settings = wanted(first.store(INDEX))
        pipeline = open_pipeline(settings, Path())
        try:
            await works_again(pipeline, settings)
            searches = [asyncio.create_task(pipeline.search(f"wait {n} seconds", settings)) for n in range(30)]
            await asyncio.sleep(0.02)
            first.signal(signal.SIGKILL)
            traces = await asyncio.gather(*searches)
            told = [one for trace in traces for one in outcomes(trace).values() if one.status is Status.FAILED]
            assert told
            assert {one.reason for one in told} <= {"reset", "connect"}
            trace = await pipeline.search("wait seconds", settings)
            assert outcomes(trace)["lexical"].reason == "connect"
            assert "nothing answers there" in outcomes(trace)["lexical"].text
            assert refusal(first.store(INDEX)).kind == "connect"
            with await asyncio.to_thread(_again, first) as second:
                fill(second, corpus)
                await works_again(pipeline, settings)
        finally:
            await pipeline.close()


class _Held:
    """A server started in one thread and ended in another."""

    def __init__(self, port: int) -> None:
        self._context = running("elasticsearch-9", port=port)
        self.server = self._context.__enter__()

    def __enter__(self) -> Server:
        return self.server

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)


def _again(server: Server) -> _Held:
    return _Held(int(server.url.rpartition(":")[2]))
