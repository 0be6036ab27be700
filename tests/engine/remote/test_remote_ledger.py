"""The account of calls: what it keeps, across processes, and that it never fails a search."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import RemoteError
from engine.remote import ledger as ledgers
from engine.remote.ledger import Call, Ledger


def call(model: str = "m", ms: float = 10.0, outcome: str = "ok", **rest: object) -> Call:
    return Call("acme", model, "api.acme.example", outcome=outcome, ms=ms, **rest)  # type: ignore[arg-type]


def test_sums_by_provider_and_model(tmp_path: Path) -> None:
    path = tmp_path / "data" / "calls.sqlite3"
    ledger = Ledger(path)
    for ms in range(1, 101):
        ledger.add(call(ms=float(ms), tokens=3, documents=5, at=1000.0 + ms))
    ledger.add(call(outcome="overloaded", attempts=3, status=429, documents=5, at=2000.0))
    ledger.add(call(outcome="cancelled", at=1999.0))
    ledger.add(call("other", search_units=1.0, cost=0.002, purpose="embed"))
    ledger.close()
    one, other = Ledger(path).summary()
    assert (one.provider, one.model, one.purpose) == ("acme", "m", "rerank")
    assert (one.calls, one.answered, one.cancelled, one.failures, one.retries) == (102, 100, 1, {"overloaded": 1}, 2)
    assert (one.documents, one.tokens, one.search_units, one.cost) == (500, 300, None, None)
    assert (one.p50_ms, one.p95_ms, one.first_at, one.last_at) == (51.0, 96.0, 1001.0, 2000.0)
    assert (other.model, other.purpose, other.search_units, other.cost) == ("other", "embed", 1.0, 0.002)


def test_only_what_came_since(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls")
    ledger.add(call(at=10.0, outcome="refused"))
    ledger.add(call(at=20.0, outcome="tls"))
    (usage,) = ledger.summary(since=15.0)
    assert usage.failures == {"tls": 1}
    assert math.isnan(usage.p50_ms)
    assert ledger.summary(since=30.0) == []


async def test_an_entry_says_how_it_ended(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls")
    with ledger.begin("acme", "m", "host", documents=3) as entry:
        await asyncio.sleep(0.02)
        entry.tokens = 7
    refused = RemoteError("no", provider="acme", kind="refused", status=401, attempts=2)
    for error in (refused, asyncio.CancelledError(), ZeroDivisionError()):
        with pytest.raises(type(error)), ledger.begin("acme", "m", "host"):
            raise error
    (usage,) = ledger.summary()
    assert (usage.calls, usage.answered, usage.tokens, usage.documents) == (4, 1, 7, 3)
    assert (usage.cancelled, usage.failures, usage.retries) == (1, {"refused": 1, "fault": 1}, 1)
    assert usage.p50_ms >= 19


def test_asking_makes_no_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls")
    assert ledger.summary() == []
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_the_threads_write_and_two_processes_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    with ThreadPoolExecutor(2) as executor:
        one, two = Ledger(path, executor), Ledger(path, executor)
        for _ in range(300):
            one.add(call())
            two.add(call())
    one.close()
    two.close()
    assert Ledger(path).summary()[0].calls == 600


def test_a_file_that_another_process_holds_loses_nothing_and_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    ledger = Ledger(path)
    ledger.add(call())
    ledger.flush()
    other = sqlite3.connect(path)
    other.execute("begin immediate")
    ledger.add(call())
    with ThreadPoolExecutor(1) as executor:
        writing = executor.submit(ledger.flush)
        while ledger._pending:  # until the thread waits for the file
            time.sleep(0.01)
        ledger.add(call())
        assert not writing.done(), "what is added does not wait for the file"
        writing.result()
    other.rollback()
    other.close()
    assert ledger.summary()[0].calls == 3
    ledger.close()


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "KEEP", 50)
    ledger = Ledger(tmp_path / "calls")
    for at in range(200):
        ledger.add(call(at=float(at)))
    (usage,) = ledger.summary()
    assert (usage.calls, usage.first_at) == (50, 150.0)


@pytest.mark.parametrize("damage", ["folder", "rubbish", "other"])
def test_a_file_that_cannot_be_used_fails_nothing(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "calls"
    if damage == "folder":
        path.mkdir()
    elif damage == "rubbish":
        path.write_bytes(b"no database" * 1000)
    else:
        with sqlite3.connect(path) as db:
            db.execute("create table calls (something)")
    ledger = Ledger(path)
    ledger.add(call())
    assert ledger.summary() == []
    ledger.close()


def test_without_a_file_nothing_is_kept() -> None:
    ledger = Ledger(None)
    ledger.add(call())
    assert ledger.summary() == []
    ledger.close()
