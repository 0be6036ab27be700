"""A source into an embedded index: read, embed, stage, commit; resumable, with progress and every problem told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.embedders.base import Embedder, MarkingEmbedder
from engine.ingest.base import Problem, ProblemKind, Source, SourceDocument, SourceSchema, checked
from engine.ingest.template import Template
from engine.records import Document, ScoreKind
from engine.settings.schema import DenseLeg, LexicalLeg, Settings
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.writer import IndexWriter, Vectors

CHUNK = 256
"""Documents read, embedded and written together."""
MODEL_CHUNK = 64
"""The same for a model on this machine, which may take minutes for them: what is broken off loses no more."""
Embedded = tuple[Vectors | None, npt.NDArray[np.bool_] | None]
"""Vectors, and which texts were longer than the embedder sees; None for not known."""


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """``phase`` is ``read`` or ``build``; ``total`` is None where it is not known."""

    phase: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a build did. ``resumed`` documents were taken over from a build that was broken off; of ``cut`` ones the
    embedder did not see all."""

    path: Path
    generation: int
    documents: int
    added: int
    resumed: int
    problems: Mapping[ProblemKind, int] = field(default_factory=dict)
    seconds: float = 0.0
    cut: int = 0


def index_spec(
    settings: Settings, schema: SourceSchema, explicit: Callable[[str], bool], embedder: Embedder | None, source: str
) -> IndexSpec:
    """What to build: the settings where somebody set them, else what the source proposes.

    explicit   whether a dotted name was set by hand
    source     how the rebuild command names the source
    """
    text_fields = dict(schema.text_fields)
    for name, leg in settings.legs.items():
        if isinstance(leg, LexicalLeg):
            if explicit(f"legs.{name}.fields"):
                text_fields = {field_: schema.text_fields.get(field_, leg.analyzer) for field_ in leg.fields}
            if explicit(f"legs.{name}.analyzer"):
                text_fields = dict.fromkeys(text_fields, leg.analyzer)
            text_fields |= {field_: how for field_, how in leg.analyzers.items() if field_ in text_fields}
    embedding = None
    dense = next(((name, leg) for name, leg in settings.legs.items() if isinstance(leg, DenseLeg)), None)
    if dense is not None and embedder is not None:
        name, leg = dense
        template = leg.text if explicit(f"legs.{name}.text") else schema.embedding_template
        if schema.fields:
            Template.parse(template, f"legs.{name}.text").check(schema.fields, f"legs.{name}.text")
        info = embedder.info
        dot = info.similarity is ScoreKind.DOT
        embedding = EmbeddingSpec(info.name, info.dimension, info.revision, template, "dot" if dot else "cosine")
    return IndexSpec(text_fields, embedding, source)


async def build_index(
    source: Source,
    path: Path,
    spec: IndexSpec,
    embedder: Embedder | None,
    *,
    fresh: bool = True,
    on_progress: Callable[[IndexProgress], None] = lambda progress: None,
    on_problem: Callable[[Problem], None] = lambda problem: None,
) -> IndexReport:
    """Index the whole source into the folder. A cancelled or killed build goes on where it was when called again.

    fresh   build anew, the old index stays in use until the commit; False adds to it and replaces equal ids

    Reads and writes on the calling thread, while the embedder works on its own. Raises ``SourceError``,
    ``StoreError``, ``EmbedderError``.
    """
    start = time.perf_counter()
    problems: Counter[ProblemKind] = Counter()
    template = Template.parse(spec.embedding.template) if spec.embedding else None

    async def embed(documents: list[Document]) -> Embedded:
        if template is None or embedder is None:
            return None, None
        texts = [template.fill(document).text for document in documents]
        if isinstance(embedder, MarkingEmbedder):
            marked = await embedder.embed_marked(texts)
            return marked.vectors, marked.cut
        return np.asarray(await embedder.embed_documents(texts)), None

    size = MODEL_CHUNK if isinstance(embedder, MarkingEmbedder) else CHUNK
    with IndexWriter(path, spec, fresh=fresh, fingerprint=source.fingerprint()) as writer:
        resumed, total, seen = writer.staged, source.count(), 0
        items = checked(source)
        waiting: tuple[list[Document], asyncio.Task[Embedded]] | None = None
        try:
            while batch := list(islice(items, size)):
                for item in batch:
                    if isinstance(item, Problem):
                        problems[item.kind] += 1
                        on_problem(item)
                documents = [item.document for item in batch if isinstance(item, SourceDocument)]
                new = documents[max(0, resumed - seen) :]
                seen += len(documents)
                if waiting:
                    writer.add(waiting[0], *await waiting[1])
                waiting = (new, asyncio.create_task(embed(new))) if new else None
                await asyncio.sleep(0)  # lets the embedder's thread begin while the next batch is read here
                on_progress(IndexProgress("read", seen, total))
            if waiting:
                writer.add(waiting[0], *await waiting[1])
        finally:
            if waiting:
                waiting[1].cancel()
        generation = writer.commit(lambda done, all_: on_progress(IndexProgress("build", done, all_)))
    index = EmbeddedIndex.open(path)
    count, cut = len(index), index.manifest.cut
    index.close()
    seconds = time.perf_counter() - start
    return IndexReport(path, generation, count, seen - resumed, resumed, dict(problems), seconds, cut)
