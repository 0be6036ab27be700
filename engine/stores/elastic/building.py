"""A source into an index of Elasticsearch or OpenSearch: as into a folder, with another end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from engine.embedders.base import Embedder
from engine.indexing import IndexProgress, IndexReport, fill
from engine.ingest.base import Problem, ProblemKind, Source
from engine.remote.offline import OfflineRule
from engine.settings.schema import StoreSettings
from engine.stores.elastic.connection import place
from engine.stores.elastic.layout import Layout, check_fields
from engine.stores.elastic.writer import ElasticWriter


async def build_in_engine(
    source: Source,
    store: StoreSettings,
    layout: Layout,
    embedder: Embedder | None,
    *,
    base_dir: Path = Path(),
    rule: OfflineRule | None = None,
    rebuild: bool = False,
    keep_old: bool = False,
    on_progress: Callable[[IndexProgress], None] = lambda progress: None,
    on_problem: Callable[[Problem], None] = lambda problem: None,
) -> IndexReport:
    """Index the whole source under the layout's name. A broken-off build goes on where it was when called again; until
    the end searches see what stood there before.

    Raises ``UsageError`` where the name is taken, ``SourceError``, ``StoreError``, ``EmbedderError``.
    """
    start = time.perf_counter()
    problems: Counter[ProblemKind] = Counter()

    def problem(found: Problem) -> None:
        problems[found.kind] += 1
        on_problem(found)

    check_fields(source.schema.fields)
    writing = ElasticWriter(
        store,
        layout,
        fingerprint=source.fingerprint(),
        base_dir=base_dir,
        rule=rule,
        rebuild=rebuild,
        on_problem=problem,
    )
    async with writing as writer:
        taken = writer.taken
        seen = await fill(source, writer, layout.spec.embedding, embedder, on_progress, problem)
        on_progress(IndexProgress("build", 0, None))
        written = await writer.commit(keep_old=keep_old)
    return IndexReport(
        place=f"{layout.name} ({written.index}) at {place(store)}",
        generation=layout.number(written.index),
        documents=written.documents,
        added=seen - taken,
        resumed=taken,
        problems=dict(problems),
        seconds=time.perf_counter() - start,
        cut=writer.cut,
    )
