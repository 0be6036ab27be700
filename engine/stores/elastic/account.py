"""What the engine knows of a query: its terms with df and idf, what each gives a document, where a text has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.analysis.query import Query
from engine.records import Analysis, Document, QueryTerm
from engine.settings.schema import LexicalLeg
from engine.stores.base import Explanation, Highlight, LegRequest
from engine.stores.elastic import answers, bodies
from engine.stores.elastic.fields import searched_fields
from engine.stores.elastic.legs import Legs

_MARKED = 1_000_000
"""Characters of a field that the engines mark, as they are set up."""
_CLOSE = 3
"""Close terms named for a word that the index does not have."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A term of the query in a field: ``df`` documents hold it, ``documents`` have the field."""

    field: str
    text: str
    df: int
    documents: int


async def analyze(legs: Legs, query: Query, leg: LexicalLeg) -> Analysis:
    """The query's terms per field as the index's own analyzers make them, with df and idf over all shards."""
    shape = legs.cluster.shape
    wanted = [clause for clause in query.clauses if not clause.excluded]
    texts = {
        name: " ".join(clause.text for clause in wanted if clause.field in ("", name))
        for name in searched_fields(leg, shape)
    }
    texts = {name: text for name, text in texts.items() if text.strip()}
    count = _of_one_shard if shape.shards == 1 and shape.alone else _of_all_shards
    counted = await count(legs, texts) if texts else []
    close = await _close_terms(legs, counted)
    return Analysis(
        terms=tuple(
            QueryTerm(one.text, one.field, 1.0, one.df, answers.idf(one.documents, one.df), "", close.get(one, ()))
            for one in counted
        ),
        positive_text=query.positive,
        phrases=tuple(clause.text for clause in wanted if clause.phrase),
        excluded=tuple(clause.text for clause in query.clauses if clause.excluded),
    )


async def _of_one_shard(legs: Legs, texts: Mapping[str, str]) -> list[Counted]:
    """By the term vectors of a document that does not exist: terms and statistics in one answer."""
    shape = legs.cluster.shape
    wish = {
        "doc": texts,
        "fields": list(texts),
        "term_statistics": True,
        "field_statistics": True,
        "positions": True,
        "offsets": False,
        "payloads": False,
        "per_field_analyzer": {name: shape.text[name] for name in texts if name in shape.text},
    }
    answer = await legs.cluster.call("POST", f"{legs.cluster.path}/_termvectors", wish)
    found = []
    for name in texts:
        vectors = (answer.get("term_vectors") or {}).get(name) or {}
        documents = max(0, int((vectors.get("field_statistics") or {}).get("doc_count", 0)))
        terms = vectors.get("terms") or {}
        in_order = sorted(terms, key=lambda text: _position(terms[text]))
        found += [Counted(name, text, int(terms[text].get("doc_freq", 0)), documents) for text in in_order]
    return found


def _position(term: Mapping[str, Any]) -> int:
    return min((int(token["position"]) for token in term.get("tokens", ())), default=0)


async def _of_all_shards(legs: Legs, texts: Mapping[str, str]) -> list[Counted]:
    """By the analyzers and a count of each term: term vectors know one shard only."""
    made = await asyncio.gather(*(tokens(legs, name, text) for name, text in texts.items()))
    terms = [(name, text) for name, found in zip(texts, made, strict=True) for text in dict.fromkeys(found)]
    if not terms:
        return []
    answer = (await legs.cluster.search(bodies.statistics(terms))).body
    buckets = answer["aggregations"]["df"]["buckets"]
    counts = [int(buckets[str(i)]["doc_count"]) for i in range(len(terms))]
    return [
        Counted(name, text, df, int(buckets[f"n/{name}"]["doc_count"]))
        for (name, text), df in zip(terms, counts, strict=True)
    ]


async def tokens(legs: Legs, field: str, text: str) -> list[str]:
    """What the field's analyzer of queries makes of a text: the index's own ``_analyze``."""
    shape = legs.cluster.shape
    wish = {"analyzer": shape.text[field], "text": text} if field in shape.text else {"field": field, "text": text}
    answer = await legs.cluster.call("POST", f"{legs.cluster.path_of(field)}/_analyze", wish)
    return [str(token["token"]) for token in answer.get("tokens", ())]


async def _close_terms(legs: Legs, counted: Sequence[Counted]) -> dict[Counted, tuple[str, ...]]:
    """Close terms of the index for those that it has in no field."""
    known = {one.text for one in counted if one.df}
    missing = [one for one in counted if one.text not in known and one.documents]
    if not missing:
        return {}
    body = bodies.suggested([(one.field, one.text) for one in missing], _CLOSE)
    answer = (await legs.cluster.search(body)).body.get("suggest") or {}
    close: dict[Counted, tuple[str, ...]] = {}
    for i, one in enumerate(missing):
        options = [option["text"] for entry in answer.get(str(i), ()) for option in entry.get("options", ())]
        close[one] = tuple(dict.fromkeys(options))
    return close


async def explanations(legs: Legs, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The engine's own account of the leg's score of each document, as the tree that it gives."""
    asked = await legs.asked(LegRequest("lexical", leg, query))
    if asked.body is None or "query" not in asked.body:
        return {}
    only = {"bool": {"must": [asked.body["query"]], "filter": [bodies.of_ids(ids, legs.id_field)]}}
    body = {**bodies.by_ids(ids, (), legs.id_field), "query": only, "explain": True}
    answer = await legs.cluster.search(body, query=query, statistics=True)
    return {answers.id_of(hit, legs.id_field): hit["_explanation"] for hit in answer.body["hits"]["hits"]}


async def explain(legs: Legs, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
    """What each term gives each document in each field, 0 for a document that does not match."""
    terms, matrix = answers.explained(await explanations(legs, query, leg, ids), ids)
    return Explanation(terms, matrix)


def _as_far_as(legs: Legs) -> dict[str, int]:
    """What makes the engine mark the beginning of a long text instead of refusing all of it."""
    return {"max_analyzer_offset" if legs.cluster.engine.is_opensearch else "max_analyzed_offset": _MARKED}


async def highlights(legs: Legs, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
    """The spans of the document's fields that the engine marks for the leg's query, in reading order."""
    asked = await legs.asked(LegRequest("lexical", leg, query))
    if asked.body is None or "query" not in asked.body:
        return []
    names = asked.names or tuple(searched_fields(leg, legs.cluster.shape))
    body = {
        **bodies.by_ids([document.id], (), legs.id_field),
        "highlight": {
            "fields": {name: {} for name in names},
            "highlight_query": asked.body["query"],
            "number_of_fragments": 0,
            "pre_tags": [answers.OPEN],
            "post_tags": [answers.CLOSE],
            **(_as_far_as(legs) if any(len(document.text_of(name)) > _MARKED for name in names) else {}),
        },
    }
    hits = (await legs.cluster.search(body, query=query)).body["hits"]["hits"]
    marked = hits[0].get("highlight", {}) if hits else {}
    spans: list[Highlight] = []
    for name in names:
        text, seen = document.text_of(name), 0
        for piece in marked.get(name, ()):
            found = answers.marked_spans(name, piece, text, seen)
            spans += found
            seen = found[-1].end if found else seen
    return spans
