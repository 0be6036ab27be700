"""RAGFlow's index on its engine: what it holds, and one way to ask it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import SettingsError, StoreError
from engine.records import FloatArray, StagePart
from engine.stores.elastic.answers import time_parts
from engine.stores.elastic.cluster import Cluster
from engine.stores.elastic.detect import Engine
from engine.stores.elastic.faults import failed_shards
from engine.stores.elastic.mapping import IndexShape, VectorField
from engine.stores.ragflow import bodies, fields
from engine.stores.ragflow.tokens import IndexWords, candidates

FORMS = 1000
"""Forms of words that are asked for in one request."""
LISTED = 200
"""Knowledge bases, and documents of each, that are listed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the index holds, and behind which engine."""

    engine: Engine
    index: IndexShape

    def check(self, host: str) -> None:
        """Raises ``StoreError`` for an index that is not RAGFlow's."""
        if "content_ltks" not in self.index.text or fields.KNOWLEDGE_BASE not in self.index.keywords:
            raise StoreError(
                f"{host}: {self.index.name} is no index of RAGFlow: it has no content_ltks or no kb_id",
                hint="RAGFlow's are named ragflow_TENANT; for any other index set store.kind to the engine",
            )

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Of RAGFlow's vector fields, ascending."""
        return fields.dimensions(self.index.vectors)

    @property
    def rank_features(self) -> bool:
        """Whether priority and tags can act in the first stage."""
        return self.index.others.get(fields.PAGERANK) == "rank_feature"

    @property
    def one_idf(self) -> bool:
        """Whether all shards count together in RAGFlow's search: a request with a ``knn`` section asks Elasticsearch's
        shards for their statistics first, which its full-text query shares; seen on 8.19."""
        return self.engine.has_knn_section or self.index.shards == 1

    def vector_field(self, dimension: int) -> VectorField:
        """Where vectors of so many dimensions are. Raises ``StoreError`` where there are none."""
        found = self.index.vectors.get(fields.vector_field(dimension))
        if found is None:
            held = ", ".join(map(str, self.dimensions)) or "no"
            raise StoreError(
                f"the query's vector has {dimension} dimensions, those of {self.index.name} have {held}",
                hint="set legs.dense.embedder to the model that RAGFlow embeds these knowledge bases with",
            )
        return found


@dataclass(frozen=True, slots=True)
class Hits:
    """An answer, best first.

    total     counts what matches beyond it
    took_ms   the engine's own time; ``parts`` are where all of it went
    missing   what the answer lacks, '' for nothing
    """

    ids: tuple[str, ...]
    scores: FloatArray
    total: int
    took_ms: float = 0.0
    sources: tuple[Mapping[str, Any], ...] = ()
    parts: tuple[StagePart, ...] = ()
    missing: str = ""

    def ranks(self) -> dict[str, int]:
        """Chunk → place, from 1."""
        return {chunk: place for place, chunk in enumerate(self.ids, 1)}

    def by_id(self) -> dict[str, float]:
        return dict(zip(self.ids, self.scores.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class RagflowIndex:
    """One index, asked. Methods raise ``EngineError``."""

    cluster: Cluster

    async def search(self, body: bodies.Body, **params: str) -> Any:
        """A search's whole answer."""
        return await self.cluster.call("POST", f"{self.cluster.path}/_search", body, params)

    async def hits(self, body: bodies.Body, **params: str) -> Hits:
        """A search's hits."""
        began = time.perf_counter()
        answer = await self.search(body, **params)
        found = answer["hits"]["hits"]
        return Hits(
            tuple(hit["_id"] for hit in found),
            np.array([hit["_score"] or 0.0 for hit in found], dtype=np.float64),
            int(answer["hits"]["total"]["value"]),
            float(answer.get("took", 0)),
            tuple(hit.get("_source", {}) for hit in found),
            time_parts(began, time.perf_counter(), answer),
            failed_shards(answer),
        )

    async def words(self, text: str, alike: Mapping[str, Sequence[str]]) -> IndexWords:
        """The index's tokens for a text; ``alike`` are synonyms by text."""
        synonyms = " ".join(other for others in alike.values() for other in others)
        wanted = sorted(candidates(text) | candidates(synonyms))
        coarse, fine = await asyncio.gather(self._known(wanted, fields.COARSE), self._known(wanted, fields.FINE))
        return IndexWords(coarse, fine, alike)

    async def _known(self, forms: Sequence[str], names: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(forms), FORMS):
            some = forms[start : start + FORMS]
            answer = await self.search(bodies.vocabulary(some, names))
            buckets = answer["aggregations"]["forms"]["buckets"]
            counts = ((form, int(buckets[str(at)]["doc_count"])) for at, form in enumerate(some))
            found.update((form, count) for form, count in counts if count)
        return found


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """A knowledge base: its chunks, those of its graph, and its documents as (id, name, chunks), largest first."""

    id: str
    chunks: int
    graph: int
    documents: tuple[tuple[str, str, int], ...]


async def catalogue(index: RagflowIndex, kb_ids: Sequence[str] = ()) -> tuple[KnowledgeBase, ...]:
    """The knowledge bases of the index, or these of them, largest first; at most ``LISTED``."""
    answer = await index.search(bodies.catalogue(kb_ids, LISTED))
    return tuple(_base(bucket) for bucket in answer["aggregations"]["bases"]["buckets"])


def _base(bucket: Mapping[str, Any]) -> KnowledgeBase:
    documents = tuple(
        (each["key"], next((name["key"] for name in each["name"]["buckets"]), ""), int(each["doc_count"]))
        for each in bucket["documents"]["buckets"]
    )
    return KnowledgeBase(bucket["key"], int(bucket["doc_count"]), int(bucket["graph"]["doc_count"]), documents)


def no_knowledge_base(known: Sequence[KnowledgeBase]) -> SettingsError:
    """The error of settings that name no knowledge base; the hint lists those there are."""
    listed = ", ".join(f"{each.id} ({each.chunks} chunks)" for each in known[:5])
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return SettingsError(
        "store.ragflow.kb_ids: no knowledge base is named",
        path="store.ragflow.kb_ids",
        hint=f"`rankscope ragflow` lists them; the index has {listed or 'none'}{more}",
    )
