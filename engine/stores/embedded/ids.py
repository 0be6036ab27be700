"""Ids and rows: names in row order, and a sorted hash array that finds a row without reading them all.

The hash is CRC-32 of the UTF-8 id: fast and the same on every machine. Ids that share one are compared.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stores.embedded.files import FolderReader, FolderWriter, Strings


def write_ids(out: FolderWriter, ids: Iterable[bytes], count: int) -> None:
    """Writes ``ids`` (row order), ``id_hashes`` (uint32, ascending) and ``id_rows`` (uint32, aligned with them)."""
    hashes = np.zeros(count, dtype=np.uint32)

    def hashed() -> Iterable[bytes]:
        for row, name in enumerate(ids):
            hashes[row] = zlib.crc32(name)
            yield name

    out.strings("ids", hashed(), count)
    order = np.argsort(hashes, kind="stable")
    out.array("id_hashes.npy", hashes[order])
    out.array("id_rows.npy", order.astype(np.uint32))


_KEPT = 1 << 16
"""A table of so many ids is decoded whole with its first use; of a larger one only what is asked for."""


class IdTable:
    """The ids of a generation."""

    def __init__(self, folder: FolderReader, count: int) -> None:
        self.names: Strings = folder.strings("ids", count)
        self._hashes = folder.array("id_hashes.npy", np.uint32, count)
        self._rows = folder.array("id_rows.npy", np.uint32, count)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _decoded(self) -> tuple[npt.NDArray[np.object_], dict[str, int]] | None:
        """Every id by row, and every row by id; None for a large table."""
        if len(self) > _KEPT:
            return None
        names = self.names.all()
        return np.array(names, dtype=object), dict(zip(names, range(len(names)), strict=True))

    def ids(self, rows: npt.NDArray[np.integer[Any]]) -> tuple[str, ...]:
        return tuple(self.names.take(rows) if self._decoded is None else self._decoded[0][rows].tolist())

    def rows(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """int64[len(ids)]: the row of each id, −1 where there is no such document."""
        if self._decoded is None:
            return self._hashed(ids)
        found = list(map(self._decoded[1].get, ids))
        if None in found:  # among them, perhaps, one whose text is no valid Unicode
            return self._hashed(ids)
        return np.array(found, dtype=np.int64)

    def _hashed(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        encoded = [name.encode("utf-8", "replace") for name in ids]
        hashes = np.fromiter(map(zlib.crc32, encoded), dtype=np.uint32, count=len(encoded))
        starts = np.searchsorted(self._hashes, hashes, side="left")
        ends = np.searchsorted(self._hashes, hashes, side="right")
        rows = np.full(len(ids), -1, dtype=np.int64)
        known = np.flatnonzero(ends > starts)
        rows[known] = self._rows[starts[known]]
        names = self.names.take(rows[known])
        for at, name in zip(known.tolist(), names, strict=True):
            if name != ids[at]:
                rows[at] = self._among(encoded[at], int(starts[at]), int(ends[at]))
        return rows

    def _among(self, name: bytes, start: int, end: int) -> int:
        for row in self._rows[start:end].tolist():
            if self.names[row] == name:
                return int(row)
        return -1
