"""Request bodies of the legs and of what is asked besides. Pure: settings, query and mapping in, JSON out.

A lexical leg is a ``bool`` of one ``match`` per field, each named, so that the fields' scores add up and come back
apart. Phrases, exclusions, ``field:`` clauses and filters restrict every leg, as on the embedded store:

- a phrase holds where some text field (or the named one) has it;
- ``-word`` removes documents in which some text field (or the named one) has all its terms;
- ``field:word`` requires all terms in that text field, or that value in that stored field.

Words that analysis removes restrict nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.analysis.query import Clause, Query
from engine.errors import SettingsError
from engine.records import FieldValue
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import Filter
from engine.stores.elastic.detect import Engine
from engine.stores.elastic.fields import exact_field, searched_fields
from engine.stores.elastic.mapping import FLAT_OBJECT, ORDER, SEMANTIC, IndexShape, VectorField
from engine.stores.embedded.matching import required_matches

Json = dict[str, Any]

MOST = 10_000
"""Documents that one search gives, as the engines are set up."""

KEPT = ("query", "knn", "retriever", "rescore", "min_score", "runtime_mappings", "indices_boost", "ext")
"""What of a user's own body belongs to finding; size, source and the like are ours."""


# --- the legs' queries ----------------------------------------------------------------------------------------------


def lexical_query(query: Query, leg: LexicalLeg, shape: IndexShape, name: str = "lexical") -> Json:
    """The leg's own query without what restricts every leg; matches nothing where nothing of the text is wanted."""
    fields = searched_fields(leg, shape, name)
    wanted = [clause for clause in query.clauses if not clause.excluded]
    should = []
    for field, boost in fields.items():
        text = " ".join(clause.text for clause in wanted if clause.field in ("", field))
        if text.strip():
            should.append({"match": {field: {"query": text, "boost": boost, "_name": field}}})
    if not should:
        return {"match_none": {}}
    body: Json = {"bool": {"should": should, "minimum_should_match": 1}}
    if needed := _enough_terms(wanted, leg, list(fields)):
        body["bool"]["filter"] = [needed]
    return body


def _enough_terms(wanted: Sequence[Clause], leg: LexicalLeg, fields: list[str]) -> Json | None:
    """``minimum_should_match`` over words, whichever field has them; None where one word is enough."""
    words = [word for clause in wanted if not (clause.phrase or clause.field) for word in clause.text.split()]
    distinct = list({word.casefold(): word for word in words}.values())
    if max(required_matches(leg.minimum_should_match, count) for count in range(1, len(distinct) + 1 or 2)) <= 1:
        return None
    return {
        "multi_match": {
            "query": " ".join(distinct),
            "fields": fields,
            "type": "cross_fields",
            "minimum_should_match": leg.minimum_should_match,
            "zero_terms_query": "all",
        }
    }


def filled(template: Any, text: str) -> Any:
    """The user's own body with ``{{query}}`` replaced in every text of it."""
    if isinstance(template, str):
        return template.replace("{{query}}", text)
    if isinstance(template, Mapping):
        return {key: filled(value, text) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, text) for value in template]
    return template


def names_in(body: Any) -> tuple[str, ...]:
    """The names (``_name``) that a body gives its clauses, in order."""
    if isinstance(body, Mapping):
        own = (body["_name"],) if isinstance(body.get("_name"), str) else ()
        return tuple(dict.fromkeys((*own, *(name for value in body.values() for name in names_in(value)))))
    if isinstance(body, list):
        return tuple(dict.fromkeys(name for value in body for name in names_in(value)))
    return ()


def sparse_query(
    engine: Engine,
    field: str,
    type_: str,
    inference_id: str,
    text: str,
    tokens: Mapping[str, float],
    *,
    k: int,
    among: Json | None = None,
) -> Json:
    """The query of a sparse leg: expanded by the engine's ``inference_id``, else made of these tokens. ``type_`` is the
    field's, '' for whatever the engine has.

    OpenSearch (from 3.3) searches a ``sparse_vector`` approximately, for the best ``k`` among what a query admits: of
    fewer than k it compares all (its documentation of neural sparse ANN search).
    """
    if engine.has_sparse_vector and type_ != "rank_features":
        own: Json = {"inference_id": inference_id, "query": text} if inference_id else {"query_vector": dict(tokens)}
        return {"sparse_vector": {"field": field, **own}}
    if engine.is_opensearch:
        own = {"query_text": text, "model_id": inference_id} if inference_id else {"query_tokens": dict(tokens)}
        if type_ == "sparse_vector":
            own["method_parameters"] = {"k": k, **({"filter": among} if among else {})}
        return {"neural_sparse": {field: own}}
    if inference_id:
        return {"text_expansion": {field: {"model_id": inference_id, "model_text": text}}}
    if type_ != "rank_features":
        terms = [{"term": {field: {"value": token, "boost": weight}}} for token, weight in tokens.items()]
        return {"bool": {"should": terms}}
    features = [
        {"rank_feature": {"field": f"{field}.{token}", "boost": weight, "linear": {}}}
        for token, weight in tokens.items()
    ]
    return {"bool": {"should": features}}


