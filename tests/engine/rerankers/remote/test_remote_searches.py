"""Every row of the table through a whole search: over a real socket, against a vendor that is strict about its form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest

from console.views_status import status_view
from engine.api import open_pipeline
from engine.estimate import estimate
from engine.pipeline import Pipeline
from engine.records import RanOn, Status
from engine.remote.offline import place_of
from engine.report import to_json
from engine.rerankers.remote.providers import Provider, table
from engine.settings.schema import ProviderSettings, RemoteSettings, RerankSettings, Settings
from engine.trace import Trace
from tests.corpus import build
from tests.engine.rerankers.remote.test_dialect_vendors import UNREPORTED
from tests.servers import aws, strict
from tests.servers.loopback import Loopback, Reply, Request, serving
from tests.servers.vendors import VENDORS

QUERY = "wait some seconds on a thread until two files sleep"
WORDS_ALONE = {"lexical": 1.0, "dense": 0.0}
KEY = strict.KEY
JUDGES = {name for name, row in table().items() if row.dialect == "judge"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("remote")
    build(home / "index")
    return home


@pytest.fixture
async def ask(folder: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Searches with these settings of ``rerank``; providers and the cache folder on request."""
    opened: list[Pipeline] = []

    async def search(
        query: str = QUERY,
        *,
        providers: dict[str, ProviderSettings] | None = None,
        cached: bool = False,
        remote: RemoteSettings | None = None,
        **rerank: Any,
    ) -> Trace:
        settings = Settings(
            weights=WORDS_ALONE,
            rerank=RerankSettings(**rerank),
            providers=providers or {},
            remote=remote or RemoteSettings(),
        )
        pipeline = open_pipeline(
            settings, folder, cache_dir=tmp_path if cached else None, ledger=tmp_path / "calls.sqlite3"
        )
        opened.append(pipeline)
        return await pipeline.search(query, settings)

    yield search
    for pipeline in opened:
        await pipeline.close()


def order(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.order]


def fused(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.fused_order]


def key_for(provider: Provider) -> str:
    if provider.auth_scheme == "sigv4":
        return f"{aws.ACCESS_KEY}:{aws.SECRET_KEY}:{aws.TOKEN}"
    return KEY


def address(server: Loopback, provider: Provider) -> str:
    """The loopback server in the place of the provider's own host."""
    return server.url + urlsplit(provider.base).path


