"""Merging segments into the postings of a generation, a slice of term slots at a time.

Rows ascend from segment to segment, so a term's postings are its postings in each segment, one after the other. The
base generation takes part as one more segment, filtered to the documents that stay (``base_segment``): nothing
unchanged is analysed again.

Files of a text field ``F``: ``F.rows`` (uint32 row of each posting), ``F.codes`` (what tf and norm byte it has, as an
index into ``F.pairs``, uint32 tf · 256 + norm), ``F.starts`` (int64 bounds per term), ``F.positions`` (uint32) with
``F.position_starts``, ``F.terms`` (sorted strings), ``F.slots`` (uint32 sorted term → place), ``F.lengths`` (norm
bytes per document). BM25 then costs one small table per (k1, b) and one look-up per posting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stores.embedded.files import FolderWriter
from engine.stores.embedded.inverter import Segment, write_segment
from engine.stores.embedded.postings import Postings
from engine.stores.embedded.schema import TextFieldStats

SLICE = 2_000_000
"""Tokens merged at a time."""

AnyArray = npt.NDArray[Any]


def base_segment(stem: Path, base: Postings, new_rows: npt.NDArray[np.int64]) -> Segment:
    """The base generation's postings as a segment; ``new_rows`` maps old rows to new ones, −1 for those that go."""
    slots = base.terms_count
    kept = np.zeros(slots + 1, dtype=np.int64)
    kept_positions = np.zeros(slots + 1, dtype=np.int64)
    for name in ("rows", "packed", "positions"):
        write_segment(stem, name, np.zeros(0, np.uint32))
    for a, b in slices(base.position_starts):
        part = slice(base.starts[a], base.starts[b])
        rows = new_rows[base.rows[part]]
        packed = base.pairs[base.codes[part]]
        keep, tf = rows >= 0, packed >> 8
        slot = np.repeat(np.arange(a, b), np.diff(base.starts[a : b + 1]))
        kept[a + 1 : b + 1] = np.bincount(slot[keep] - a, minlength=b - a)
        kept_positions[a + 1 : b + 1] = np.bincount(slot[keep] - a, weights=tf[keep], minlength=b - a)
        positions = base.positions[base.position_starts[a] : base.position_starts[b]]
        write_segment(stem, "rows", rows[keep], "ab")
        write_segment(stem, "packed", packed[keep], "ab")
        write_segment(stem, "positions", positions[np.repeat(keep, tf)], "ab")
    return Segment(stem, np.cumsum(kept), np.cumsum(kept_positions))


def slices(starts: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of slots with about ``SLICE`` entries each, at least one slot."""
    a, slots = 0, starts.shape[0] - 1
    while a < slots:
        b = max(a + 1, int(np.searchsorted(starts, starts[a] + SLICE, side="right")) - 1)
        yield a, b
        a = b


def write_field(
    out: FolderWriter, stem: str, name: str, terms: Mapping[str, int], segments: Sequence[Segment], lengths: AnyArray
) -> TextFieldStats:
    """Writes one field's files from its segments; ``terms`` maps terms to slots, those without documents go."""
    starts = _bounds([s.starts for s in segments], len(terms))
    position_starts = _bounds([s.position_starts for s in segments], len(terms))
    used = np.flatnonzero(np.diff(starts))
    place = np.full(len(terms), -1, dtype=np.int64)
    place[used] = np.arange(used.size)
    ordered = sorted((term, int(place[slot])) for term, slot in terms.items() if place[slot] >= 0)
    out.strings(f"{stem}.terms", (term.encode() for term, _ in ordered), used.size)
    out.array(f"{stem}.slots.npy", np.array([slot for _, slot in ordered], dtype=np.uint32))
    out.array(f"{stem}.starts.npy", starts[np.append(used, len(terms))])
    out.array(f"{stem}.position_starts.npy", position_starts[np.append(used, len(terms))])
    out.array(f"{stem}.lengths.npy", lengths)
    total, tokens = int(starts[-1]), int(position_starts[-1])
    pairs = _pairs(segments)
    out.array(f"{stem}.pairs.npy", pairs)
    ranges = list(slices(position_starts))

    def merged(column: str, bounds: str) -> Iterator[AnyArray]:
        return (_merge(segments, column, bounds, a, b) for a, b in ranges)

    code_type = np.uint16 if pairs.size <= 1 << 16 else np.uint32
    codes = (np.searchsorted(pairs, part).astype(code_type) for part in merged("packed", "starts"))
    out.pieces(f"{stem}.rows.npy", np.uint32, (total,), merged("rows", "starts"))
    out.pieces(f"{stem}.codes.npy", code_type, (total,), codes)
    out.pieces(f"{stem}.positions.npy", np.uint32, (tokens,), merged("positions", "position_starts"))
    return TextFieldStats(name, used.size, total, tokens, int(np.count_nonzero(lengths)))


def _bounds(parts: Sequence[npt.NDArray[np.int64]], slots: int) -> npt.NDArray[np.int64]:
    """int64[slots + 1]: the bounds of the merged slots; a segment knows only the slots that existed when it ended."""
    counts = np.zeros(slots + 1, dtype=np.int64)
    for part in parts:
        counts[1 : part.shape[0]] += np.diff(part)
    return np.cumsum(counts)


def _pairs(segments: Sequence[Segment]) -> npt.NDArray[np.uint32]:
    """Every (tf, norm) that occurs, packed and sorted: some hundreds in any real field."""
    found = np.zeros(0, dtype=np.uint32)
    for segment in segments:
        packed = segment.column("packed")
        for at in range(0, packed.shape[0], SLICE):
            found = np.union1d(found, packed[at : at + SLICE])
    return found


def _merge(segments: Sequence[Segment], column: str, bounds: str, a: int, b: int) -> AnyArray:
    """The values of slots a…b of every segment, put in slot order and in segment order inside a slot."""
    values, slots = [], []
    for segment in segments:
        starts = getattr(segment, bounds)
        last = min(b, segment.slots)
        if a >= last:
            continue
        values.append(segment.column(column)[starts[a] : starts[last]])
        slots.append(np.repeat(np.arange(last - a, dtype=np.uint32), np.diff(starts[a : last + 1])))
    if not values:
        return np.zeros(0, dtype=np.uint32)
    if len(values) == 1:
        return values[0]
    joined = np.concatenate(slots).astype(np.uint64) << np.uint64(32)
    joined |= np.arange(joined.shape[0], dtype=np.uint64)
    joined.sort()
    merged: AnyArray = np.concatenate(values)[(joined & np.uint64(0xFFFFFFFF)).astype(np.int64)]
    return merged
