"""OpenSearch: the ``hybrid`` query with a normalization or a rank-fusion processor, and a sum of boosts.

Sources: OpenSearch's documentation of search pipelines and hybrid search; 2.19.1 as it answers. Its ``min_max`` has a
floor of 0.001 and is our ``opensearch-min-max``; weights must add up to 1; rank fusion takes weights from 3.1; 2.19
takes its constant in ``parameters`` alone; the processors work on the first ``pagination_depth`` of each leg.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.export import clauses, obstacles, rerankers
from engine.export.base import Body, Boost, Form, Obstacle, Variable, Version, Wish
from engine.export.clauses import Dialect
from engine.export.scale import boosts, shares
from engine.settings.schema import DenseLeg
from engine.stores.elastic.bodies import within

NAME, LABEL = "opensearch", "OpenSearch"
MODEL_ID = Variable("RERANK_MODEL_ID")


def _nearest(wish: Wish, name: str, leg: DenseLeg, boost: Boost) -> Body:
    restricted = clauses.restricted(wish)
    asked: dict[str, Any] = {"vector": wish.vector(leg), "k": leg.top_k}
    if restricted:
        asked["filter"] = {"bool": restricted}
    return {"knn": {wish.shape.vector_field(leg.field, name).name: asked | ({} if boost == 1.0 else {"boost": boost})}}


def _compare(wish: Wish, name: str, leg: DenseLeg, boost: Boost) -> Body:
    """By the k-NN plugin's own script."""
    field = wish.shape.vector_field(leg.field, name).name
    params = {"field": field, "query_value": wish.vector(leg), "space_type": "cosinesimil"}
    script = {"lang": "knn", "source": "knn_score", "params": params}
    score = {"query": {"exists": {"field": field}}, "script": script}
    return {"script_score": score | ({} if boost == 1.0 else {"boost": boost})}


DIALECT = Dialect(NAME, (2, 19), _nearest, _compare)


# ---- the sum of boosts


def _sum_obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.legs(wish)
    yield from obstacles.not_a_sum(wish)
    yield from obstacles.distances(wish)
    yield from obstacles.negative_features(wish)
    yield from _obstacles(wish)


def _sum_body(wish: Wish) -> Body:
    query, rescore = clauses.summed(wish, DIALECT, boosts(wish, NAME))
    body = {"query": query, **({"rescore": rescore} if rescore else {})}
    processors = _response(wish)
    return {**body, **_page(wish), **({"search_pipeline": processors} if processors else {})}


def _before(wish: Wish, version: Version) -> bool:
    """Whether the engine is older; where none is named 2.19 is meant."""
    return (wish.version or DIALECT.oldest) < version


# ---- hybrid


def _hybrid_obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.legs(wish)
    why = "its processor has min_max and l2 (z_score from 3.0), over what each leg returned"
    yield from obstacles.distances(wish)
    yield from obstacles.fusion(wish, ("convex", "comb-sum"), "opensearch-min-max", why)
    yield from obstacles.features(wish)
    yield from obstacles.window(wish)
    yield from _obstacles(wish)


def _hybrid_body(wish: Wish) -> Body:
    share = shares(wish.settings)
    total = sum(share.values())
    weights = [share[name] / total for name in wish.active()]
    combination = {"technique": "arithmetic_mean", "parameters": {"weights": weights}}
    return _hybrid(
        wish, "normalization-processor", {"normalization": {"technique": "min_max"}, "combination": combination}
    )


def _rrf_obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.legs(wish)
    yield from obstacles.distances(wish, ranks=True)
    yield from obstacles.fusion(wish, ("rrf",), "", "")
    if _before(wish, (3, 1)):
        yield from obstacles.equal_weights(wish, "its rank fusion has no weights before 3.1")
    yield from obstacles.features(wish)
    yield from obstacles.window(wish)
    yield from _obstacles(wish)