# --- what restricts every leg ---------------------------------------------------------------------------------------


def restrictions(query: Query, filters: Filter, shape: IndexShape) -> Json:
    """The ``filter`` and ``must_not`` of a ``bool``; empty where nothing restricts. Raises ``SettingsError``."""
    must: list[Json] = [holds(name, value, shape) for name, value in filters.items()]
    must_not: list[Json] = []
    for clause in query.clauses:
        if clause.excluded:
            must_not.append(_clause(clause, shape, "none"))
        elif clause.phrase or clause.field:
            must.append(_clause(clause, shape, "all"))
    return {**({"filter": must} if must else {}), **({"must_not": must_not} if must_not else {})}


def holds(name: str, value: FieldValue, shape: IndexShape) -> Json:
    """The field has the value, or one of the list; None stands for documents without any."""
    field = exact_field(name, shape, f"filter.{name}")
    values = value if isinstance(value, list) else [value]
    if None in values and shape.flattened(field) == FLAT_OBJECT and "." in field:
        raise _blind(name, f"filter.{name}", "does not tell which documents lack a key")
    should = [{"bool": {"must_not": {"exists": {"field": field}}}} for one in values if one is None]
    given = [_typed(name, one, shape) for one in values if one is not None]
    terms: Json = {"terms": {field: given}}
    if not should:
        return terms
    return {"bool": {"should": [*should, terms]}} if given else should[0]


def _blind(name: str, path: str, what: str) -> SettingsError:
    """The error of what OpenSearch answers with nothing where it should refuse."""
    return SettingsError(
        f"{name!r} is in a field of type {FLAT_OBJECT}, of which the engine {what}",
        path=path,
        hint="filter by values of it; the rest needs a field of its own type",
    )


def _typed(name: str, value: FieldValue, shape: IndexShape) -> Any:
    if shape.aliases.get(name, name) not in shape.numbers or isinstance(value, (int, float)):
        return value
    try:
        text = str(value)
        return int(text) if text.lstrip("+-").isdigit() else float(text)  # a long has more digits than a float
    except ValueError:
        raise SettingsError(f"{name!r} holds numbers, not {value!r}", path=f"filter.{name}") from None


def _clause(clause: Clause, shape: IndexShape, zero: str) -> Json:
    if clause.field and clause.field not in shape.text:
        return holds(clause.field, clause.text, shape)
    kind = "phrase" if clause.phrase else "best_fields"
    body = {"query": clause.text, "type": kind, "zero_terms_query": zero}
    if not clause.phrase:
        body["operator"] = "and"
    return {"multi_match": {**body, "fields": [clause.field] if clause.field else list(shape.text)}}


def within(query: Json, restricted: Json) -> Json:
    """The query among the documents that are admitted."""
    return {"bool": {"must": [query], **restricted}} if restricted else query


# --- whole requests -------------------------------------------------------------------------------------------------


def ranked(query: Json, size: int, shape: IndexShape, id_field: str = "") -> Json:
    """A search for the best documents: scores alone, equal ones in the index's own order where it has one."""
    return {
        "query": query,
        "size": min(size, MOST),
        "track_total_hits": True,
        **order_of(shape),
        **_bare(id_field),
    }


def order_of(shape: IndexShape) -> Json:
    """The sort keys: score, then ``order`` where it is ours."""
    if not shape.ordered:
        return {}
    return {"sort": [{"_score": "desc"}, {ORDER: {"order": "asc", "missing": "_last"}}], "track_scores": True}


def _bare(id_field: str) -> Json:
    return {"_source": False, **({"docvalue_fields": [id_field]} if id_field else {})}


def knn(
    field: VectorField,
    leg: DenseLeg,
    vector: Sequence[float],
    k: int,
    restricted: Json,
    shape: IndexShape,
    engine: Engine,
    *,
    id_field: str = "",
    candidates: int = 0,
) -> Json:
    """A search for the k nearest vectors, exact where the leg asks for it or the field cannot otherwise."""
    k = min(k, MOST)
    if (leg.exact and not field.exact) or not field.indexed:
        return ranked(exact_knn(field, vector, restricted, engine), k, shape, id_field)
    # Elasticsearch 9 fills up a filtered search with documents that have no vector
    near: Json = {"k": k, **({"filter": {"bool": _with_vector(restricted, field)}} if restricted else {})}
    if not engine.has_knn_section:
        query: Json = {"knn": {field.name: {"vector": list(vector), **near}}}
        return ranked(query, k, shape, id_field)
    wanted = max(k, candidates or leg.num_candidates or 2 * k)
    own = {"field": field.name, "query_vector": list(vector), "num_candidates": min(wanted, MOST), **near}
    body = ranked({}, k, shape, id_field)
    del body["query"]
    return {**body, "knn": own}


