"""An index of Elasticsearch or OpenSearch as a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.analysis.analyzers import ANALYZERS
from engine.analysis.query import Query
from engine.records import Analysis, Document, FloatArray, RanOn, ScoreKind
from engine.settings.schema import DenseLeg, LexicalLeg, Settings
from engine.stores.base import Explanation, FacetCount, Highlight, LegHits, LegRequest, StoreInfo
from engine.stores.elastic import account, answers, bodies
from engine.stores.elastic.cluster import Cluster
from engine.stores.elastic.fields import group_field, unknown_field
from engine.stores.elastic.legs import Legs
from engine.stores.elastic.mapping import VectorField

_NUMBERS = ("rank_feature", "token_count")
"""Types besides those of plain numbers whose values are one."""
_FROZEN = "the index fixes it: its similarity is set when it is made"


class ElasticStore:
    """``Store`` over one index. Everything it answers is one request, or a few at once; nothing is kept but the shape.

    ``base_dir`` is what a leg's body file is relative to.
    """

    def __init__(self, cluster: Cluster, settings: Settings, base_dir: Path = Path()) -> None:
        self.cluster = cluster
        self.legs = Legs(cluster, base_dir)
        self.info = _info(cluster, settings)

    async def analyze(self, query: Query, leg: LexicalLeg) -> Analysis:
        return await account.analyze(self.legs, query, leg)

    async def explain(self, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
        return await account.explain(self.legs, query, leg, ids)

    async def explanation_tree(self, query: Query, leg: LexicalLeg, document_id: str) -> Mapping[str, Any]:
        """The engine's own account of the leg's score, as it gives it; empty where the document does not match."""
        return (await account.explanations(self.legs, query, leg, [document_id])).get(document_id, {})

    async def highlights(self, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
        return await account.highlights(self.legs, query, leg, document)

    async def search_leg(self, request: LegRequest) -> LegHits:
        return await self.legs.search(request)

    async def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        return await self.legs.complete(request, ids)

    async def feature_values(self, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
        shape = self.cluster.shape
        for name in fields:
            real = shape.aliases.get(name, name)
            if real not in shape.numbers and shape.others.get(real) not in _NUMBERS:
                raise unknown_field(name, shape.numbers, shape, "features", "numeric field")
        values = np.full((len(ids), len(fields)), np.nan)
        found = await self._values(fields, ids)
        for row, name in enumerate(ids):
            for column, field in enumerate(fields):
                value = found.get(name, {}).get(field)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    values[row, column] = value
        return values

    async def group_values(self, field: str, ids: Sequence[str]) -> list[str]:
        name = group_field(field, self.cluster.shape)
        found = await self._values([name], ids)
        values = [found.get(one, {}).get(name) for one in ids]
        return ["" if value is None else str(value) for value in values]

    async def _values(self, fields: Sequence[str], ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Document id → field → its first value."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), bodies.MOST):
            body = bodies.by_ids(ids[start : start + bodies.MOST], fields, self.legs.id_field)
            for hit in (await self.cluster.search(body)).body["hits"]["hits"]:
                own = {name: answers.first_value(hit, name) for name in fields}
                found[answers.id_of(hit, self.legs.id_field)] = own
        return found

    async def facets(self, request: LegRequest, fields: Sequence[str], size: int = 10) -> dict[str, list[FacetCount]]:
        body = bodies.counted(await self.legs.matching(request), fields, size, self.cluster.shape)
        return answers.facets_of((await self.cluster.search(body, query=request.query)).body, fields)

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        settings, found = self.cluster.settings, dict[str, Document]()
        for start in range(0, len(ids), bodies.MOST):
            part = ids[start : start + bodies.MOST]
            body = bodies.stored(part, self.cluster.shape, settings.fields, self.legs.id_field)
            for hit in (await self.cluster.search(body)).body["hits"]["hits"]:
                name = answers.id_of(hit, self.legs.id_field)
                found[name] = answers.document_of(name, hit.get("_source") or {}, settings.title_field)
        return [found.get(name) or Document(name, {}) for name in ids]

    def newer_generation(self) -> int | None:
        return None

    async def close(self) -> None:
        await self.cluster.close()


def _info(cluster: Cluster, settings: Settings) -> StoreInfo:
    shape = cluster.shape
    vectors = _vector_field(cluster, settings)
    return StoreInfo(
        kind=settings.store.kind,
        name=shape.name,
        documents=shape.documents,
        generation=0,
        text_fields=tuple(shape.text),
        keyword_fields=tuple(shape.keywords),
        numeric_fields=shape.numbers,
        # of analyzers that are the engine's own, the nearest that there is here
        analyzers={name: how if how in ANALYZERS else "standard" for name, how in shape.text.items()},
        embedder=shape.meta.get("embedder", ""),
        dimension=vectors.dimension if vectors else 0,
        similarity=_similarity(vectors),
        bm25_factor=shape.k1 + 1 if cluster.engine.has_k1_factor else 1.0,
        asked_knobs=frozenset({"boosts"}),
        frozen_reason=_FROZEN,
        ran_on=RanOn.REMOTE,
        revision=shape.meta.get("revision", ""),
        notes=tuple(_notes(cluster, settings)),
        profiles=True,
    )


def _vector_field(cluster: Cluster, settings: Settings) -> VectorField | None:
    """The field of the first dense leg, None where the index has none for it."""
    vectors = cluster.shape.vectors
    for leg in settings.legs.values():
        if isinstance(leg, DenseLeg):
            return vectors.get(leg.field) if leg.field else next(iter(vectors.values()), None)
    return None


def _similarity(vectors: VectorField | None) -> ScoreKind:
    if vectors is None or vectors.is_cosine:
        return ScoreKind.COSINE
    return ScoreKind.DOT if vectors.similarity in ("max_inner_product", "innerproduct") else ScoreKind.UNKNOWN


def _notes(cluster: Cluster, settings: Settings) -> list[str]:
    """Sentences on how exact the answers are."""
    shape, notes = cluster.shape, [f"{cluster.engine} at {cluster.place.host}"]
    for name, leg in settings.legs.items():
        if not isinstance(leg, DenseLeg) or settings.weights.get(name, 0) <= 0:
            continue
        found = shape.vectors.get(leg.field) or next(iter(shape.vectors.values()), None)
        if found is None:
            continue
        exact = found.exact or leg.exact or not found.indexed
        how = "exact" if exact else "approximate (legs.*.exact = true compares every vector)"
        notes.append(f"{name}: {how} over {found.name}, {found.dimension} dimensions, {found.similarity}")
    if shape.shards > 1:
        kind = settings.store.search_type
        whole = kind in ("auto", "dfs_query_then_fetch")
        of = "the whole index" if whole else "each shard alone: equal documents may score differently"
        notes.append(f"{shape.shards} shards: term statistics of {of}")
    return notes
