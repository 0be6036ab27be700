"""Every dialect in every fault through a whole search: the fused list stands, the outcome names provider, cause and
remedy, no key is anywhere, and the next search works."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from engine.api import open_pipeline
from engine.pipeline import Pipeline
from engine.recorder import recorder
from engine.records import Outcome, Status
from engine.report import to_json
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.providers import table
from engine.search import Search
from engine.settings.schema import BudgetSettings, ProviderSettings, RerankSettings, Settings
from engine.stages import FAULT
from tests.corpus import build
from tests.servers import aws, strict
from tests.servers.faults import FAULTS, IN_ENTRIES, REFUSING, STATUSES, STILL_ANSWERED, Vendor
from tests.servers.loopback import Reply, Request, serving
from tests.servers.vendors import VENDORS

QUERY = "wait some seconds on a thread until two files sleep"
SECRETS = (strict.KEY, aws.SECRET_KEY, aws.TOKEN)
PATIENT_S, HASTY_S = 20.0, 0.3

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
"""What the outcome says of each fault that a vendor can have."""

HERE = {
    "connect refused": "cannot connect to 127.0.0.1",
    "connect hang": "no connection to 127.0.0.1 within 0.3 s",
    "endless drip": "no answer within 1 s",
}
"""The same of those beside them."""
REASONS = {"connect", "timeout", "reset", "body", "redirect", "refused", "overloaded"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("faults")
    build(home / "index")
    return home


@contextmanager
def hanging() -> Iterator[str]:
    """An address whose queue of connections is full: nobody takes the next one up."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        for one in waiting:
            one.close()


