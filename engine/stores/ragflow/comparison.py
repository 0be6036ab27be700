"""One question as RAGFlow answers it, taken apart into five rankings and what is lost between them.

    A  text      the full-text query alone
    B  knn       the vectors alone, of everything in scope
    C  filtered  the vectors as RAGFlow asks them: of what the text matches
    D  first     its first stage: boost·text + (1 + cos)/2
    E  rerank    the block of D that holds the page, re-ranked

What stands in B and not in C is lost: no later stage can find it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from engine.records import Document, FloatArray
from engine.settings.schema import RagflowSettings
from engine.stores.elastic.answers import raw_vector_scores
from engine.stores.elastic.mapping import VectorField
from engine.stores.ragflow import bodies, fields, similarity
from engine.stores.ragflow.documents import SOURCE, document_of
from engine.stores.ragflow.index import Hits, RagflowIndex, Shape
from engine.stores.ragflow.question import Question

T = TypeVar("T")

RANKINGS = {
    "A": "text alone",
    "B": "kNN alone",
    "C": "kNN filtered",
    "D": "first stage",
    "E": "re-rank",
}
SHOWN = 100
"""Chunks of each ranking whose texts are fetched."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the five: chunks best first with their scores; ``total`` counts beyond them."""

    key: str
    ids: tuple[str, ...]
    scores: FloatArray
    total: int
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Parts:
    """A chunk's re-rank: sim = (1 − v)·token + v·knn + pagerank + tags. ``passes`` the threshold or not."""

    token: float
    knn: float
    pagerank: float
    tags: float
    total: float
    passes: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk and its places: per ranking rank (from 1; missing where it is not in it) and score."""

    document: Document
    ranks: Mapping[str, int]
    scores: Mapping[str, float]
    parts: Parts | None = None
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked and answered, before any flag is set.

    text_dfs   the text alone with one idf for all shards, None where RAGFlow's own search has that
    block      (from, size) of the first stage that is re-ranked; ``parts`` go one block further, to compare
    cosines    of the chunks that have parts
    lost       ids in B that the filter kept out of C, most similar first
    retried    nothing matched at first, and less was asked for; ``unscored``: of documents, all their chunks were taken
    model      a rerank model is to score
    """

    settings: RagflowSettings
    question: Question
    shape: Shape
    rankings: Mapping[str, Ranked]
    text_dfs: Hits | None
    block: tuple[int, int]
    parts: Mapping[str, Parts]
    cosines: Mapping[str, float]
    lost: tuple[str, ...]
    documents: Mapping[str, Document]
    retried: bool = False
    unscored: bool = False
    model: bool = False
    keys: Mapping[str, float] = field(default_factory=dict)

    @property
    def version(self) -> fields.Version:
        return fields.VERSIONS[self.settings.version]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole view. ``chunks`` by id, of every ranking as far as ``SHOWN``, and of what is lost; ``notes`` are the
    quirks of the whole question."""

    found: Found
    chunks: Mapping[str, Chunk]
    notes: tuple[str, ...]

    @property
    def lost(self) -> tuple[str, ...]:
        return self.found.lost

    def ranking(self, key: str) -> Ranked:
        return self.found.rankings[key]


@dataclass(frozen=True, slots=True)
class Asking:
    """One question under way: what every request has in common. ``vector`` is float32[d]."""

    index: RagflowIndex
    shape: Shape
    settings: RagflowSettings
    question: Question
    vector: Sequence[float]
    model: bool = False

    @property
    def field(self) -> VectorField:
        return self.shape.vector_field(len(self.vector))

    @property
    def scope(self) -> bodies.Scope:
        return bodies.scope(self.settings.kb_ids, self.settings.doc_ids)

    def clause(self, minimum: float | None = None) -> bodies.Body:
        return bodies.text_clause(self.question, minimum)

    async def text(self, clause: bodies.Body, features: Sequence[bodies.Body] = (), *, dfs: bool = False) -> Hits:
        """The full-text query as the engine scores it in RAGFlow's search, or with one idf for all shards."""
        query = bodies.matching(self.scope, clause, features)
        how = {"search_type": bodies.DFS} if dfs or self.shape.one_idf else {}
        return await self.index.hits(bodies.search(query, self.settings.top), **how)

    async def everything(self) -> Hits:
        """The chunks in scope, with no score."""
        return await self.index.hits(bodies.search(bodies.matching(self.scope), self.settings.top))

    async def knn(self, where: bodies.Body, k: int, threshold: float = 0.0) -> Hits:
        """Chunks by cosine: the engine's (1 + cos)/2 turned back."""
        body = bodies.knn(self.shape.engine, self.field.name, self.vector, k, where, threshold=threshold)
        hits = await self.index.hits(body)
        engine, field = self.shape.engine, self.field
        cosines = raw_vector_scores(hits.scores, field, scripted=False, opensearch=engine.is_opensearch)
        return Hits(hits.ids, cosines, hits.total, hits.took_ms)


