"""A generation of an embedded index, opened for reading: everything memory-mapped, nothing read that grows with it.

Instances are immutable and thread-safe; a generation that a writer has replaced stays readable until it is closed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import IndexDamagedError
from engine.records import Document, FieldValue
from engine.stores.embedded.columns import Column, open_columns
from engine.stores.embedded.files import FolderReader
from engine.stores.embedded.ids import IdTable
from engine.stores.embedded.postings import Postings
from engine.stores.embedded.schema import CUT, IndexSpec, Manifest, read_manifest

DOCUMENTS = "documents.sqlite"
_BATCH = 500
"""Rows per SELECT, below sqlite's limit of variables."""


class EmbeddedIndex:
    """``postings`` per text field, ``columns`` per stored field, ``vectors`` float32[n, d] or None, ``ids``; ``cut``
    bool[n], whose text the embedder did not see to its end, None where it saw all.

    ``path`` is the index folder, ``folder`` the generation's within it.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        folder = FolderReader(path / manifest.folder, manifest.files)
        count, spec = manifest.documents, manifest.spec
        self.ids = IdTable(folder, count)
        self.postings = {
            stats.name: Postings.open(folder, f"field-{i}", stats, count) for i, stats in enumerate(manifest.text)
        }
        self.columns: dict[str, Column] = open_columns(folder, manifest.columns, count)
        self.vectors: npt.NDArray[np.float32] | None = None
        if spec.embedding:
            self.vectors = folder.array("vectors.npy", np.float32, count, spec.embedding.dimension)
        self.cut: npt.NDArray[np.bool_] | None = folder.array(CUT, np.bool_, count) if manifest.cut else None
        self._files = folder
        self._decode = msgspec.json.Decoder(dict[str, FieldValue]).decode
        self._lock = threading.Lock()
        self._db = _open_documents(path / manifest.folder / DOCUMENTS)

    @classmethod
    def open(cls, path: str | Path) -> EmbeddedIndex:
        """Opens the current generation. Raises ``IndexNotFoundError`` or ``IndexDamagedError`` (hint: the rebuild)."""
        path = Path(path)
        while True:
            manifest = read_manifest(path)
            try:
                return cls(path, manifest)
            except IndexDamagedError as error:
                # a writer may have replaced the generation between the two reads
                if read_manifest(path).generation == manifest.generation:
                    hint = manifest.spec.rebuild_command(path)
                    raise IndexDamagedError(f"The index is damaged: {error.message}", hint=hint) from error

    def __len__(self) -> int:
        return self.manifest.documents

    @property
    def spec(self) -> IndexSpec:
        return self.manifest.spec

    @property
    def generation(self) -> int:
        return self.manifest.generation

    def newer_generation(self) -> int | None:
        """The number of a newer generation in the folder, None where this is the newest. Reads one small file."""
        latest = read_manifest(self.path).generation
        return latest if latest != self.generation else None

    def verify(self) -> None:
        """Reads every file and checks its sum. Raises ``IndexDamagedError``."""
        self._files.verify()

    def documents(self, rows: Sequence[int]) -> dict[int, Document]:
        """Row → document, of those rows that exist."""
        wanted = sorted({row for row in rows if row >= 0})
        ids = dict(zip(wanted, self.ids.ids(np.array(wanted, dtype=np.int64)), strict=True))
        cut = frozenset() if self.cut is None else frozenset(row for row in wanted if self.cut[row])
        return {row: Document(ids[row], self._decode(data), row in cut) for row, data in self.raw_documents(wanted)}

    def raw_documents(self, rows: Sequence[int] | npt.NDArray[Any]) -> Iterator[tuple[int, bytes]]:
        """(row, stored fields as JSON), in the order of ``rows``, which must ascend."""
        for at in range(0, len(rows), _BATCH):
            batch = [int(row) for row in rows[at : at + _BATCH]]
            marks = ",".join("?" * len(batch))
            try:
                with self._lock:
                    found = self._db.execute(
                        f"SELECT row, fields FROM documents WHERE row IN ({marks}) ORDER BY row", batch
                    ).fetchall()
            except sqlite3.DatabaseError as error:
                raise IndexDamagedError(
                    f"The documents of {self.path} cannot be read ({error}).",
                    hint=self.spec.rebuild_command(self.path),
                ) from error
            yield from found

    def close(self) -> None:
        """Ends the use of the documents; mapped arrays go with the last reference."""
        with self._lock:
            self._db.close()


def _open_documents(path: Path) -> sqlite3.Connection:
    # immutable: a generation's file never changes, so sqlite needs no lock and may outlive the file's name
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        db = sqlite3.connect(address, uri=True, check_same_thread=False)
    except sqlite3.DatabaseError as error:
        raise IndexDamagedError(f"{path} cannot be opened.") from error
    try:
        db.execute("SELECT row FROM documents LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        db.close()
        raise IndexDamagedError(f"{path} is not a readable database.") from error
    return db