@pytest.mark.parametrize("name", table())
async def test_every_provider_reranks(name: str, ask: Callable[..., Any]) -> None:
    provider = table()[name]
    options = {"project": "acme-search"} if name == "vertex" else {}
    own = {name: ProviderSettings(batch=4, options=options)}
    async with serving(answer=VENDORS[name]) as server:
        trace = await ask(
            provider=name,
            base_url=address(server, provider),
            api_key=key_for(provider),
            model="" if provider.models else "some-model",
            providers=own,
        )
        report = to_json(trace)
        stage, info = trace.stage("rerank"), trace.reranker
        assert stage.outcome.status is Status.OK, stage.outcome.text
        assert stage.outcome.done == stage.outcome.total == len(trace.ranking.order)
        assert stage.ran_on is RanOn.REMOTE
        assert order(trace) != fused(trace)
        scores = trace.rerank.raw[trace.ranking.order]
        assert not np.isnan(scores).any()
        assert (np.diff(scores) <= 0).all(), "one order over all requests"
        asked = [request for request in server.requests if request.line.startswith("POST")]
        whole = provider.dialect == "judge" or provider.is_listwise(info.model)
        assert info.usage["requests"] == (1 if whole else -(-stage.outcome.total // 4))
        assert len(asked) >= info.usage["requests"]
        reported = set(info.usage) - {"requests", "attempts"}
        assert bool(reported) == (name not in UNREPORTED), "every request's usage, added up"
        assert info.url.startswith(server.url)
        for request in asked:
            assert "?" not in request.line
            assert not request.line.split(" ")[1].endswith("/")
            sent = request.headers.get(provider.auth_header.lower(), "")
            if provider.auth_scheme != "sigv4":
                assert sent == f"{provider.auth_scheme} {KEY}".strip()
    assert_no_key(key_for(provider), report)


async def test_the_parts_of_the_bar_say_where_the_time_went(ask: Callable[..., Any]) -> None:
    async with serving(answer=VENDORS["tei"]) as server:
        trace = await ask(provider="tei", base_url=server.url)
    stage = trace.stage("rerank")
    names = [part.name for part in stage.parts]
    assert {"queue", "inference"} <= set(names)
    assert stage.start_ms <= stage.parts[0].start_ms
    assert stage.parts[-1].end_ms <= stage.end_ms


async def test_a_listwise_model_is_asked_once_and_says_where_it_stops(ask: Callable[..., Any]) -> None:
    own = {"jina": ProviderSettings(listwise_documents=5, batch=2)}
    async with serving(answer=VENDORS["jina"]) as server:
        trace = await ask(
            provider="jina", model="jina-reranker-v3", base_url=server.url, api_key=KEY, providers=own, cached=True
        )
        outcome = trace.stage("rerank").outcome
        assert len(server.requests) == 1
        assert len(json.loads(server.requests[0].body)["documents"]) == 5
        assert (outcome.status, outcome.done, outcome.reason) == (Status.PARTIAL, 5, "limit")
        assert outcome.total > 5
        assert outcome.text == "provider limit: jina-reranker-v3 scores at most 5 together"
        assert status_view(trace).text == f"reranked 5/{outcome.total}: {outcome.text}"
        unscored = order(trace)[5:]
        assert unscored == [i for i in fused(trace) if i in unscored], "the rest follows in fused order"
        again = await ask(
            provider="jina", model="jina-reranker-v3", base_url=server.url, api_key=KEY, providers=own, cached=True
        )
        assert len(server.requests) == 2, "its scores depend on the list: nothing comes from the cache"
        assert order(again) == order(trace)


async def test_a_listwise_model_scores_newcomers_with_the_whole_list(folder: Path) -> None:
    """A longer list is asked whole; scores of the shorter one are forgotten."""
    async with serving(answer=VENDORS["jina"]) as server:
        rerank = RerankSettings(provider="jina", model="jina-reranker-v3", base_url=server.url, api_key=KEY, top_n=3)
        settings = Settings(weights=WORDS_ALONE, rerank=rerank)
        async with open_pipeline(settings, folder) as pipeline:
            search = pipeline.begin(QUERY)
            await search.finish(settings)
            deeper = msgspec.structs.replace(settings, rerank=msgspec.structs.replace(rerank, top_n=6))
            trace = await search.finish(deeper)
            assert [len(json.loads(request.body)["documents"]) for request in server.requests] == [3, 6]
            assert trace.stage("rerank").outcome.done == 6
            assert trace.reranker.usage["requests"] == 2, "the whole query's usage"
            await search.finish(settings)
            assert len(server.requests) == 2, "a shorter list needs no new asking"


async def test_the_cache_answers_a_repeated_query_without_a_call_or_a_key(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    async with serving(answer=VENDORS["cohere"]) as server:
        first = await ask(provider="cohere", base_url=server.url, cached=True)
        asked = len(server.requests)
        monkeypatch.delenv("CO_API_KEY")
        second = await ask(provider="cohere", base_url=server.url, cached=True)
        assert len(server.requests) == asked
        assert order(second) == order(first)
        assert second.stage("rerank").outcome.status is Status.OK
        assert second.reranker.usage == {}
        own = {"cohere": ProviderSettings(extra={"priority": 1})}
        other = await ask(provider="cohere", base_url=server.url, cached=True, providers=own)
        assert other.stage("rerank").outcome.reason == "settings", "another request is another score"


async def test_what_precedes_a_failed_batch_counts_and_what_follows_waits(ask: Callable[..., Any]) -> None:
    """Batches of two: the second fails for good after the later ones were answered."""
    seen: list[int] = []

    def vendor(request: Request) -> Reply:
        number = len(seen)
        seen.append(number)
        if number == 1:
            return Reply(422, b'{"message": "too long"}', delay_s=0.2)
        return VENDORS["cohere"](request)

    own = {"cohere": ProviderSettings(batch=2, concurrency=1)}
    async with serving(answer=vendor) as server:
        trace = await ask(provider="cohere", base_url=server.url, api_key=KEY, providers=own, cached=True)
        outcome = trace.stage("rerank").outcome
        assert (outcome.status, outcome.done) == (Status.PARTIAL, 2)
        assert "422" in outcome.text
        assert "too long" in outcome.text
        assert set(order(trace)[:2]) == set(fused(trace)[:2])
        assert order(trace)[2:] == fused(trace)[2:], "unscored in fused order"
        before = len(server.requests)
        again = await ask(provider="cohere", base_url=server.url, api_key=KEY, providers=own, cached=True)
        assert again.stage("rerank").outcome.status is Status.OK
        assert len(server.requests) - before < -(-again.stage("rerank").outcome.total // 2)


async def test_a_failure_that_passes_is_retried(ask: Callable[..., Any]) -> None:
    replies = iter([Reply(429, b'{"message": "slow down"}', {"Retry-After": "0"}), Reply(503, b"")])

    def vendor(request: Request) -> Reply:
        return next(replies, None) or VENDORS["cohere"](request)

    async with serving(answer=vendor) as server:
        trace = await ask(provider="cohere", base_url=server.url, api_key=KEY)
        assert trace.stage("rerank").outcome.status is Status.OK
        assert len(server.requests) == 3
    assert trace.reranker.usage["attempts"] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_no_key_in_outcome_log_or_report(status: int, ask: Callable[..., Any], logged: Callable[[], str]) -> None:
    """Even where the service repeats the key in its error."""
    own = {"cohere": ProviderSettings(retries=0, headers={"X-Team": "env:TEAM_TOKEN"})}
    body = json.dumps({"message": f"the key {KEY} of team-token-1234 was refused"}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEAM_TOKEN", "team-token-1234")
        async with serving(Reply(status, body)) as server:
            trace = await ask(provider="cohere", base_url=server.url, api_key=KEY, providers=own)
            assert server.requests[0].headers["x-team"] == "team-token-1234"
    outcome = trace.stage("rerank").outcome
    assert outcome.status is Status.FAILED
    assert str(status) in outcome.text
    assert order(trace) == fused(trace)
    for secret in (KEY, "team-token-1234"):
        assert_no_key(secret, to_json(trace), outcome.text, logged())


async def test_a_missing_key_is_one_sentence_with_the_variable(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOYAGE_API_KEY", raising=False)
    trace = await ask(provider="voyage")
    assert trace.stage("rerank").outcome.text == "Voyage AI needs a key: VOYAGE_API_KEY not set"
    assert order(trace) == fused(trace)


async def test_offline_asks_nothing_and_says_so(ask: Callable[..., Any]) -> None:
    remote = RemoteSettings(offline=True)
    trace = await ask(provider="cohere", api_key=KEY, remote=remote)
    outcome = trace.stage("rerank").outcome
    assert outcome.reason == "offline"
    assert outcome.text.startswith("offline: Cohere is on the internet (api.cohere.com)")
    trace = await ask(provider="voyage", api_key="al-0123456789", remote=remote)
    assert "(ai.mongodb.com)" in trace.stage("rerank").outcome.text, "where the holder of such a key asks"
    async with serving(answer=VENDORS["tei"]) as server:
        here = await ask(provider="tei", base_url=server.url, remote=remote)
        assert here.stage("rerank").outcome.status is Status.OK, "this machine may be asked"
    assert place_of(server.url).value == "this machine"


async def test_a_key_in_a_file_belongs_to_the_settings_folder(ask: Callable[..., Any], folder: Path) -> None:
    (folder / "cohere.key").write_text(f"{KEY}\n")
    async with serving(answer=VENDORS["cohere"]) as server:
        trace = await ask(provider="cohere", base_url=server.url, api_key="file:cohere.key")
    assert trace.stage("rerank").outcome.status is Status.OK


async def test_a_provider_of_ones_own_needs_no_code(ask: Callable[..., Any]) -> None:
    def vendor(request: Request) -> Reply:
        body = json.loads(request.body)
        assert set(body) == {"model", "query", "documents", "effort"}
        assert request.line == "POST /api/v1/reranking HTTP/1.1"
        assert request.headers["x-key"] == KEY
        scores = [{"index": i, "score": i / 10} for i in range(len(body["documents"]))]
        return Reply(body=json.dumps({"results": scores, "usage": {"total_tokens": 1000}}).encode())

    async with serving(answer=vendor) as server:
        own = ProviderSettings(
            label="Ours",
            base_url=f"{server.url}/api/v1/",
            path="/v1/reranking",
            auth_header="X-Key",
            auth_scheme="bare",
            api_key="env:OUR_KEY",
            extra={"effort": "low"},
            models=["ours-1"],
            kind="logit",
            price=2.5,
            price_unit="tokens",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OUR_KEY", KEY)
            trace = await ask(provider="ours", providers={"ours": own})
    assert trace.stage("rerank").outcome.status is Status.OK
    assert trace.reranker.model == "ours-1"
    assert trace.reranker.kind == "logit"
    assert trace.reranker.usage == {"requests": 1, "tokens": 1000, "usd": 0.0025}
    assert order(trace) == list(reversed(fused(trace)))


async def test_an_unknown_provider_names_the_nearest(ask: Callable[..., Any]) -> None:
    trace = await ask(provider="voyag")
    assert trace.stage("rerank").outcome.text == "rerank.provider: there is no reranker 'voyag'"
    trace = await ask(provider="mine", providers={"mine": ProviderSettings(like="coher")})
    assert trace.stage("rerank").outcome.text == "providers.mine.like: there is no provider 'coher'"


async def test_cancelling_a_search_closes_its_requests(folder: Path) -> None:
    async with serving(Reply(delay_s=30)) as server:
        rerank = RerankSettings(provider="tei", base_url=server.url)
        settings = Settings(weights=WORDS_ALONE, rerank=rerank)
        async with open_pipeline(settings, folder) as pipeline:
            task = asyncio.create_task(pipeline.search(QUERY, settings))
            async with asyncio.timeout(5):
                while not server.requests:  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait_for(server.abandoned.wait(), 5)


def assert_no_key(key: str, *texts: Any) -> None:
    for text in texts:
        shown = text if isinstance(text, str) else json.dumps(text)
        for part in key.split(":"):
            assert part not in shown


async def test_what_the_cache_holds_is_not_estimated_again(folder: Path, tmp_path: Path) -> None:
    """A set that was asked before costs nothing; of one with a new query, that query is counted."""
    old, new = [QUERY, "join path components"], "stripes of an animal"
    async with serving(answer=VENDORS["cohere"]) as server:
        rerank = RerankSettings(provider="cohere", base_url=server.url, api_key=KEY, top_n=4)
        settings = Settings(weights=WORDS_ALONE, rerank=rerank)
        several = msgspec.structs.replace(rerank, provider="several", model="cohere, term")
        async with open_pipeline(settings, folder, cache_dir=tmp_path) as pipeline:
            [before] = await estimate(pipeline, settings, old)
            traces = [await pipeline.search(query, settings) for query in old]
            assert before.documents == sum(int((trace.rerank.raw == trace.rerank.raw).sum()) for trace in traces)
            asked = len(server.requests)
            assert await estimate(pipeline, settings, old) == []
            [more] = await estimate(pipeline, settings, [*old, new])
            assert more.documents == 1, "one document is about stripes"
            await pipeline.search(new, settings)
            assert len(server.requests) == asked + 1 == before.requests + more.requests
            fused = await estimate(pipeline, msgspec.structs.replace(settings, rerank=several), old)
            assert [one.documents for one in fused] == [before.documents], "several are asked anew"