async def find(asking: Asking) -> Found:
    """Ask everything. Raises ``StoreError``."""
    settings, version = asking.settings, fields.VERSIONS[asking.settings.version]
    off = settings.vector_similarity_weight >= fields.NO_MINIMUM_FROM
    clause = asking.clause(0.0 if off else None)
    threshold, retried = settings.similarity_threshold, False
    text = await asking.text(clause)
    unscored = not text.total and bool(settings.doc_ids)
    if not text.total and not unscored:
        clause, threshold, retried = asking.clause(fields.RETRY_MINIMUM_MATCH), fields.RETRY_SIMILARITY, True
        text = await asking.text(clause)
    features = bodies.rank_features(settings.tags) if asking.shape.rank_features and version.text_boost else []
    knn, filtered, scored, dfs = await asyncio.gather(
        asking.knn(bodies.matching(asking.scope), settings.top, threshold),
        asking.knn(bodies.matching(asking.scope, clause), settings.top, threshold),
        asking.everything() if unscored else asking.text(clause, features) if features else _same(text),
        _same(None) if asking.shape.one_idf else asking.text(clause, dfs=True),
    )
    first = _first_stage(scored, filtered, version.text_boost)
    start, size = fields.block(settings.page, settings.page_size, settings.top if asking.model else 0)
    reached = first.ids[start : start + 2 * size]
    lost = await _lost(asking, clause, text, knn, filtered)
    second, documents = await asyncio.gather(
        asking.knn({"ids": {"values": [*reached]}}, len(reached)) if reached else _same(Hits((), np.zeros(0), 0)),
        _documents(asking, [*reached, *lost[:SHOWN], *(i for hits in (text, knn, filtered) for i in hits.ids[:SHOWN])]),
    )
    cosines = second.by_id()
    keys = similarity.question_keys(asking.question.keywords) if asking.question.keywords else {}
    parts = _parts(asking, keys, reached, documents, cosines)
    rankings = {
        "A": Ranked("A", text.ids, text.scores, text.total, text.took_ms),
        "B": Ranked("B", knn.ids, knn.scores, len(knn.ids), knn.took_ms),
        "C": Ranked("C", filtered.ids, filtered.scores, len(filtered.ids), filtered.took_ms),
        "D": first,
        "E": _reranked(parts, reached[:size], second.took_ms),
    }
    return Found(
        settings,
        asking.question,
        asking.shape,
        rankings,
        dfs,
        (start, size),
        parts,
        cosines,
        lost,
        documents,
        retried,
        unscored,
        asking.model,
        keys,
    )


async def _same(value: T) -> T:
    return value


def _first_stage(text: Hits, knn: Hits, boost: float) -> Ranked:
    """What either returned, by the sum; of equal ones those with a vector's score first, then by text."""
    by_text, by_vector = text.by_id(), knn.by_id()
    ids = list(dict.fromkeys([*knn.ids, *text.ids]))
    scores = similarity.first_stage(
        np.array([by_text.get(i, math.nan) for i in ids], dtype=np.float64),
        np.array([by_vector.get(i, math.nan) for i in ids], dtype=np.float64),
        boost,
    )
    order = np.argsort(-scores, kind="stable")
    return Ranked("D", tuple(ids[row] for row in order), scores[order], max(text.total, len(ids)))


async def _lost(asking: Asking, clause: bodies.Body, text: Hits, knn: Hits, filtered: Hits) -> tuple[str, ...]:
    """What the filter lost: in B, not in C, and not matched by the text."""
    kept, matched = set(filtered.ids), set(text.ids)
    gone = [i for i in knn.ids if i not in kept and i not in matched]
    if gone and text.total > len(text.ids):  # the text list is cut: the engine is asked which of them match after all
        query = bodies.with_ids(bodies.matching(asking.scope, clause), gone)
        matched = set((await asking.index.hits(bodies.search(query, len(gone)))).ids)
        gone = [i for i in gone if i not in matched]
    return tuple(gone)


async def _documents(asking: Asking, ids: Sequence[str]) -> dict[str, Document]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    hits = await asking.index.hits(bodies.search({"ids": {"values": wanted}}, len(wanted), source=SOURCE))
    return {i: document_of(i, source) for i, source in zip(hits.ids, hits.sources, strict=True)}


def _parts(
    asking: Asking,
    keys: Mapping[str, float],
    ids: Sequence[str],
    documents: Mapping[str, Document],
    cosines: Mapping[str, float],
) -> dict[str, Parts]:
    settings, version = asking.settings, fields.VERSIONS[asking.settings.version]
    found = similarity.rerank(
        keys,
        [documents.get(i, Document(i, {})) for i in ids],
        np.array([cosines.get(i, math.nan) for i in ids], dtype=np.float64),
        vector_weight=settings.vector_similarity_weight,
        half_cosine=version.half_cosine,
        tags=settings.tags,
    )
    threshold = settings.similarity_threshold if settings.vector_similarity_weight > 0 else 0.0
    rows = zip(ids, found.token, found.knn, found.pagerank, found.tags, found.total, strict=True)
    return {
        i: Parts(float(token), float(knn), float(pagerank), float(tags), float(total), bool(total >= threshold))
        for i, token, knn, pagerank, tags, total in rows
    }


def _reranked(parts: Mapping[str, Parts], ids: Sequence[str], took_ms: float) -> Ranked:
    """The block's chunks that pass the threshold, best first."""
    kept = sorted((i for i in ids if parts[i].passes), key=lambda i: -parts[i].total)
    return Ranked("E", tuple(kept), np.array([parts[i].total for i in kept]), len(kept), took_ms)