def _rrf_body(wish: Wish) -> Body:
    weights = [wish.settings.weights[name] for name in wish.active()]
    constant = wish.settings.fusion.rank_constant
    how: dict[str, Any] = {"technique": "rrf", "rank_constant": constant}
    if _before(wish, (3, 0)):
        how["parameters"] = {"rank_constant": constant}  # 2.19 reads this one, and ignores the other without a word
    elif len(set(weights)) > 1:
        how["parameters"] = {"weights": [weight / sum(weights) for weight in weights]}
    return _hybrid(wish, "score-ranker-processor", {"combination": how})


def _hybrid(wish: Wish, processor: str, how: Body) -> Body:
    restricted = clauses.restricted(wish)
    queries = [within(dict(DIALECT.clause(wish, name)), restricted) for name in wish.active()]
    pipeline = {"phase_results_processors": [{processor: how}], **_response(wish)}
    hybrid = {"queries": queries, "pagination_depth": obstacles.depth(wish)}
    return {"query": {"hybrid": hybrid}, **_page(wish), "search_pipeline": pipeline}


# ---- reranking, and what all forms share


def _obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.similarity(wish)
    yield from obstacles.threshold(wish)
    yield from obstacles.group(wish)
    yield from rerankers.opensearch(wish)


def _response(wish: Wish) -> dict[str, Any]:
    """The processors of the answer: the reranker's, or none."""
    rerank = wish.settings.rerank
    if not rerank.enabled:
        return {}
    fields = rerankers.fields_of(wish.settings)
    asked = {"ml_opensearch": {"model_id": MODEL_ID}, "context": {"document_fields": fields}}
    return {"response_processors": [{"rerank": asked}]}


def _page(wish: Wish) -> dict[str, Any]:
    """As the settings show it; with a reranker all that it is to rerank, and the query that it sees."""
    page = clauses.page(wish)
    rerank = wish.settings.rerank
    if not rerank.enabled:
        return page
    context = {"query_context": {"query_text": wish.query.positive}}
    return {**page, "size": rerank.top_n, "ext": {"rerank": context}}


def _notes(wish: Wish) -> Iterator[str]:
    if wish.settings.rerank.enabled:
        yield f"${MODEL_ID} is the id of the reranker in ML Commons, which must be deployed there"
        yield "size is rerank.top_n, because what is returned is what is reranked: the first cut.top_k count"
    if any(isinstance(leg, DenseLeg) for leg in wish.active().values()):
        yield "the vector field names its engine in the mapping (lucene or faiss) and has space_type cosinesimil"


def _sum_notes(wish: Wish) -> Iterator[str]:
    yield from clauses.unbounded(wish)
    yield from _notes(wish)


def _rrf_notes(wish: Wish) -> Iterator[str]:
    if wish.version is None:
        yield "written for OpenSearch 2.19; later ones want --for-version, since rank_constant has moved"
    yield from _hybrid_notes(wish)


def _hybrid_notes(wish: Wish) -> Iterator[str]:
    yield "the pipeline is part of the body; PUT /_search/pipeline/NAME stores it, ?search_pipeline=NAME uses it"
    yield "on several shards the processor normalises over all of them, each leg to pagination_depth per shard"
    yield from _notes(wish)


FORMS = (
    Form(
        "bool",
        "bool + knn boosts",
        "boosts added up, completed by a rescore",
        _sum_obstacles,
        _sum_body,
        (2, 9),
        notes=_sum_notes,
    ),
    Form(
        "hybrid",
        "the normalization processor",
        "a hybrid query, min_max, weighted arithmetic mean",
        _hybrid_obstacles,
        _hybrid_body,
        (2, 19),
        needs="the neural-search plugin",
        notes=_hybrid_notes,
    ),
    Form(
        "rrf",
        "the score ranker",
        "a hybrid query, reciprocal ranks",
        _rrf_obstacles,
        _rrf_body,
        (2, 19),
        needs="the neural-search plugin",
        notes=_rrf_notes,
    ),
)
