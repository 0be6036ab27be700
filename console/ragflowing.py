"""What ``rankscope ragflow`` does: lists knowledge bases, or takes one question apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from console.opening import Wanted, load_for_search, open_index
from console.output import emit, encoded, grid, json_bytes, number, readable
from console.ragflow import bases_json, compare, knowledge_bases, to_json
from console.text import fit

if TYPE_CHECKING:
    from engine.stores.ragflow.comparison import Comparison
    from engine.stores.ragflow.index import KnowledgeBase

TEXT = 60


def list_bases(kb_ids: Sequence[str], wanted: Wanted, *, as_json: bool) -> None:
    """Print the knowledge bases of the index with their documents."""
    loaded = load_for_search(_narrowed(wanted, kb_ids, ()))
    known = knowledge_bases(loaded.settings, loaded.base_dir)
    emit(json_bytes(bases_json(known)) if as_json else encoded(bases_table(known)))


def bases_table(known: tuple[KnowledgeBase, ...]) -> str:
    """A row per document, under its knowledge base."""
    rows = []
    for base in known:
        graph = f"{base.graph} of the knowledge graph" if base.graph else ""
        rows.append([base.id, "", str(base.chunks), graph])
        rows += [["", i, str(count), name] for i, name, count in base.documents]
    return grid(["knowledge base", "document", "chunks", "name"], rows, numeric=["chunks"]) if rows else "no chunks\n"


def show_question(
    text: str, kb_ids: Sequence[str], doc_ids: Sequence[str], depth: int, wanted: Wanted, *, as_json: bool
) -> None:
    """Print the five rankings, what is lost, and the quirks."""
    loaded = load_for_search(_narrowed(wanted, kb_ids, doc_ids))
    text = readable(text)

    async def run() -> Comparison:
        async with open_index(loaded, no_cache=True) as pipeline:
            return await compare(pipeline, loaded.settings, text)

    view = asyncio.run(run())
    emit(json_bytes(to_json(view, text)) if as_json else encoded(as_table(view, depth)))


def _narrowed(wanted: Wanted, kb_ids: Sequence[str], doc_ids: Sequence[str]) -> Wanted:
    import msgspec

    sets = [
        f"store.ragflow.{name}={msgspec.json.encode([*ids]).decode()}"
        for name, ids in (("kb_ids", kb_ids), ("doc_ids", doc_ids))
        if ids
    ]
    return replace(wanted, sets=(*wanted.sets, *sets))


def as_table(view: Comparison, depth: int) -> str:
    """One row per chunk that is among the first of any ranking, in the re-rank's order, then what is lost."""
    from engine.stores.ragflow.quirks import QUIRKS

    question, found = view.found.question, view.found
    lines = [
        f"{found.version.summary}; {found.shape.engine}",
        f"{question.form} form: {question.query}",
        f"keywords: {', '.join(question.keywords)}",
        "",
        _rankings(view, depth),
    ]
    if view.lost:
        lines += [f"lost by the filter: {len(view.lost)} of the {view.ranking('B').total} that the vectors find"]
        lines += [f"  {_line(view, i)}" for i in view.lost[:depth]]
        lines += [f"  and {len(view.lost) - depth} more"] if len(view.lost) > depth else []
        lines += [""]
    hit = dict.fromkeys([*view.notes, *(name for i in _shown(view, depth) for name in view.chunks[i].quirks)])
    lines += [f"{QUIRKS[name].label}: {QUIRKS[name].text}\n  {QUIRKS[name].where}" for name in hit]
    return "\n".join(lines) + "\n"


def _shown(view: Comparison, depth: int) -> Iterator[str]:
    wanted = dict.fromkeys(i for key in "EDCBA" for i in view.ranking(key).ids[:depth])
    wanted |= dict.fromkeys(view.lost[:depth])
    yield from (i for i in wanted if i in view.chunks)


def _rankings(view: Comparison, depth: int) -> str:
    header = ["A", "B", "C", "D", "E", "sim", "token", "knn", "rank", "tags", "text", "quirks"]
    rows = []
    for i in _shown(view, depth):
        chunk = view.chunks[i]
        parts = chunk.parts
        sums = (parts.total, parts.token, parts.knn, parts.pagerank, parts.tags) if parts else (None,) * 5
        rows.append(
            [
                *(str(chunk.ranks.get(key, "–")) for key in "ABCDE"),
                *map(number, sums),
                fit(" ".join(chunk.document.text_of("text").split()), TEXT),
                ", ".join(chunk.quirks),
            ]
        )
    return grid(header, rows, numeric=header[:-2])


def _line(view: Comparison, i: str) -> str:
    chunk = view.chunks.get(i)
    if chunk is None:
        return i
    text = fit(" ".join(chunk.document.text_of("text").split()), TEXT)
    return f"B {chunk.ranks['B']}  cosine {chunk.scores['B']:.3f}  {i}  {text}"
