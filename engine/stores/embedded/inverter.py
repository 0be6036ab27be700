"""Building the inverted index of one text field: documents in row order in, sorted segments on disk out.

A segment is a run of documents: raw files of ``rows`` (uint32), ``packed`` (uint32, tf · 256 + norm byte) and
``positions`` (uint32), grouped by term slot, rows ascending inside a term. A term's slot is its order of first
appearance in the whole build, so that a range of slots is a contiguous range in every segment, and merging
(``merge.py``) holds only a slice of each in memory.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analysis.base import AlignedAnalyzer, Analyzer
from engine.stores.embedded import norms

FLUSH_TOKENS = 4_000_000
"""Tokens held in memory before a segment is written: about 150 MB at the peak of sorting."""

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Segment:
    """A sorted run on disk; ``starts`` and ``position_starts`` are int64[slots + 1] bounds of each slot."""

    stem: Path
    starts: npt.NDArray[np.int64]
    position_starts: npt.NDArray[np.int64]

    @property
    def slots(self) -> int:
        return int(self.starts.shape[0]) - 1

    def column(self, name: str) -> AnyArray:
        """One of ``rows``, ``packed``, ``positions``, memory-mapped."""
        path = self.stem.with_name(f"{self.stem.name}.{name}")
        return np.memmap(path, np.uint32, "r") if path.stat().st_size else np.zeros(0, np.uint32)


def write_segment(stem: Path, name: str, values: AnyArray, mode: str = "wb") -> None:
    """Writes or appends to a raw column of a segment."""
    with stem.with_name(f"{stem.name}.{name}").open(mode) as file:
        np.ascontiguousarray(values, dtype=np.uint32).tofile(file)


class Inverter:
    """Takes documents in row order and writes segments; ``terms`` maps each term to its slot.

    ``lengths`` collects one norm byte per document, 0 where the field is empty.
    """

    def __init__(self, analyzer: Analyzer, folder: Path, stem: str, known: Iterable[str] = ()) -> None:
        self._analyzer = analyzer
        self._folder, self._stem = folder, stem
        self.terms: defaultdict[str, int] = defaultdict()
        self.terms.default_factory = self.terms.__len__
        for term in known:
            self.terms[term]
        self._aligned = analyzer.by_position if isinstance(analyzer, AlignedAnalyzer) else None
        self._gap = self.terms[""]
        self.segments: list[Segment] = []
        self.tokens = 0
        self.lengths = array("B")
        self._clear()

    def _clear(self) -> None:
        self._slots, self._positions = array("I"), array("I")
        self._rows, self._counts = array("I"), array("I")

    def add(self, row: int, text: str) -> None:
        """Takes in one document's field; rows must ascend."""
        if self._aligned is not None:
            terms = self._aligned(text)
        else:
            tokens = list(self._analyzer.tokens(text))
            terms = [token.text for token in tokens]
            self._positions.extend([token.position for token in tokens])
        self._slots.extend(map(self.terms.__getitem__, terms))
        self._rows.append(row)
        self._counts.append(len(terms))
        if len(self._slots) >= FLUSH_TOKENS:
            self.flush()

    def flush(self) -> None:
        """Sorts what is held by (slot, row, position) and writes it as a segment."""
        if not self._rows:
            return
        slots, counts = _view(self._slots), _view(self._counts).astype(np.int64)
        token_row = np.repeat(_view(self._rows), counts)
        if self._aligned is not None:
            positions: AnyArray = _places(counts)
            # removed words held a place; they leave it empty
            kept = slots != self._gap
            ends = np.concatenate(([0], np.cumsum(kept)))[np.cumsum(counts)]
            counts = np.diff(ends, prepend=0)
            slots, positions, token_row = slots[kept], positions[kept], token_row[kept]
            lengths = norms.encode(counts)
        else:
            positions = _view(self._positions)
            lengths = norms.encode(counts - _overlaps(positions, counts))
        self.lengths.frombytes(lengths.tobytes())
        self.tokens += slots.shape[0]
        # one integer sort: the token's place in the block breaks ties in document order
        keys = slots.astype(np.uint64) << np.uint64(32)
        keys |= np.arange(slots.shape[0], dtype=np.uint64)
        keys.sort()
        order = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
        slots, rows, positions = slots[order], token_row[order], positions[order]
        norm = np.repeat(lengths, counts)[order]
        self._write(slots, rows, positions, norm)
        self._clear()

    def _write(self, slots: AnyArray, rows: AnyArray, positions: AnyArray, norm: AnyArray) -> None:
        size = slots.shape[0]
        first = np.ones(size, dtype=bool)
        if size:
            first[1:] = (slots[1:] != slots[:-1]) | (rows[1:] != rows[:-1])
        heads = np.flatnonzero(first)
        tf = np.diff(heads, append=size)
        stem = self._folder / f"{self._stem}-{len(self.segments)}"
        write_segment(stem, "rows", rows[heads])
        write_segment(stem, "packed", (tf << 8) | norm[heads])
        write_segment(stem, "positions", positions)
        bounds = np.arange(len(self.terms) + 1)
        self.segments.append(
            Segment(stem, np.searchsorted(slots[heads], bounds).astype(np.int64), np.searchsorted(slots, bounds))
        )


def _places(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[sum of counts]: 0, 1, … for each document."""
    starts = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(starts, counts)


def _view(values: array[int]) -> npt.NDArray[np.uint32]:
    return np.frombuffer(values, dtype=np.uint32) if values else np.zeros(0, dtype=np.uint32)


def _overlaps(positions: AnyArray, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[documents]: tokens that stand at the same position as the one before; Lucene's length leaves them out."""
    same = np.zeros(positions.shape[0] + 1, dtype=np.int64)
    if positions.shape[0]:
        same[2:] = positions[1:] == positions[:-1]
        ends = np.cumsum(counts)
        # the first token of a document has none before it
        firsts = (ends - counts)[counts > 0]
        same[firsts + 1] = 0
        np.cumsum(same, out=same)
        overlaps: npt.NDArray[np.int64] = same[ends] - same[ends - counts]
        return overlaps
    return np.zeros_like(counts)
