"""Every dialect against every fault, over real sockets: one clear error without the key, and the next call works."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest

from engine.errors import RemoteError
from engine.remote.pool import ClientPool
from engine.remote.wire import Limits, Service, Timeouts, WireRequest, WireResponse
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.base import converse
from engine.rerankers.remote.dialects.call import ParsedScores
from engine.rerankers.remote.providers import table
from tests.engine.rerankers.remote.dialect_calls import BEST, DOCUMENTS, call, key_for, row
from tests.servers import aws, strict
from tests.servers.faults import FAULTS, IN_ENTRIES, STATUSES, STILL_ANSWERED
from tests.servers.loopback import Loopback, Reply, Request, serving
from tests.servers.vendors import VENDORS

ROWS = {
    "cohere": "cohere",
    "tei": "tei",
    "nvidia": "nvidia",
    "dashscope": "dashscope",
    "data": "voyage",
    "elasticsearch": "elasticsearch",
    "scores": "deepinfra",
    "bedrock": "bedrock",
    "vertex": "vertex",
    "cosine": "lmstudio",
    "judge": "judge",
}
SAID = {
    "html": "200, but the answer is no JSON .*Sign in to continue",
    "nothing": r"200, but the answer is no JSON .*\(empty\)",
    "error under 200": "200, but no scores: server_error: model is loading",
    "no list": "200, but no scores: Unexpected endpoint",
    "empty list": r"200, but no scores: \[\]",
    "truncated json": "200, but the answer is no JSON",
    "reset mid-body": "ended early",
    "reset before": "closed the connection",
    "not http": "127.0.0.1",
    "slow first byte": "nothing from 127.0.0.1 for 0.3 s",
    "redirect": "307 .*/v1/rerank/",
    "429, retry after": "429 .*slow down",
    "index out of range": "index .*out of range: '?1000",
    "duplicate index": r"index \d stands twice",
    "index in words": "no index but 'first'",
    "no index": "no index but None",
    "counted from one": "index .*out of range",
    "NaN score": "no JSON .*NaN",
    "score in words": "no finite number: 'high'|an entry without a vector",
    **{str(status): f": {status}.*: the vendor says why" for status in STATUSES},
}


@pytest.fixture
async def pool() -> AsyncIterator[ClientPool]:
    executor = ThreadPoolExecutor(1)
    pool = ClientPool(executor)
    yield pool
    await pool.close()
    executor.shutdown()


async def ask(dialect: str, server: Loopback, pool: ClientPool, read_s: float) -> ParsedScores:
    name = ROWS[dialect]
    provider = row(name, options={**table()[name].options, "project": "acme-search"})
    speaker = DIALECTS[dialect]
    service = Service(provider.label, Limits(retries=0), Timeouts(5.0, read_s, 10.0), speaker.error_text)
    base = server.url + urlsplit(provider.base.replace("{region}", "x")).path
    model = provider.models[0] if provider.models else "m"

    async def send(request: WireRequest) -> WireResponse:
        return await pool.send(service, request)

    asked = call(provider, key=key_for(provider), base_url=base, model=model)
    return await converse(speaker, asked, send, asyncio.sleep)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_fault_is_one_clear_error_and_the_next_call_works(dialect: str, pool: ClientPool) -> None:
    vendor = VENDORS[ROWS[dialect]]
    now = vendor

    def answer(request: Request) -> Reply:
        return now(request)

    async with serving(answer=answer) as server:
        for fault in SAID:
            if dialect == "scores" and fault in IN_ENTRIES:
                continue  # its answer has no entries
            now = FAULTS[fault](vendor)
            with pytest.raises(RemoteError) as caught:
                await ask(dialect, server, pool, 0.3 if fault.startswith("slow") else 5.0)
            told = str(caught.value)
            assert re.search(SAID[fault], told), (fault, told)
            assert told.startswith(row(ROWS[dialect]).label), (fault, told)
            assert caught.value.hint, fault
            assert not any(key in told for key in (strict.KEY, aws.ACCESS_KEY, aws.SECRET_KEY, aws.TOKEN)), fault
            now = vendor
            parsed = await ask(dialect, server, pool, 5.0)
            assert int(np.argmax(parsed.scores)) == BEST, fault


@pytest.mark.parametrize("fault", STILL_ANSWERED)
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name not in ("scores", "cosine")])
async def test_what_can_still_be_read_is(dialect: str, fault: str, pool: ClientPool) -> None:
    async with serving(answer=FAULTS[fault](VENDORS[ROWS[dialect]])) as server:
        parsed = await ask(dialect, server, pool, 5.0)
    assert int(np.nanargmax(parsed.scores)) == BEST
    assert (parsed.answered < len(DOCUMENTS)) == (fault == "missing documents")


def test_no_fault_is_left_out() -> None:
    assert set(SAID) | set(STILL_ANSWERED) == set(FAULTS)
    assert set(ROWS) == set(DIALECTS)
