"""The local account of calls to services: how many, how long, what they used and how they failed. No texts, no keys.

One SQLite file beside the user's data. Calls gather in memory and are written together by the engine's own threads.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import RemoteError
from engine.logs import logger

N = TypeVar("N", int, float)
log = logger(__name__)

KEEP = 200_000
"""Calls kept; the oldest go first."""
_TOGETHER = 64
_EVERY_S = 2.0
OK, CANCELLED, FAULT = "ok", "cancelled", "fault"


@dataclass(slots=True)
class Call:
    """One call as it is kept; numbers that the provider did not report are None.

    purpose   ``rerank`` or ``embed``
    outcome   ``ok``, ``cancelled``, ``fault`` (of ours), or the ``kind`` of a ``RemoteError``
    ms        from the call to its answer, waits and further attempts included
    cost      in US dollars, as the provider reports it or its price list gives it
    """

    provider: str
    model: str
    host: str
    purpose: str = "rerank"
    documents: int = 0
    tokens: int | None = None
    search_units: float | None = None
    cost: float | None = None
    outcome: str = OK
    status: int = 0
    attempts: int = 1
    ms: float = 0.0
    at: float = field(default_factory=time.time)


_COLUMNS = tuple(f.name for f in fields(Call))
_values = attrgetter(*_COLUMNS)
_SCHEMA = f"""
create table if not exists calls (id integer primary key, {", ".join(_COLUMNS)});
create index if not exists calls_by_model on calls (provider, model, purpose, at);
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model of a provider was used for since a point in time.

    ``failures`` counts calls by outcome, ``ok`` and ``cancelled`` not among them. Sums are None where no call reported
    the number; p50 and p95 are of the calls that were answered, NaN where none was.
    """

    provider: str
    model: str
    purpose: str
    calls: int
    answered: int
    cancelled: int
    failures: dict[str, int]
    retries: int
    documents: int
    tokens: int | None
    search_units: float | None
    cost: float | None
    p50_ms: float
    p95_ms: float
    first_at: float
    last_at: float


class Ledger:
    """Thread-safe. ``path`` None keeps nothing. One that cannot be written is a warning, never a failed search."""

    def __init__(self, path: Path | None, executor: Executor | None = None) -> None:
        self._executor = executor
        self._lock = threading.Lock()  # of what is pending: held for a moment
        self._file_lock = threading.Lock()  # of the file: held while another process writes
        self._pending: list[Call] = []
        self._written_at = time.monotonic()
        self._writing: Future[None] | None = None
        self._path = path
        self._db: sqlite3.Connection | None = None

    def begin(self, provider: str, model: str, host: str, purpose: str = "rerank", documents: int = 0) -> Entry:
        """``with ledger.begin(…) as call:`` times what is inside and keeps how it ended; add to ``call`` what the
        answer reports (tokens, cost, attempts)."""
        return Entry(self, Call(provider, model, host, purpose, documents))

    def add(self, call: Call) -> None:
        """Keep a call. Returns at once: a thread of the executor writes, some calls at a time."""
        if self._path is None:
            return
        with self._lock:
            self._pending.append(call)
            due = len(self._pending) >= _TOGETHER or time.monotonic() - self._written_at >= _EVERY_S
            busy = self._writing is not None and not self._writing.done()
        if due and not busy and self._executor is not None:
            self._writing = self._executor.submit(self.flush)

    def flush(self) -> None:
        """Write what is pending, now and in this thread."""
        with self._file_lock:
            with self._lock:
                calls, self._pending = self._pending, []
                self._written_at = time.monotonic()
            if not calls or (db := self._open()) is None:
                return
            marks = ", ".join("?" * len(_COLUMNS))
            try:
                with db:
                    db.executemany(f"insert into calls ({', '.join(_COLUMNS)}) values ({marks})", map(_values, calls))
                    db.execute("delete from calls where id <= (select max(id) from calls) - ?", (KEEP,))
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    self._give_up(error)
                    return
                log.warning("another process holds the account of calls: %d are written later", len(calls))
                with self._lock:
                    self._pending = calls + self._pending

    def latest(self, purpose: str = "rerank") -> dict[tuple[str, str], float]:
        """Milliseconds that the last answered call took, by provider and model."""
        query = "select provider, model, ms, max(at) from calls where purpose = ? and outcome = ? group by 1, 2"
        return {(provider, model): ms for provider, model, ms, _ in self._rows(query, (purpose, OK))}

    def summary(self, since: float = 0.0) -> list[Usage]:
        """What was used since then (Unix time), by provider, model and purpose in order."""
        query = f"select {', '.join(_COLUMNS)} from calls where at >= ? order by provider, model, purpose, at"
        groups: dict[tuple[str, str, str], list[Call]] = {}
        for call in (Call(*row) for row in self._rows(query, (since,))):
            groups.setdefault((call.provider, call.model, call.purpose), []).append(call)
        return [_usage(calls) for calls in groups.values()]

    def close(self) -> None:
        """Write what is pending and close the file."""
        self.flush()
        with self._file_lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        self.flush()
        with self._file_lock:
            db = self._open() if self._path is not None and self._path.exists() else None
            if db is None:
                return []
            try:
                return db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                self._give_up(error)
                return []

    def _open(self) -> sqlite3.Connection | None:
        if self._db is None and self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(self._path, check_same_thread=False, timeout=2.0)
                self._db.execute("pragma journal_mode=wal")
                self._db.execute("pragma synchronous=normal")
                self._db.executescript(_SCHEMA)
            except (OSError, sqlite3.Error) as error:
                self._give_up(error)
        return self._db

    def _give_up(self, error: Exception) -> None:
        log.warning("the account of calls cannot be used and is off for this run: %s", error)
        if self._db is not None:
            self._db.close()
        self._db = self._path = None


class Entry:
    """One call while it runs."""

    def __init__(self, ledger: Ledger, call: Call) -> None:
        self._ledger, self._call = ledger, call
        self._began = time.perf_counter()

    def __enter__(self) -> Call:
        return self._call

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        call = self._call
        call.ms = (time.perf_counter() - self._began) * 1e3
        if isinstance(error, RemoteError):
            call.outcome, call.status, call.attempts = error.kind, error.status, error.attempts
        elif error is not None:
            call.outcome = FAULT if isinstance(error, Exception) else CANCELLED
        self._ledger.add(call)


def _usage(calls: Sequence[Call]) -> Usage:
    answered = sorted(call.ms for call in calls if call.outcome == OK)
    failures: dict[str, int] = {}
    for call in calls:
        if call.outcome not in (OK, CANCELLED):
            failures[call.outcome] = failures.get(call.outcome, 0) + 1
    return Usage(
        calls[0].provider,
        calls[0].model,
        calls[0].purpose,
        len(calls),
        len(answered),
        sum(call.outcome == CANCELLED for call in calls),
        failures,
        sum(call.attempts - 1 for call in calls),
        sum(call.documents for call in calls if call.outcome == OK),
        _sum([call.tokens for call in calls]),
        _sum([call.search_units for call in calls]),
        _sum([call.cost for call in calls]),
        _percentile(answered, 0.50),
        _percentile(answered, 0.95),
        min(call.at for call in calls),
        max(call.at for call in calls),
    )


def _sum(values: Sequence[N | None]) -> N | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank: a latency that was measured."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
