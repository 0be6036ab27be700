"""RAGFlow's re-rank of the first stage's chunks. Pure.

    sim = (1 − v)·token + v·knn + pagerank + tags

``token`` is the weight of the question's keys that the chunk holds over the weight of them all; ``knn`` the cosine, or
since May 2026 (1 + cos)/2; ``pagerank`` the number as it is stored; ``tags`` ten times the cosine of the question's
tags and the chunk's. Source: infiniflow/ragflow, rag/nlp/search.py (``rerank``, ``_rank_feature_scores``), August 2026.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis import weights
from engine.records import Document, FloatArray
from engine.rerankers.term import term_score
from engine.settings.schema import RerankSettings
from engine.stores.ragflow.fields import KEYWORDS, PAGERANK, QUESTIONS, TAG_FACTOR, TAGS


@dataclass(frozen=True, slots=True)
class Parts:
    """The re-rank's account, float64[n] each; ``total`` is the similarity that orders."""

    token: FloatArray
    knn: FloatArray
    pagerank: FloatArray
    tags: FloatArray
    total: FloatArray


def document_tokens(document: Document, *, repeated: bool = True) -> list[str]:
    """A chunk's side of the comparison: its content's tokens, each once, then title twice, keywords five times and
    questions six times. The repetitions add pairs of neighbours that stand nowhere in the chunk."""
    title, keywords, questions = (2, 5, 6) if repeated else (1, 1, 1)
    return [
        *dict.fromkeys(document.text_of("content_ltks").split()),
        *document.text_of("title_tks").split() * title,
        *keywords_of(document) * keywords,
        *document.text_of(QUESTIONS).split() * questions,
    ]


def keywords_of(document: Document) -> list[str]:
    """The chunk's keywords, each as a whole."""
    value = document.fields.get(KEYWORDS)
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [str(value)]


def question_keys(keywords: Sequence[str]) -> dict[str, float]:
    """The question's side: each keyword at 0.4 of its weight, each pair of neighbours at 0.6 of the heavier."""
    return weights.keys(weights.query_weights(keywords))


def token_similarity(keys: Mapping[str, float], document: Document, *, repeated: bool = True) -> float:
    """The share, 0…1, of the question's weight that the chunk holds."""
    held = weights.document_keys(document_tokens(document, repeated=repeated))
    return weights.token_similarity(keys, held)


def pagerank_of(document: Document) -> float:
    """The chunk's priority as stored, 0 for none."""
    value = document.fields.get(PAGERANK)
    return float(value) if isinstance(value, (int, float)) else 0.0


def tags_of(document: Document) -> dict[str, float]:
    """The chunk's tags, from the JSON that the document keeps them as."""
    raw = document.fields.get(TAGS)
    try:
        found = json.loads(raw) if isinstance(raw, str) and raw else {}
    except ValueError:
        return {}
    return {str(tag): float(value) for tag, value in found.items()} if isinstance(found, dict) else {}


def tag_similarity(question: Mapping[str, float], chunk: Mapping[str, float]) -> float:
    """Ten times the cosine of two sets of tags, 0 where either is empty."""
    lengths = math.hypot(*question.values()) * math.hypot(*chunk.values())
    shared = math.fsum(question[tag] * value for tag, value in chunk.items() if tag in question)
    return TAG_FACTOR * shared / lengths if lengths else 0.0


def rerank(
    keys: Mapping[str, float],
    documents: Sequence[Document],
    cosines: FloatArray,
    *,
    vector_weight: float,
    half_cosine: bool,
    tags: Mapping[str, float],
) -> Parts:
    """The parts for these chunks. ``cosines`` float64[n], NaN for a chunk without a vector, which counts as 0."""
    token = np.array([token_similarity(keys, each) for each in documents])
    pagerank = np.array([pagerank_of(each) for each in documents])
    tag = np.array([tag_similarity(tags, tags_of(each)) for each in documents])
    how = RerankSettings(vector_weight=vector_weight, quirks=["half-cosine"] if half_cosine else [])
    knn = np.nan_to_num((1 + cosines) / 2 if half_cosine else cosines)
    return Parts(token, knn, pagerank, tag, term_score(token, cosines, pagerank + tag, how))


def first_stage(text: FloatArray, cosines: FloatArray, boost: float) -> FloatArray:
    """float64[n], boost·text + (1 + cos)/2: as the engine adds up what the full-text query and the kNN clause give a
    chunk. NaN where either did not return it, which adds nothing."""
    return boost * np.nan_to_num(text) + np.nan_to_num((1 + cosines) / 2)
