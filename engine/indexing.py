"""A source into an index: read, embed, hand over; resumable, with progress and every problem told.

``fill`` is the way of every build; ``build_index`` ends it in a folder, ``engine.stores.elastic.building`` in an
engine.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.embedders.base import Embedder, MarkingEmbedder
from engine.ingest.base import Problem, ProblemKind, Source, SourceDocument, SourceSchema, checked
from engine.ingest.template import Template
from engine.records import ScoreKind
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
    """What a build did, and where (a folder, or an engine's index). ``resumed`` documents were taken over from a build
    that was broken off; of ``cut`` ones the embedder did not see all."""

    place: str
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


class Taker(Protocol):
    """What takes a source's documents in. ``taken`` of them are there from a build that was broken off."""

    @property
    def taken(self) -> int: ...

    async def add(self, first: int, documents: Sequence[SourceDocument], embedded: Embedded) -> None:
        """Documents in a row, the first of them number ``first`` of the source."""
        ...


@dataclass(frozen=True, slots=True)
class _Folder:
    """An embedded index as a taker."""

    writer: IndexWriter
    taken: int

    async def add(self, first: int, documents: Sequence[SourceDocument], embedded: Embedded) -> None:
        self.writer.add([item.document for item in documents], *embedded)


async def fill(
    source: Source,
    taker: Taker,
    embedding: EmbeddingSpec | None,
    embedder: Embedder | None,
    on_progress: Callable[[IndexProgress], None],
    on_problem: Callable[[Problem], None],
) -> int:
    """Read the source, embed, and hand over what is not there yet; the number of its documents.

    Reads on the calling thread, while the embedder works on its own. Raises ``SourceError``, ``EmbedderError`` and
    what the taker raises.
    """
    template = Template.parse(embedding.template) if embedding else None

    async def embed(documents: list[SourceDocument]) -> Embedded:
        if template is None or embedder is None:
            return None, None
        texts = [template.fill(item.document).text for item in documents]
        if isinstance(embedder, MarkingEmbedder):
            marked = await embedder.embed_marked(texts)
            return marked.vectors, marked.cut
        return np.asarray(await embedder.embed_documents(texts)), None

    size = MODEL_CHUNK if isinstance(embedder, MarkingEmbedder) else CHUNK
    resumed, total, seen = taker.taken, source.count(), 0
    waiting: tuple[int, list[SourceDocument], asyncio.Task[Embedded]] | None = None
    try:
        with closing(checked(source)) as items:
            while batch := list(islice(items, size)):
                for item in batch:
                    if isinstance(item, Problem):
                        on_problem(item)
                documents = [item for item in batch if isinstance(item, SourceDocument)]
                new = documents[max(0, resumed - seen) :]
                seen += len(documents)
                if waiting:
                    await taker.add(*waiting[:2], await waiting[2])
                waiting = (seen - len(new), new, asyncio.create_task(embed(new))) if new else None
                await asyncio.sleep(0)  # lets the embedder's thread begin while the next batch is read here
                on_progress(IndexProgress("read", seen, total))
        if waiting:
            await taker.add(*waiting[:2], await waiting[2])
    finally:
        if waiting:
            waiting[2].cancel()
    return seen


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

    Writes on the calling thread. Raises ``SourceError``, ``StoreError``, ``EmbedderError``.
    """
    start = time.perf_counter()
    problems: Counter[ProblemKind] = Counter()

    def problem(found: Problem) -> None:
        problems[found.kind] += 1
        on_problem(found)

    with IndexWriter(path, spec, fresh=fresh, fingerprint=source.fingerprint()) as writer:
        folder = _Folder(writer, writer.staged)
        seen = await fill(source, folder, spec.embedding, embedder, on_progress, problem)
        generation = writer.commit(lambda done, all_: on_progress(IndexProgress("build", done, all_)))
    index = EmbeddedIndex.open(path)
    count, cut = len(index), index.manifest.cut
    index.close()
    seconds = time.perf_counter() - start
    taken = folder.taken
    return IndexReport(str(path), generation, count, seen - taken, taken, dict(problems), seconds, cut)
