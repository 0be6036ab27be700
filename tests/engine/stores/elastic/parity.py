"""Cranfield in the embedded store and in an engine, and how far their answers to the same queries are apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from engine.api import open_pipeline
from engine.embedders.static import StaticEmbedder
from engine.executor import make_executor
from engine.records import Document
from engine.settings.schema import DenseLeg, LexicalLeg, RerankSettings, Settings, StoreSettings
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.writer import IndexWriter
from engine.trace import Trace
from tests.servers.engine_index import make
from tests.servers.engines import Server

CRANFIELD = Path(__file__).parents[5] / "shared" / "data" / "cranfield"
needs_cranfield = pytest.mark.skipif(not CRANFIELD.is_dir(), reason=f"{CRANFIELD} is not there")
TEMPLATE = "{title}\n{text}"
FIELDS = {"title": 2.0, "text": 1.0}
FLOAT32 = 2e-7
"""Nearer fused scores (of at most 1) than this an engine's 32 bits cannot tell apart."""


@dataclass(slots=True)
class Corpus:
    """Documents with their vectors."""

    documents: list[Document]
    vectors: dict[str, list[float]]

    @classmethod
    def cranfield(cls) -> Corpus:
        rows = [json.loads(line) for line in (CRANFIELD / "corpus.jsonl").read_text().splitlines()]
        return cls.of([Document(row["_id"], {"title": row["title"], "text": row["text"]}) for row in rows])

    @classmethod
    def of(cls, documents: list[Document]) -> Corpus:
        texts = [f"{one.text_of('title')}\n{one.text_of('text')}".strip() for one in documents]
        vectors = StaticEmbedder(make_executor()).encode(texts)
        found = zip(documents, vectors, strict=True)
        return cls(documents, {one.id: vector.tolist() for one, vector in found if not np.isnan(vector[0])})

    def embedded(self, folder: Path, analyzer: str) -> Path:
        """An index of ours of the same documents."""
        info = StaticEmbedder(make_executor()).info
        embedding = EmbeddingSpec(info.name, info.dimension, info.revision, TEMPLATE)
        lacking = [np.nan] * info.dimension
        with IndexWriter(folder, IndexSpec(dict.fromkeys(FIELDS, analyzer), embedding, "test")) as writer:
            vectors = [self.vectors.get(one.id, lacking) for one in self.documents]
            writer.add(self.documents, np.array(vectors, dtype=np.float32))
            writer.commit()
        return folder

    def into(self, server: Server, name: str, analyzer: str, **how: object) -> None:
        """An index of the engine of the same documents."""
        make(server, name, self.documents, self.vectors, text=dict.fromkeys(FIELDS, analyzer), **how)  # type: ignore[arg-type]


def queries() -> list[str]:
    return [json.loads(line)["text"] for line in (CRANFIELD / "queries.jsonl").read_text().splitlines()]


def settings(store: StoreSettings, **lexical: object) -> Settings:
    """Both legs over Cranfield without a reranker; OpenSearch compares every vector by its script."""
    return Settings(
        store=store,
        legs={
            "lexical": LexicalLeg(fields=FIELDS, analyzer="english", **lexical),  # type: ignore[arg-type]
            "dense": DenseLeg(exact=store.kind == "opensearch"),
        },
        rerank=RerankSettings(enabled=False),
    )


@dataclass(slots=True)
class Apart:
    """The largest differences seen; ``orders`` are the queries whose fused order differs by more than rounding.

    The engines report scores of 32 bits, which cannot tell documents apart that are nearer than that; ``near`` counts
    the queries in which such a pair stands the other way round.
    """

    scores: int = 0
    field_score: float = 0.0
    cosine: float = 0.0
    near: int = 0
    orders: list[str] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)

    def add(self, ours: Trace, theirs: Trace) -> None:
        """Compare two traces of one query."""
        text = ours.query.text
        if set(ours.pool.ids) != set(theirs.pool.ids):
            self.pools.append(text)
            return
        at = {name: row for row, name in enumerate(theirs.pool.ids)}
        rows = [at[name] for name in ours.pool.ids]
        legs = theirs.pool.leg_names
        factor = theirs.pool.legs[legs.index("lexical")].factor
        mine, other = ours.pool.field_scores["lexical"], theirs.pool.field_scores["lexical"][rows] / factor
        self.scores += mine.size
        self.field_score = max(self.field_score, _apart(mine, other))
        both = [trace.pool.scores[:, trace.pool.leg_names.index("lexical")] for trace in (ours, theirs)]
        self.field_score = max(self.field_score, _apart(both[0], both[1][rows] / factor))
        both = [trace.pool.scores[:, trace.pool.leg_names.index("dense")] for trace in (ours, theirs)]
        self.cosine = max(self.cosine, _apart(both[0], both[1][rows]))
        order, other_order = _order(ours), _order(theirs)
        if order != other_order:
            fused = dict(zip(ours.pool.ids, ours.ranking.fused_score.tolist(), strict=True))
            swapped = [abs(fused[a] - fused[b]) for a, b in zip(order, other_order, strict=True)]
            self.near += 1
            if max(swapped) > FLOAT32:
                self.orders.append(text)


def _order(trace: Trace) -> list[str]:
    return [trace.pool.ids[row] for row in trace.ranking.order]


def _apart(a: np.ndarray, b: np.ndarray) -> float:  # type: ignore[type-arg]
    assert (np.isnan(a) == np.isnan(b)).all(), "one of them lacks scores that the other has"
    return float(np.nanmax(np.abs(a - b), initial=0.0))


async def compare(index: Path, store: StoreSettings, texts: Sequence[str], **lexical: object) -> Apart:
    """The same queries on both."""
    apart = Apart()
    here, there = settings(StoreSettings(path=str(index)), **lexical), settings(store, **lexical)
    async with open_pipeline(here, index) as ours, open_pipeline(there, index) as theirs:
        for text in texts:
            apart.add(await ours.search(text, here), await theirs.search(text, there))
    return apart
