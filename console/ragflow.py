"""One question as RAGFlow answers it, for the screen and for ``rankscope ragflow``. Knows no user interface."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import UsageError
from engine.settings.schema import DenseLeg, LexicalLeg, Settings

if TYPE_CHECKING:
    from engine.pipeline import Pipeline
    from engine.settings.schema import RagflowSettings
    from engine.stores.ragflow.comparison import Chunk, Comparison
    from engine.stores.ragflow.index import KnowledgeBase
    from engine.stores.ragflow.store import RagflowStore

KIND = "ragflow"


def store_of(pipeline: Pipeline) -> RagflowStore:
    """The pipeline's store. Raises ``UsageError`` where it is not RAGFlow's index, or only a recording of it."""
    from engine.stores.ragflow.store import RagflowStore

    store = pipeline.store
    if not isinstance(store, RagflowStore):
        raise UsageError(
            "this is no index of RAGFlow, or a recording of one",
            hint='set store.kind = "ragflow"; sample_configs/ragflow.toml has the rest',
        )
    return store


async def compare(pipeline: Pipeline, settings: Settings, text: str) -> Comparison:
    """The five rankings. Raises ``UsageError``, ``StoreError``, and ``EmbedderError`` for a query without a vector."""
    store = store_of(pipeline)
    dense = next((leg for leg in settings.legs.values() if isinstance(leg, DenseLeg) and leg.kind == "dense"), None)
    if dense is None:
        raise UsageError("no leg names the embedder of the question", hint="add [legs.dense] with its embedder")
    lexical = next((leg for leg in settings.legs.values() if isinstance(leg, LexicalLeg)), None)
    vector = await pipeline.resources.embed_query(dense.embedder, text, settings.remote) if text.strip() else None
    if vector is None:
        raise UsageError("the question has no text that can be embedded")
    return await store.compare(text, vector.tolist(), lexical, settings)


def with_options(settings: Settings, options: RagflowSettings) -> Settings:
    """The settings with another ``[store.ragflow]``."""
    store = msgspec.structs.replace(settings.store, ragflow=options)
    return msgspec.structs.replace(settings, store=store)


def knowledge_bases(settings: Settings, base_dir: Path) -> tuple[KnowledgeBase, ...]:
    """Those that the index has, or those of them that the settings name. Raises ``StoreError``."""
    from engine.stores.ragflow.opening import look

    if settings.store.kind != KIND:
        raise UsageError(
            f'store.kind is "{settings.store.kind}", and this command is for RAGFlow\'s index',
            hint='set store.kind = "ragflow"; sample_configs/ragflow.toml has the rest',
        )
    return tuple(asyncio.run(look(settings, base_dir))[1])


# ---- as JSON


def to_json(view: Comparison, text: str) -> dict[str, Any]:
    """Everything that the screen shows, for programs."""
    from engine.stores.ragflow.comparison import RANKINGS
    from engine.stores.ragflow.quirks import QUIRKS

    found, question = view.found, view.found.question
    hit: dict[str, list[str]] = {}
    for i, chunk in view.chunks.items():
        for quirk in chunk.quirks:
            hit.setdefault(quirk, []).append(i)
    return {
        "query": text,
        "engine": str(found.shape.engine),
        "index": found.shape.index.name,
        "settings": msgspec.to_builtins(found.settings),
        "version": {
            "name": found.version.name,
            "text_boost": found.version.text_boost,
            "summary": found.version.summary,
        },
        "question": {
            "form": question.form,
            "query_string": question.query,
            "minimum_should_match": question.minimum_match,
            "terms": dict(question.terms),
            "keywords": [*question.keywords],
            "left_out": [*question.left_out],
        },
        "block": {"from": found.block[0], "size": found.block[1]},
        "rankings": {
            key: {
                "name": name,
                "total": (ranked := view.ranking(key)).total,
                "took_ms": ranked.took_ms,
                "chunks": [
                    {"rank": rank, "id": i, "score": float(score)}
                    for rank, (i, score) in enumerate(zip(ranked.ids, ranked.scores, strict=True), 1)
                ],
            }
            for key, name in RANKINGS.items()
        },
        "lost": [*view.lost],
        "chunks": {i: chunk_json(chunk) for i, chunk in view.chunks.items()},
        "notes": [_quirk(name) for name in view.notes],
        "quirks": [{**_quirk(name), "chunks": hit[name]} for name in QUIRKS if name in hit],
    }


def _quirk(name: str) -> dict[str, str]:
    from engine.stores.ragflow.quirks import QUIRKS

    quirk = QUIRKS[name]
    return {"name": name, "text": quirk.text, "where": quirk.where}


def chunk_json(chunk: Chunk) -> dict[str, Any]:
    return {
        "title": chunk.document.text_of("title"),
        "text": chunk.document.text_of("text"),
        "kb_id": chunk.document.text_of("kb_id"),
        "doc_id": chunk.document.text_of("doc_id"),
        "ranks": dict(chunk.ranks),
        "scores": dict(chunk.scores),
        "rerank": asdict(chunk.parts) if chunk.parts else None,
        "quirks": [*chunk.quirks],
    }


def bases_json(known: tuple[KnowledgeBase, ...]) -> list[dict[str, Any]]:
    return [
        {
            "id": base.id,
            "chunks": base.chunks,
            "graph": base.graph,
            "documents": [{"id": i, "name": name, "chunks": count} for i, name, count in base.documents],
        }
        for base in known
    ]
