"""What a writer has taken in and not yet committed: one sqlite database beside the generations.

Every batch is one transaction that also counts the source's documents, so a killed build goes on where it stopped.
The database belongs to one source (its fingerprint), one spec and one base generation; under any other it is thrown
away. Vectors are kept as float32 bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import SourceError
from engine.records import Document
from engine.stores.embedded.schema import STAGING

_SCHEMA = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value);
    CREATE TABLE documents (
        seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, fields BLOB NOT NULL, vector BLOB, cut INTEGER NOT NULL
    );
    CREATE TABLE deleted (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Staging:
    """``taken`` counts the source's documents so far, ``replaced`` those whose id had been staged before."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / STAGING
        if not self._continues(fingerprint):
            remove_staging(folder)
        fresh = not self.path.exists()
        self._db = _connect(self.path)
        if fresh:
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            self._db.execute("INSERT INTO meta VALUES ('fingerprint', ?)", (fingerprint,))
        self.taken, self.replaced = self._meta("taken"), self._meta("replaced")

    def _continues(self, fingerprint: str) -> bool:
        """Whether there is a staging database, whole, of this very build."""
        if not self.path.exists():
            return False
        db = _connect(self.path)
        try:
            row = db.execute("SELECT value FROM meta WHERE key = 'fingerprint'").fetchone()
        except sqlite3.DatabaseError:
            return False
        finally:
            db.close()
        return row is not None and row[0] == fingerprint

    def _meta(self, key: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def add(
        self,
        documents: Sequence[Document],
        vectors: npt.NDArray[np.float32] | None,
        cut: npt.NDArray[np.bool_] | None = None,
    ) -> int:
        """Takes in a batch, all or nothing; the same id replaces. Returns how many staged documents it replaced."""
        rows = [_encode(document) for document in documents]
        blobs = [None] * len(rows) if vectors is None else [_vector_bytes(vector) for vector in vectors]
        cuts = [0] * len(rows) if cut is None else [int(each) for each in cut]
        before = len(self)
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR REPLACE INTO documents (id, fields, vector, cut) VALUES (?, ?, ?, ?)",
                ((name, fields, blob, cut) for (name, fields), blob, cut in zip(rows, blobs, cuts, strict=True)),
            )
            replaced = before + len(rows) - len(self)
            self.taken += len(rows)
            self.replaced += replaced
            self._db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", [("taken", self.taken), ("replaced", self.replaced)]
            )
        return replaced

    def delete(self, ids: Sequence[str]) -> int:
        """Marks ids as deleted and forgets what is staged under them. Returns how many were staged."""
        before = len(self)
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM documents WHERE id = ?", ((name,) for name in ids))
            self._db.executemany("INSERT OR REPLACE INTO deleted VALUES (?)", ((name,) for name in ids))
        return before - len(self)

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM documents").fetchone()[0])

    def gone(self) -> Iterator[list[str]]:
        """The ids that the base generation loses, deleted or replaced, in batches."""
        cursor = self._db.execute("SELECT id FROM deleted UNION SELECT id FROM documents")
        while batch := cursor.fetchmany(4096):
            yield [name for (name,) in batch]

    @property
    def empty(self) -> bool:
        """Nothing added and nothing deleted."""
        return self._db.execute("SELECT 1 FROM documents UNION ALL SELECT 1 FROM deleted LIMIT 1").fetchone() is None

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """(id, fields as JSON) in the order they came."""
        return iter(self._db.execute("SELECT id, fields FROM documents ORDER BY seq"))

    def vectors(self) -> Iterator[bytes | None]:
        """Each document's float32 bytes, None for none."""
        return (blob for (blob,) in self._db.execute("SELECT vector FROM documents ORDER BY seq"))

    def cuts(self) -> npt.NDArray[np.bool_]:
        """bool[documents]: which were longer than the embedder sees."""
        return np.array([cut for (cut,) in self._db.execute("SELECT cut FROM documents ORDER BY seq")], dtype=bool)

    def close(self) -> None:
        self._db.close()


def remove_staging(folder: Path) -> None:
    """Deletes the staging database, journals first: what is left after a kill is still a whole database or none."""
    for suffix in ("-shm", "-wal", ""):
        (folder / (STAGING + suffix)).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def _encode(document: Document) -> tuple[str, bytes]:
    """(id, fields as JSON). Raises ``SourceError`` for what cannot be stored."""
    if not document.id:
        raise SourceError("A document without an id cannot be indexed.", hint="Give every document an id of its own.")
    try:
        document.id.encode()
        return document.id, msgspec.json.encode(document.fields)
    except (UnicodeEncodeError, OverflowError, TypeError, msgspec.MsgspecError) as error:
        raise SourceError(
            f"Document {document.id!r} cannot be stored: {error}.",
            hint="Fields hold text without lone surrogates, numbers of 64 bits, truth values and lists of text.",
        ) from error


def _vector_bytes(vector: npt.NDArray[np.float32]) -> bytes | None:
    """A vector's bytes; None for a row that holds anything but finite numbers (no vector)."""
    return vector.tobytes() if np.isfinite(vector).all() else None
