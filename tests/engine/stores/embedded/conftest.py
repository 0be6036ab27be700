"""Building small indexes, and a brute-force BM25 to hold against them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.analysis import analyzers
from engine.records import Document
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import IndexSpec
from engine.stores.embedded.search import Searcher
from engine.stores.embedded.writer import IndexWriter

Build = Callable[..., Searcher]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """build(documents, spec, vectors=None) → a searcher over a new index of them."""
    count = 0

    def make(documents: Sequence[Document], spec: IndexSpec, vectors: np.ndarray | None = None) -> Searcher:
        nonlocal count
        count += 1
        path = tmp_path / f"index-{count}"
        with IndexWriter(path, spec) as writer:
            writer.add(documents, vectors)
            writer.commit()
        return Searcher(EmbeddedIndex.open(path))

    return make


class BruteForce:
    """BM25 by the textbook: dictionaries, one document at a time. Shares the analysers with the index, nothing else."""

    def __init__(self, documents: Sequence[Document], fields: dict[str, str]) -> None:
        self.documents = documents
        self.fields = fields
        self.tokens = {
            name: [[(t.text, t.position) for t in analyzers.get(kind).tokens(d.text_of(name))] for d in documents]
            for name, kind in fields.items()
        }

    @staticmethod
    def rounded(length: int) -> int:
        """Lucene's norm: below 24 as it is, above the excess over 24 cut to its four highest bits."""
        excess = length - 24
        if excess < 16:
            return length
        unit = 2 ** (excess.bit_length() - 4)
        return 24 + excess // unit * unit

    def term(self, name: str, text: str, row: int, k1: float = 1.2, b: float = 0.75) -> float:
        lists = self.tokens[name]
        having = [tokens for tokens in lists if tokens]
        tf = sum(1 for t, _ in lists[row] if t == text)
        if not tf:
            return 0.0
        df = sum(1 for tokens in lists if any(t == text for t, _ in tokens))
        average = sum(map(len, having)) / len(having)
        idf = math.log(1 + (len(having) - df + 0.5) / (df + 0.5))
        norm = k1 * (1 - b + b * self.rounded(len(lists[row])) / average)
        return idf * tf / (tf + norm)

    def score(
        self, words: Sequence[str], boosts: dict[str, float], row: int, k1: float = 1.2, b: float = 0.75
    ) -> float:
        """The words' scores in every field, repeated words counted as often as they stand."""
        return sum(
            boost * self.term(name, t.text, row, k1, b)
            for name, boost in boosts.items()
            for word in words
            for t in analyzers.get(self.fields[name]).tokens(word)
        )

    def has(self, word: str, row: int) -> bool:
        """Whether some field of the document has all terms of the word."""
        for name, kind in self.fields.items():
            wanted = {t.text for t in analyzers.get(kind).tokens(word)}
            if wanted and wanted <= {t for t, _ in self.tokens[name][row]}:
                return True
        return False

    def has_phrase(self, phrase: str, row: int) -> bool:
        """Whether some field has the phrase's terms at their distances."""
        for name, kind in self.fields.items():
            wanted = [(t.text, t.position) for t in analyzers.get(kind).tokens(phrase)]
            held = set(self.tokens[name][row])
            if wanted and any(
                all((text, start + position - wanted[0][1]) in held for text, position in wanted)
                for _, start in self.tokens[name][row]
            ):
                return True
        return False

    def ranked(self, scores: Sequence[float], k: int) -> list[str]:
        """Ids of the k best scores above 0, equal ones in index order."""
        order = sorted((row for row, s in enumerate(scores) if s > 0), key=lambda row: (-round(scores[row], 9), row))
        return [self.documents[row].id for row in order[:k]]


@pytest.fixture(scope="session")
def brute_force() -> type[BruteForce]:
    return BruteForce
