"""Names and numbers of RAGFlow: the fields of its index, their boosts, and what its versions do differently.

Source: infiniflow/ragflow, conf/mapping.json, rag/nlp/query.py, rag/nlp/search.py, rag/utils/es_conn.py, August 2026.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

QUERY_FIELDS = {
    "title_tks": 10,
    "title_sm_tks": 5,
    "important_kwd": 30,
    "important_tks": 20,
    "question_tks": 20,
    "content_ltks": 2,
    "content_sm_ltks": 1,
}
"""Every field that a question is looked for in, with its boost; a term counts in its best field alone."""

COARSE = ("content_ltks", "title_tks", "important_tks", "question_tks")
FINE = ("content_sm_ltks", "title_sm_tks")
TEXT, TITLE, KNOWLEDGE_BASE, DOCUMENT = "content_with_weight", "docnm_kwd", "kb_id", "doc_id"
KEYWORDS, QUESTIONS, AVAILABLE, GRAPH = "important_kwd", "question_tks", "available_int", "knowledge_graph_kwd"
PAGERANK, TAGS = "pagerank_fea", "tag_feas"

GRAPH_KINDS = ("entity", "relation", "community_report")
"""What chunks of the knowledge graph can be searched for by vector."""

PAGERANK_BOOST = 10
TAG_FACTOR = 10
MINIMUM_MATCH, RETRY_MINIMUM_MATCH, RETRY_SIMILARITY = 0.3, 0.1, 0.17
NO_MINIMUM_FROM = 0.8
"""From this vector weight on a question need not have any share of its terms in a chunk."""

_VECTOR = re.compile(r"q_(\d+)_vec\Z")


@dataclass(frozen=True, slots=True)
class Version:
    """What a version of RAGFlow does differently.

    text_boost    of the whole full-text query in the first stage: 1 less the vector weight of its weighted sum
    half_cosine   the re-rank takes the engine's (1 + cos)/2, not the cosine
    """

    name: str
    summary: str
    text_boost: float
    half_cosine: bool


VERSIONS = {
    each.name: each
    for each in (
        Version("2026-07", "since 23 July 2026: the text has no share in the first stage", 0.0, True),
        Version("2026-05", "18 May to 22 July 2026: 0.05 text, and (1 + cos)/2 in the re-rank", 0.05, True),
        Version("2026-04", "until 17 May 2026: 0.05 text, and the true cosine in the re-rank", 0.05, False),
    )
}


def vector_field(dimension: int) -> str:
    """Where RAGFlow keeps vectors of so many dimensions."""
    return f"q_{dimension}_vec"


def dimensions(names: Iterable[str]) -> tuple[int, ...]:
    """The dimensions of the vector fields among these field names, ascending."""
    return tuple(sorted(int(found[1]) for name in names if (found := _VECTOR.match(name))))


def window(page_size: int, most: int = 0) -> int:
    """How many chunks are re-ranked at a time: 64 rounded up to whole pages; 30 for pages of one. ``most`` bounds it
    where a model scores; 0: nothing does."""
    size = math.ceil(64 / page_size) * page_size if page_size > 1 else 30
    return min(size, most) if most else size


def block(page: int, page_size: int, most: int = 0) -> tuple[int, int]:
    """Which stretch of the first stage a page comes from: (from, size)."""
    size = window(page_size, most)
    return (page - 1) * page_size // size * size, size
