"""What the engine knows of a query: its terms with df and idf, what each gives a document, where a text has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from engine.analysis.query import Query
from engine.records import Analysis, Document, QueryTerm
from engine.settings.schema import LexicalLeg
from engine.stores.base import Explanation, Highlight, LegRequest
from engine.stores.elastic import answers, bodies
from engine.stores.elastic.legs import Legs

_CLOSE = 3
"""Close terms named for a word that the index does not have."""


async def analyze(legs: Legs, query: Query, leg: LexicalLeg) -> Analysis:
    """The query's terms per field as the index's own analyzers make them, with df over all shards and idf."""
    cluster, shape = legs.cluster, legs.cluster.shape
    fields = list(bodies.searched_fields(leg, shape))
    wanted = [clause for clause in query.clauses if not clause.excluded]
    texts = {name: " ".join(clause.text for clause in wanted if clause.field in ("", name)) for name in fields}
    texts = {name: text for name, text in texts.items() if text.strip()}
    found = await asyncio.gather(*(tokens(legs, name, text) for name, text in texts.items()))
    terms = [(name, text) for name, texts_ in zip(texts, found, strict=True) for text in dict.fromkeys(texts_)]
    answer: Mapping[str, Any] = {}
    if terms:
        answer = (await cluster.search(bodies.statistics(terms))).body
    return Analysis(
        terms=tuple(_terms(terms, answer)),
        positive_text=query.positive,
        phrases=tuple(clause.text for clause in wanted if clause.phrase),
        excluded=tuple(clause.text for clause in query.clauses if clause.excluded),
    )


async def tokens(legs: Legs, field: str, text: str) -> list[str]:
    """What the field's analyzer of queries makes of a text: the index's own ``_analyze``."""
    shape = legs.cluster.shape
    wish = {"analyzer": shape.text[field], "text": text} if field in shape.text else {"field": field, "text": text}
    answer = await legs.cluster.call("POST", f"{legs.cluster.path}/_analyze", wish)
    return [str(token["token"]) for token in answer.get("tokens", ())]


def _terms(terms: Sequence[tuple[str, str]], answer: Mapping[str, Any]) -> list[QueryTerm]:
    buckets = (answer.get("aggregations") or {}).get("df", {}).get("buckets", {})
    suggested = answer.get("suggest") or {}
    known = {text for i, (_, text) in enumerate(terms) if buckets.get(str(i), {}).get("doc_count")}
    out = []
    for i, (field, text) in enumerate(terms):
        df = int(buckets.get(str(i), {}).get("doc_count", 0))
        documents = int(buckets.get(f"n/{field}", {}).get("doc_count", 0))
        close: tuple[str, ...] = ()
        if text not in known:
            options = [option["text"] for entry in suggested.get(str(i), ()) for option in entry.get("options", ())]
            close = tuple(dict.fromkeys(options))[:_CLOSE]
        out.append(QueryTerm(text, field, 1.0, df, answers.idf(documents, df), "", close))
    return out


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


async def highlights(legs: Legs, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
    """The spans of the document's fields that the engine marks for the leg's query, in reading order."""
    asked = await legs.asked(LegRequest("lexical", leg, query))
    if asked.body is None or "query" not in asked.body:
        return []
    names = asked.names or tuple(bodies.searched_fields(leg, legs.cluster.shape))
    body = {
        **bodies.by_ids([document.id], (), legs.id_field),
        "highlight": {
            "fields": {name: {} for name in names},
            "highlight_query": asked.body["query"],
            "number_of_fragments": 0,
            "pre_tags": [answers.OPEN],
            "post_tags": [answers.CLOSE],
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