@contextmanager
def refusing() -> Iterator[str]:
    """An address where nobody listens, kept so that nobody begins to."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


def settings_for(dialect: str, url: str, fault: str = "") -> Settings:
    name = ROWS[dialect]
    row = table()[name]
    own = ProviderSettings(
        options={"project": "acme-search"} if name == "vertex" else {},
        retries=0,
        connect_s=HASTY_S if fault == "connect hang" else PATIENT_S,
        read_s=HASTY_S if fault == "slow first byte" else PATIENT_S,
        total_s=1.0 if fault == "endless drip" else PATIENT_S,
    )
    key = f"{aws.ACCESS_KEY}:{aws.SECRET_KEY}:{aws.TOKEN}" if row.auth_scheme == "sigv4" else strict.KEY
    rerank = RerankSettings(
        provider=name,
        base_url=url + urlsplit(row.base.replace("{region}", "x")).path,
        api_key=key,
        model="" if row.models else "m",
    )
    weights = {"lexical": 1.0, "dense": 0.0}
    return Settings(weights=weights, rerank=rerank, providers={name: own}, budget=BudgetSettings(rerank_ms=60_000))


class Faulty:
    """A vendor that fails until it is mended."""

    def __init__(self, vendor: Vendor, fault: str) -> None:
        self._faulty = FAULTS[fault](vendor) if fault in FAULTS else _dripping(vendor)
        self._vendor, self.mended = vendor, False

    def __call__(self, request: Request) -> Reply:
        return (self._vendor if self.mended else self._faulty)(request)


def _dripping(vendor: Vendor) -> Vendor:
    return lambda request: replace(vendor(request), drip_s=0.05)


async def search(pipeline: Pipeline, settings: Settings) -> Search:
    found = pipeline.begin(QUERY)
    await found.finish(settings)
    return found


def outcome_of(found: Search) -> Outcome:
    assert found.trace is not None
    report = found.trace.stage("rerank")
    assert report is not None
    return report.outcome


def fused_stands(found: Search) -> bool:
    assert found.trace is not None
    order, fused = found.trace.ranking.order.tolist(), found.trace.ranking.fused_order.tolist()
    return len(order) > 5 and order == fused


async def recorded(found: Search, settings: Settings, pipeline: Pipeline, path: Path) -> str:
    """All bytes of a recording of the search, as text."""
    with recorder(path, settings, pipeline.store.info) as taking:
        await taking.add("1", found)
    with gzip.open(path) as file:
        return file.read().decode("utf-8", "replace")


@asynccontextmanager
async def opened(folder: Path, dialect: str) -> AsyncIterator[Pipeline]:
    async with open_pipeline(settings_for(dialect, "http://127.0.0.1:1"), folder) as pipeline:
        yield pipeline


async def check(dialect: str, fault: str, said: str, pipeline: Pipeline, path: Path) -> None:
    """One fault, told rightly; then the vendor is mended, and the next search is whole."""
    vendor = Faulty(VENDORS[ROWS[dialect]], fault)
    async with AsyncExitStack() as stack:
        if fault == "connect hang":
            url = stack.enter_context(hanging())
        else:
            server = await stack.enter_async_context(serving(answer=vendor))
            url = stack.enter_context(refusing()) if fault == "connect refused" else server.url
        settings = settings_for(dialect, url, fault)
        failed = await search(pipeline, settings)
        outcome, where = outcome_of(failed), (dialect, fault)
        assert outcome.status is Status.FAILED, (where, outcome)
        assert outcome.reason in REASONS, (where, outcome)
        assert outcome.text.startswith(table()[ROWS[dialect]].label), (where, outcome)
        assert re.search(said, outcome.text), (where, outcome)
        assert outcome.hint, where
        assert fused_stands(failed), where
        told = json.dumps(to_json(failed.trace)) + await recorded(failed, settings, pipeline, path)
        assert not [secret for secret in SECRETS if secret in told + outcome.text + outcome.hint], where
        if fault not in HERE or fault == "endless drip":
            vendor.mended = True
            again = await search(pipeline, settings_for(dialect, url))
            assert outcome_of(again).status is Status.OK, (where, outcome_of(again))
            assert not fused_stands(again), where


@pytest.mark.parametrize("dialect", ROWS)
async def test_the_fused_list_stands_and_says_why(
    dialect: str, folder: Path, tmp_path: Path, logged: Callable[[], str]
) -> None:
    in_entries = () if dialect == "scores" else IN_ENTRIES  # an answer without entries has no fault in them
    wanted = {fault: SAID[fault] for fault in (*REFUSING, *in_entries)} | HERE
    async with opened(folder, dialect) as pipeline:
        checks = (check(dialect, fault, said, pipeline, tmp_path / fault) for fault, said in wanted.items())
        await asyncio.gather(*checks)
    text = logged()
    assert text.count("WARNING") >= len(wanted)
    assert not [secret for secret in SECRETS if secret in text]
    assert "Traceback" not in text, "no fault of a service is one of ours"


@pytest.mark.parametrize("fault", STILL_ANSWERED)
@pytest.mark.parametrize("dialect", [name for name in ROWS if name not in ("scores", "cosine")])
async def test_what_can_be_read_counts(dialect: str, fault: str, folder: Path) -> None:
    async with opened(folder, dialect) as pipeline, serving(answer=FAULTS[fault](VENDORS[ROWS[dialect]])) as server:
        outcome = outcome_of(await search(pipeline, settings_for(dialect, server.url)))
    if fault == "missing documents":
        assert (outcome.status, outcome.reason) == (Status.PARTIAL, "unanswered")
        assert 0 < outcome.done < outcome.total
    else:
        assert outcome.status is Status.OK, outcome


async def test_a_bug_of_ours_is_called_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    """It has a traceback in the log, is no fault of the provider, and the list stands all the same."""

    def broken(*_: object) -> None:
        raise KeyError("a slip of the pen")

    async with opened(folder, "tei") as pipeline, serving(answer=VENDORS["tei"]) as server:
        settings = settings_for("tei", server.url)
        with monkeypatch.context() as patch:
            patch.setattr(type(DIALECTS["tei"]), "parse", broken)
            failed = await search(pipeline, settings)
        outcome = outcome_of(failed)
        assert (outcome.status, outcome.reason) == (Status.FAILED, FAULT)
        assert outcome.text == "a bug in Rankscope: KeyError: 'a slip of the pen'"
        assert "report" in outcome.hint
        assert fused_stands(failed)
        assert re.search(r"ERROR .*a bug in Rankscope(?s:.*)Traceback(?s:.*)KeyError: 'a slip of the pen'", logged())
        assert outcome_of(await search(pipeline, settings)).status is Status.OK


async def test_a_term_that_stands_in_names_the_remedy_of_what_failed(folder: Path) -> None:
    async with opened(folder, "cohere") as pipeline, serving(Reply(401, b'{"message": "invalid api token"}')) as server:
        settings = settings_for("cohere", server.url)
        rerank = msgspec.structs.replace(settings.rerank, fallback="term")
        outcome = outcome_of(await search(pipeline, msgspec.structs.replace(settings, rerank=rerank)))
    assert (outcome.status, outcome.reason) == (Status.PARTIAL, "fallback")
    assert outcome.text == "term instead: Cohere: 401 Unauthorized: invalid api token"
    assert outcome.hint.startswith("check the key")


def test_no_fault_and_no_dialect_is_left_out() -> None:
    assert set(SAID) | set(STILL_ANSWERED) == set(FAULTS)
    assert set(ROWS) == set(DIALECTS)
