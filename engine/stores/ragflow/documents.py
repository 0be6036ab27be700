"""A chunk as RAGFlow stores it, as a document of ours: ``title`` and ``text`` beside its own fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.records import Document, FieldValue
from engine.stores.ragflow.fields import TAGS, TEXT, TITLE

SOURCE = (
    TEXT,
    TITLE,
    "title_tks",
    "content_ltks",
    "important_kwd",
    "question_kwd",
    "question_tks",
    "kb_id",
    "doc_id",
    "knowledge_graph_kwd",
    "entity_kwd",
    "from_entity_kwd",
    "to_entity_kwd",
    "page_num_int",
    "position_int",
    "available_int",
    "mom_id",
    "pagerank_fea",
    TAGS,
)
"""What is fetched of a chunk: everything but its vectors."""


def document_of(chunk_id: str, source: Mapping[str, Any]) -> Document:
    """The chunk's fields, tags as JSON; ``title`` is the file's name, of the graph's chunks what they are about."""
    values = {name: _value(source[name]) for name in SOURCE if name in source}
    return Document(chunk_id, {"title": _title(source), "text": str(source.get(TEXT, "")), **values})


def _title(source: Mapping[str, Any]) -> str:
    if source.get("from_entity_kwd"):
        return f"{_text(source['from_entity_kwd'])} → {_text(source.get('to_entity_kwd', ''))}"
    return _text(source.get("entity_kwd") or source.get(TITLE) or "")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(value: Any) -> FieldValue:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in value]
    return value if isinstance(value, (str, int, float, bool)) else None
