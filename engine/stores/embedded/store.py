"""The embedded index as a store: the synchronous answers, and the same run in the engine's executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from engine.analysis.query import Query
from engine.embedders.base import EmbedderInfo
from engine.executor import run_in
from engine.records import Analysis, Document, FloatArray, RanOn, ScoreKind
from engine.settings.schema import LegSettings, LexicalLeg
from engine.stores.base import Explanation, FacetCount, Highlight, LegHits, LegRequest, StoreInfo
from engine.stores.embedded import account, stored
from engine.stores.embedded.columns import KeywordColumn
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.search import Searcher
from engine.stores.embedded.settings_check import check

R = TypeVar("R")

_NEAR = 4096
"""Documents up to which an answer takes half a millisecond: less, under many searches, than handing it to a thread."""


class EmbeddedStore:
    """``Store`` and ``LiveStore`` over one generation of an index.

    ``executor`` runs what is awaited; ``base_dir`` is what a leg's synonyms file is relative to.
    """

    def __init__(self, index: EmbeddedIndex, executor: Executor, base_dir: Path = Path()) -> None:
        self.index = index
        self._searcher = Searcher(index, base_dir)
        self._executor = executor
        self.info = self._info()

    @classmethod
    async def open(cls, path: str | Path, executor: Executor, base_dir: Path = Path()) -> EmbeddedStore:
        """Raises ``IndexNotFoundError`` or ``IndexDamagedError``."""
        return cls(await run_in(executor, EmbeddedIndex.open, path), executor, base_dir)

    def _info(self) -> StoreInfo:
        spec, embedding = self.index.spec, self.index.spec.embedding
        columns = self.index.columns
        return StoreInfo(
            kind="embedded",
            name=self.index.path.resolve().name,
            documents=len(self.index),
            generation=self.index.generation,
            text_fields=tuple(spec.text_fields),
            keyword_fields=tuple(name for name, one in columns.items() if isinstance(one, KeywordColumn)),
            numeric_fields=tuple(name for name, one in columns.items() if not isinstance(one, KeywordColumn)),
            analyzers=dict(spec.text_fields),
            embedder=embedding.name if embedding else "",
            dimension=embedding.dimension if embedding else 0,
            similarity=ScoreKind(embedding.similarity) if embedding else ScoreKind.COSINE,
            live_knobs=frozenset({"k1", "b", "boosts"}),
            revision=embedding.revision if embedding else "",
            ran_on=RanOn.LOOP if len(self.index) <= _NEAR else RanOn.THREAD,
        )

    def check(
        self, name: str, leg: LegSettings, *, embedder: EmbedderInfo | None = None, explicit: bool = False
    ) -> None:
        """Refuses leg ``name`` where the index was built otherwise.

        ``explicit``: its analyser (of a dense leg its template) was set by hand.
        Raises ``IndexMismatchError`` with the rebuild command, ``SettingsError`` for fields that the index lacks.
        """
        check(self.index, name, leg, embedder=embedder, explicit=explicit)

    def newer_generation(self) -> int | None:
        """The number of a generation that a writer has put in place since, None where there is none."""
        return self.index.newer_generation()

    # --- near enough for a frame ----------------------------------------------------------------------------------

    def search_leg_now(self, request: LegRequest) -> LegHits:
        return self._searcher.search(request)

    def complete_now(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        return self._searcher.complete(request, ids)

    # --- off the loop ---------------------------------------------------------------------------------------------

    async def _run(self, function: Callable[..., R], *args: object) -> R:
        if self.info.ran_on is RanOn.LOOP:
            return function(*args)
        return await run_in(self._executor, function, *args)

    async def analyze(self, query: Query, leg: LexicalLeg) -> Analysis:
        return await self._run(account.analyze, self._searcher, query, leg)

    async def highlights(self, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
        return await self._run(account.highlights, self._searcher, query, leg, document)

    async def explain(self, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
        return await self._run(account.explain, self._searcher, query, leg, ids)

    async def search_leg(self, request: LegRequest) -> LegHits:
        return await self._run(self._searcher.search, request)

    async def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        return await self._run(self._searcher.complete, request, ids)

    async def feature_values(self, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
        return await self._run(stored.feature_values, self.index, fields, ids)

    async def group_values(self, field: str, ids: Sequence[str]) -> list[str]:
        return await self._run(stored.group_values, self.index, field, ids)

    async def facets(self, request: LegRequest, fields: Sequence[str], size: int = 10) -> dict[str, list[FacetCount]]:
        return await self._run(self._facets, request, fields, size)

    def _facets(self, request: LegRequest, fields: Sequence[str], size: int) -> dict[str, list[FacetCount]]:
        return stored.facets(self.index, fields, self._searcher.matching(request), size)

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        return await self._run(stored.fetch, self.index, ids)

    async def close(self) -> None:
        await run_in(self._executor, self.index.close)
