"""Rerank scores on disk: a deeper N or a repeated query pays only for what is new.

One SQLite file in the user's cache folder, bounded in bytes, the least recently used rows leave first. A key is a hash
of everything that a pointwise score depends on; keys to services are no part of it, texts are not stored.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.logs import logger

log = logger(__name__)

LIMIT_BYTES = 512 * 1024 * 1024
_VARIABLES = 500  # SQLite's smallest limit on bound variables is 999
_SCHEMA = """
create table if not exists answers (
    key blob primary key, raw real not null, tokens integer not null, total integer not null,
    truncated integer not null, used real not null
) without rowid;
create index if not exists answers_used on answers (used);
"""


@dataclass(frozen=True, slots=True)
class CachedScore:
    raw: float
    tokens: int = -1
    truncated: bool = False
    total: int = -1


def score_key(*parts: str) -> bytes:
    """16 bytes over the parts in order: provider, URL, model, revision, dtype, lengths, instruction, query, text."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


class ScoreCache:
    """Thread-safe. A cache that cannot be read or written is a warning in the log and a miss, never a failed search."""

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=2.0)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            self._give_up("opened", error)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, CachedScore]:
        """Those of the keys that are known."""
        found: dict[bytes, CachedScore] = {}
        with self._lock:
            try:
                for some in _chunks(keys):
                    marks = ",".join("?" * len(some))
                    wanted = f"select key, raw, tokens, truncated, total from answers where key in ({marks})"
                    rows = self._execute(wanted, some)
                    found |= {key: CachedScore(raw, tokens, bool(cut), total) for key, raw, tokens, cut, total in rows}
                for some in _chunks(list(found)):
                    marks = ",".join("?" * len(some))
                    self._execute(f"update answers set used = ? where key in ({marks})", [time.time(), *some])
                if self._db:
                    self._db.commit()
            except sqlite3.Error as error:
                self._give_up("read", error)
        return found

    def put(self, scores: Mapping[bytes, CachedScore]) -> None:
        """Remember scores, and let old ones go when the file has grown over its bound."""
        now = time.time()
        rows = [(key, score.raw, score.tokens, score.total, int(score.truncated), now) for key, score in scores.items()]
        with self._lock:
            if self._db is None:
                return
            try:
                self._db.executemany("insert or replace into answers values (?, ?, ?, ?, ?, ?)", rows)
                self._db.commit()
                self._shrink(self._db)
            except sqlite3.Error as error:
                self._give_up("written", error)

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _execute(self, statement: str, values: Sequence[object]) -> Iterable[tuple[bytes, float, int, int, int]]:
        return self._db.execute(statement, values).fetchall() if self._db else []

    def _shrink(self, db: sqlite3.Connection) -> None:
        """Drop the least recently used tenth while the pages in use exceed the bound."""
        page_size = db.execute("pragma page_size").fetchone()[0]
        pages = db.execute("pragma page_count").fetchone()[0] - db.execute("pragma freelist_count").fetchone()[0]
        if pages * page_size <= self._limit:
            return
        count = db.execute("select count(*) from answers").fetchone()[0]
        db.execute(
            "delete from answers where key in (select key from answers order by used limit ?)", (max(1, count // 10),)
        )
        db.commit()

    def _give_up(self, what: str, error: Exception) -> None:
        log.warning("the score cache could not be %s and is off for this run: %s", what, error)
        if self._db is not None:
            self._db.close()
            self._db = None


def _chunks(keys: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    return (keys[start : start + _VARIABLES] for start in range(0, len(keys), _VARIABLES))
