"""The inverted index of one text field of a generation: memory-mapped, nothing read until a term is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stores.embedded.files import FolderReader, Strings
from engine.stores.embedded.schema import TextFieldStats

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Postings:
    """See ``merge.py`` for the files. ``stats`` has N, the tokens and the number of terms."""

    stats: TextFieldStats
    terms: Strings
    slots: AnyArray
    starts: AnyArray
    rows: AnyArray
    codes: AnyArray
    pairs: AnyArray
    positions: AnyArray
    position_starts: AnyArray
    lengths: AnyArray

    @classmethod
    def open(cls, folder: FolderReader, stem: str, stats: TextFieldStats, documents: int) -> Postings:
        def load(name: str, dtype: npt.DTypeLike, length: int = -1) -> AnyArray:
            return folder.array(f"{stem}.{name}.npy", dtype, length)

        pairs = load("pairs", np.uint32)
        return cls(
            stats=stats,
            terms=folder.strings(f"{stem}.terms", stats.terms),
            slots=load("slots", np.uint32, stats.terms),
            starts=load("starts", np.int64, stats.terms + 1),
            rows=load("rows", np.uint32, stats.postings),
            codes=load("codes", np.uint16 if pairs.size <= 1 << 16 else np.uint32, stats.postings),
            pairs=pairs,
            positions=load("positions", np.uint32, stats.tokens),
            position_starts=load("position_starts", np.int64, stats.terms + 1),
            lengths=load("lengths", np.uint8, documents),
        )

    @property
    def terms_count(self) -> int:
        return self.stats.terms

    @property
    def average_length(self) -> float:
        """Tokens per document that has the field, as Lucene counts them; 1 for an empty field."""
        return self.stats.tokens / self.stats.documents if self.stats.documents else 1.0

    def slot(self, term: str) -> int:
        """Where the term's postings are, −1 where no document has it."""
        found = self.terms.find(term.encode("utf-8", "replace"))
        return int(self.slots[found]) if found >= 0 else -1

    def df(self, slot: int) -> int:
        """Documents that hold the term."""
        return int(self.starts[slot + 1] - self.starts[slot]) if slot >= 0 else 0

    def documents(self, slot: int) -> AnyArray:
        """uint32[df]: the rows that hold the term, ascending."""
        return self.rows[self.starts[slot] : self.starts[slot + 1]] if slot >= 0 else self.rows[:0]

    def codes_of(self, slot: int) -> AnyArray:
        """[df]: each posting's index into ``pairs``."""
        return self.codes[self.starts[slot] : self.starts[slot + 1]]

    def occurrences(self, slot: int) -> tuple[AnyArray, AnyArray]:
        """(int64 rows, int64 positions) of every occurrence of the term, by row, then position."""
        tf = self.pairs[self.codes_of(slot)] >> 8
        positions = self.positions[self.position_starts[slot] : self.position_starts[slot + 1]]
        return np.repeat(self.documents(slot), tf).astype(np.int64), positions.astype(np.int64)

    def terms_by_slot(self) -> list[str]:
        """Every term, in the order of the slots."""
        found = [""] * self.stats.terms
        for slot, term in zip(self.slots.tolist(), self.terms.all(), strict=True):
            found[slot] = term
        return found
