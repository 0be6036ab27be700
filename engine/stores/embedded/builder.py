"""One generation from what stays of the base and what is staged: rows in index order, base first, newcomers after.

Memory does not grow with the documents but for a few bytes each: texts come from sqlite one at a time, postings leave
in segments, vectors in blocks.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.analysis.base import Analyzer
from engine.records import FieldValue
from engine.stores.embedded.columns import ColumnBuilder
from engine.stores.embedded.files import FolderWriter
from engine.stores.embedded.ids import write_ids
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.inverter import Inverter
from engine.stores.embedded.merge import base_segment, write_field
from engine.stores.embedded.schema import CUT, EmbeddingSpec, IndexSpec, Manifest, TextFieldStats
from engine.stores.embedded.staging import Staging

DOCUMENTS = "documents.sqlite"
_BLOCK = 4096

Progress = Callable[[int, int], None]
"""(documents done, documents in all), called now and then."""


class Builder:
    """Builds ``folder`` once; ``build`` returns the manifest of what it wrote."""

    def __init__(
        self,
        folder: Path,
        spec: IndexSpec,
        analyzers: Mapping[str, Analyzer],
        base: EmbeddedIndex | None,
        staging: Staging,
    ) -> None:
        self._folder, self._spec, self._base, self._staging = folder, spec, base, staging
        self._out = FolderWriter(folder)
        self._scratch = folder / "segments"
        self._new_rows = _surviving_rows(base, staging)
        self._kept_rows = np.flatnonzero(self._new_rows >= 0)
        self._kept = self._kept_rows.size
        self._count = self._kept + len(staging)
        self._inverters = {
            name: Inverter(
                analyzer, self._scratch, f"field-{i}-new", base.postings[name].terms_by_slot() if base else ()
            )
            for i, (name, analyzer) in enumerate(analyzers.items())
        }
        self._columns = ColumnBuilder(spec.text_fields)

    def build(self, generation: int, progress: Progress) -> Manifest:
        self._scratch.mkdir()
        self._write_documents(progress)
        write_ids(self._out, self._ids(), self._count)
        text = [self._write_field(i, name) for i, name in enumerate(self._inverters)]
        columns = self._columns.write(self._out, self._count)
        vectors, max_norm = self._write_vectors() if self._spec.embedding else (0, 0.0)
        cut = self._write_cuts()
        shutil.rmtree(self._scratch)
        progress(self._count, self._count)
        return Manifest(
            generation=generation,
            documents=self._count,
            spec=self._spec,
            text=text,
            columns=columns,
            vectors=vectors,
            max_norm=max_norm,
            cut=cut,
            files=self._out.entries,
        )

    def _ids(self) -> Iterator[bytes]:
        if self._base:
            names = self._base.ids.names
            yield from (names[row] for row in self._kept_rows.tolist())
        yield from (name.encode() for name, _ in self._staging.documents())

    def _write_documents(self, progress: Progress) -> None:
        """Writes the document database and, in the same pass, inverts new texts and collects the columns."""
        db = sqlite3.connect(self._folder / DOCUMENTS, isolation_level=None)
        try:
            # a build that is cut short is thrown away whole: no journal, one flush at the end
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("CREATE TABLE documents (row INTEGER PRIMARY KEY, fields BLOB NOT NULL)")
            db.execute("BEGIN")
            db.executemany("INSERT INTO documents VALUES (?, ?)", self._rows(progress))
            db.execute("COMMIT")
        finally:
            db.close()
        self._out.adopt(DOCUMENTS)

    def _rows(self, progress: Progress) -> Iterator[tuple[int, bytes]]:
        decode = msgspec.json.Decoder(dict[str, FieldValue]).decode
        if self._base:
            for row, (old, data) in enumerate(self._base.raw_documents(self._kept_rows)):
                assert self._new_rows[old] == row
                self._columns.add(row, decode(data))
                yield row, data
        for row, (_, data) in enumerate(self._staging.documents(), self._kept):
            fields = decode(data)
            self._columns.add(row, fields)
            for name, inverter in self._inverters.items():
                inverter.add(row, text_of(fields.get(name)))
            yield row, data
            if row % 1000 == 0:
                progress(row, self._count)

    def _write_field(self, i: int, name: str) -> TextFieldStats:
        inverter = self._inverters[name]
        inverter.flush()
        segments, lengths = inverter.segments, np.frombuffer(inverter.lengths, dtype=np.uint8)
        if self._base:
            postings = self._base.postings[name]
            segments = [base_segment(self._scratch / f"field-{i}-base", postings, self._new_rows), *segments]
            lengths = np.concatenate((postings.lengths[self._kept_rows], lengths))
        return write_field(self._out, f"field-{i}", name, inverter.terms, segments, lengths)

    def _write_vectors(self) -> tuple[int, float]:
        """Writes ``vectors.npy``, float32[n, d], NaN rows for none. Returns how many have one, and the longest."""
        embedding = self._spec.embedding
        assert embedding is not None
        present, longest = 0, 0.0

        def blocks() -> Iterator[npt.NDArray[np.float32]]:
            nonlocal present, longest
            for block in self._vector_blocks(embedding):
                norms = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
                norms = norms[np.isfinite(norms)]
                present += norms.size
                longest = max(longest, float(norms.max(initial=0.0)))
                yield block

        shape = (self._count, embedding.dimension)
        self._out.pieces("vectors.npy", np.float32, shape, blocks())
        return present, longest

    def _write_cuts(self) -> int:
        """Writes ``cut.npy``, bool[n], where the embedder did not see all of some document. Returns of how many."""
        old = self._base.cut if self._base else None
        kept = np.zeros(self._kept, dtype=bool) if old is None else old[self._kept_rows]
        cut = np.concatenate((kept, self._staging.cuts()))
        if cut.any():
            self._out.array(CUT, cut)
        return int(cut.sum())

    def _vector_blocks(self, embedding: EmbeddingSpec) -> Iterator[npt.NDArray[np.float32]]:
        if self._base:
            old = self._base.vectors
            assert old is not None
            for at in range(0, self._kept, _BLOCK):
                yield old[self._kept_rows[at : at + _BLOCK]]
        nothing = np.full(embedding.dimension, np.nan, dtype=np.float32)
        rows: list[npt.NDArray[np.float32]] = []
        for blob in self._staging.vectors():
            rows.append(nothing if blob is None else np.frombuffer(blob, dtype=np.float32))
            if len(rows) == _BLOCK:
                yield _stored(np.stack(rows), embedding)
                rows.clear()
        if rows:
            yield _stored(np.stack(rows), embedding)


def text_of(value: FieldValue) -> str:
    """A field as the text that is analysed: lists joined by spaces, as ``Document.text_of``."""
    if value is None:
        return ""
    return " ".join(value) if isinstance(value, list) else str(value)


def _stored(block: npt.NDArray[np.float32], embedding: EmbeddingSpec) -> npt.NDArray[np.float32]:
    """Vectors as they are stored: of length 1 for cosine, where a zero vector has no direction and becomes NaN."""
    if embedding.similarity == "dot":
        return block
    wide = block.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    norms[norms == 0] = np.nan
    unit: npt.NDArray[np.float32] = (wide / norms[:, None]).astype(np.float32)
    return unit


def _surviving_rows(base: EmbeddedIndex | None, staging: Staging) -> npt.NDArray[Any]:
    """int64[base documents]: each old row's new one, −1 where it was deleted or replaced."""
    if base is None:
        return np.zeros(0, dtype=np.int64)
    stays = np.ones(len(base), dtype=bool)
    for batch in staging.gone():
        rows = base.ids.rows(batch)
        stays[rows[rows >= 0]] = False
    return np.where(stays, np.cumsum(stays) - 1, -1)