def exact_knn(field: VectorField, vector: Sequence[float], restricted: Json, engine: Engine) -> Json:
    """The query that compares every vector by a script; a cosine c comes as (1 + c)/2 on OpenSearch, else as 1 + c."""
    among = {"bool": _with_vector(restricted, field)}
    if engine.is_opensearch:
        script: Json = {
            "lang": "knn",
            "source": "knn_score",
            "params": {"field": field.name, "query_value": list(vector), "space_type": field.similarity},
        }
    else:
        source = f"cosineSimilarity(params.v, '{field.name}') + 1.0"
        if not field.is_cosine:
            source = f"1 / (1 + Math.pow(l2norm(params.v, '{field.name}'), 2))"
            if field.similarity == "max_inner_product":
                dot = f"dotProduct(params.v, '{field.name}')"
                source = f"double d = {dot}; return d < 0 ? 1 / (1 - d) : d + 1;"
        script = {"source": source, "params": {"v": list(vector)}}
    return {"script_score": {"query": among, "script": script}}


def alone(body: Json, name: str) -> Json:
    """The same search among the documents without a value of that field."""
    lacking = {"bool": {"must_not": {"exists": {"field": name}}}}
    if "knn" in body:
        near = body["knn"]
        among = [one for one in (near.get("filter"), lacking) if one]
        return {**body, "knn": {**near, "filter": {"bool": {"filter": among}}}}
    return {**body, "query": {"bool": {"must": [body["query"]], "filter": [lacking]}}}


def _with_vector(restricted: Json, field: VectorField) -> Json:
    return {**restricted, "filter": [*restricted.get("filter", ()), {"exists": {"field": field.name}}]}


def of_ids(ids: Sequence[str], id_field: str = "") -> Json:
    """The query for documents by their ids."""
    if id_field:
        return {"terms": {id_field: list(ids)}}
    return {"ids": {"values": list(ids)}}


def completed(query: Json, ids: Sequence[str], id_field: str = "") -> Json:
    """A search for what ``query`` gives each of these documents, 0 where it does not match."""
    only = {"bool": {"filter": [of_ids(ids, id_field)], "should": [query]}}
    return {"query": only, "size": len(ids), "track_total_hits": False, **_bare(id_field)}


def by_ids(ids: Sequence[str], fields: Sequence[str] = (), id_field: str = "") -> Json:
    """A search for values of stored fields: of ``fields``."""
    bare = _bare(id_field)
    return {
        "query": {"bool": {"filter": [of_ids(ids, id_field)]}},
        "size": len(ids),
        "track_total_hits": False,
        **bare,
        "fields": list(fields),
    }


def stored(ids: Sequence[str], shape: IndexShape, wanted: Sequence[str], id_field: str = "") -> Json:
    """A search for the documents themselves, without vectors and our ``order``, or the fields in ``wanted``."""
    leave_out = [*shape.vectors, *shape.coded, *shape.sparse, *([ORDER] if shape.ordered else [])]
    # Elasticsearch before 8.18 keeps the passages and their vectors beside such a text
    leave_out += [f"{name}.inference" for name, kind in shape.others.items() if kind == SEMANTIC]
    source: Json = {"includes": list(wanted)} if wanted else {"excludes": leave_out}
    return {**by_ids(ids, (), id_field), "_source": source}


def statistics(terms: Sequence[tuple[str, str]]) -> Json:
    """A request for the documents that hold each (field, term), and for those that have each field."""
    filters: Json = {f"{i}": {"term": {field: text}} for i, (field, text) in enumerate(terms)}
    filters |= {f"n/{field}": {"exists": {"field": field}} for field in dict.fromkeys(field for field, _ in terms)}
    return {"size": 0, "track_total_hits": False, "aggs": {"df": {"filters": {"filters": filters}}}}


def suggested(terms: Sequence[tuple[str, str]], size: int) -> Json:
    """A request for terms of the index close to each (field, term)."""
    wish = {
        f"{i}": {"text": text, "term": {"field": field, "suggest_mode": "missing", "size": size}}
        for i, (field, text) in enumerate(terms)
    }
    return {"size": 0, "track_total_hits": False, "suggest": wish}


def counted(query: Json, fields: Sequence[str], size: int, shape: IndexShape) -> Json:
    """A request for the counts of each field's values among what the query matches."""
    exact = {name: exact_field(name, shape, "facets") for name in fields}
    for name, field in exact.items():
        if shape.flattened(field) == FLAT_OBJECT:
            raise _blind(name, "facets", "counts no values")
    aggs = {name: {"terms": {"field": field, "size": size}} for name, field in exact.items()}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggs}
