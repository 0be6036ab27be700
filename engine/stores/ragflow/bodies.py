"""Requests as RAGFlow makes them, for Elasticsearch and OpenSearch. Pure.

The full-text query is one ``query_string`` over all fields, best field per term, in a ``bool`` whose filter holds
knowledge bases, documents and availability. The kNN clause is filtered by that whole ``bool``: what the text does not
match, the vectors cannot find.

Source: infiniflow/ragflow, rag/utils/es_conn.py and rag/utils/opensearch_conn.py, August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.stores.elastic.detect import Engine
from engine.stores.ragflow import fields
from engine.stores.ragflow.question import Question

Body = dict[str, Any]

MAX_CANDIDATES = 10_000
DFS = "dfs_query_then_fetch"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: conditions that every request has, and those that must not hold."""

    filters: tuple[Body, ...]
    excluded: tuple[Body, ...] = ()


def scope(
    kb_ids: Sequence[str], doc_ids: Sequence[str] = (), more: Sequence[Body] = (), excluded: Sequence[Body] = ()
) -> Scope:
    """The chunks of these knowledge bases, or of these documents of theirs, that are not hidden."""
    hidden: Body = {"bool": {"must_not": [{"range": {fields.AVAILABLE: {"lt": 1}}}]}}
    documents: list[Body] = [{"terms": {fields.DOCUMENT: [*doc_ids]}}] if doc_ids else []
    return Scope(({"terms": {fields.KNOWLEDGE_BASE: [*kb_ids]}}, hidden, *documents, *more), tuple(excluded))


def graph_scope(kb_ids: Sequence[str], kinds: Sequence[str], more: Sequence[Body] = ()) -> Scope:
    """The knowledge graph's chunks of these kinds; RAGFlow keeps them hidden from other searches."""
    return Scope(({"terms": {fields.KNOWLEDGE_BASE: [*kb_ids]}}, {"terms": {fields.GRAPH: [*kinds]}}, *more))


def query_string(query: str, minimum_match: float = 0.0, names: Mapping[str, float] = fields.QUERY_FIELDS) -> Body:
    """The question's full-text clause."""
    clause: Body = {
        "query": query,
        "fields": [f"{name}^{boost}" for name, boost in names.items()],
        "type": "best_fields",
        "boost": 1,
    }
    if minimum_match:
        clause["minimum_should_match"] = f"{round(minimum_match * 100)}%"
    return {"query_string": clause}


def matching(where: Scope, clause: Body | None = None, should: Sequence[Body] = (), boost: float = 1.0) -> Body:
    """The ``bool`` of a search: in scope, and matched by the clause where there is one."""
    inner: Body = {"filter": [*where.filters], "boost": boost}
    if clause is not None:
        inner["must"] = [clause]
    if should:
        inner["should"] = [*should]
    if where.excluded:
        inner["must_not"] = [*where.excluded]
    return {"bool": inner}


def text_clause(question: Question, minimum_match: float | None = None) -> Body:
    return query_string(question.query, question.minimum_match if minimum_match is None else minimum_match)


def rank_features(tags: Mapping[str, float]) -> list[Body]:
    """What adds priority and tags to the first stage: the value times 10, and times the question's tag."""
    wanted = {fields.PAGERANK: float(fields.PAGERANK_BOOST)} | {f"{fields.TAGS}.{tag}": of for tag, of in tags.items()}
    return [{"rank_feature": {"field": name, "linear": {}, "boost": boost}} for name, boost in wanted.items()]


def search(query: Body, size: int, *, offset: int = 0, source: Sequence[str] | bool = False) -> Body:
    return {"query": query, "size": size, "from": offset, "_source": source, "track_total_hits": True}


def knn(
    engine: Engine,
    field: str,
    vector: Sequence[float],
    k: int,
    where: Body,
    *,
    threshold: float = 0.0,
    source: Sequence[str] | bool = False,
) -> Body:
    """A search by vector among what ``where`` matches, at least as similar as ``threshold`` (cosine).

    OpenSearch knows no least cosine in the clause: its own scale, (1 + cos)/2, is cut instead.
    """
    k = min(k, MAX_CANDIDATES)
    if engine.has_knn_section:
        clause: Body = {
            "field": field,
            "query_vector": [*vector],
            "k": k,
            "num_candidates": min(2 * k, MAX_CANDIDATES),
            "filter": where,
        }
        if threshold:
            clause["similarity"] = threshold
        return {"knn": clause, "size": k, "_source": source, "track_total_hits": True}
    body = search({"knn": {field: {"vector": [*vector], "k": k, "filter": where}}}, k, source=source)
    return body | ({"min_score": (1 + threshold) / 2} if threshold else {})


def first_stage(
    field: str,
    vector: Sequence[float],
    clause: Body,
    where: Scope,
    *,
    boost: float,
    features: Sequence[Body],
    threshold: float,
    top: int,
    offset: int,
    size: int,
    source: Sequence[str] | bool = False,
) -> Body:
    """RAGFlow's one request to Elasticsearch: the boosted full-text query and the kNN clause, whose scores add up."""
    knn_clause = {
        "field": field,
        "query_vector": [*vector],
        "k": min(top, MAX_CANDIDATES),
        "num_candidates": min(2 * top, MAX_CANDIDATES),
        "filter": matching(where, clause, boost=boost),
        "similarity": threshold,
    }
    return search(matching(where, clause, features, boost), size, offset=offset, source=source) | {"knn": knn_clause}


def with_ids(query: Body, ids: Sequence[str]) -> Body:
    """The query among these chunks alone."""
    return {"bool": {"must": [query], "filter": [{"ids": {"values": [*ids]}}]}}


def vocabulary(forms: Sequence[str], names: Sequence[str]) -> Body:
    """How many chunks hold each of these tokens in one of the fields: buckets by place."""
    filters = {
        str(at): {"bool": {"should": [{"term": {name: form}} for name in names]}} for at, form in enumerate(forms)
    }
    return {"size": 0, "aggs": {"forms": {"filters": {"filters": filters}}}}


def catalogue(kb_ids: Sequence[str], size: int) -> Body:
    """Knowledge bases, documents of each with their names, and how many chunks they have; graph chunks apart."""
    documents = {
        "terms": {"field": fields.DOCUMENT, "size": size},
        "aggs": {"name": {"terms": {"field": fields.TITLE, "size": 1}}},
    }
    bases = {
        "terms": {"field": fields.KNOWLEDGE_BASE, "size": size},
        "aggs": {"documents": documents, "graph": {"filter": {"exists": {"field": fields.GRAPH}}}},
    }
    query: Body = {"terms": {fields.KNOWLEDGE_BASE: [*kb_ids]}} if kb_ids else {"match_all": {}}
    return {"size": 0, "query": query, "aggs": {"bases": bases}, "track_total_hits": True}
