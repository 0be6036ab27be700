"""Elasticsearch: a sum of boosts, which needs no licence, and the retrievers ``linear`` and ``rrf``, which need
Enterprise; each with ``text_similarity_reranker`` around it where the settings rerank.

Sources: Elastic's reference of retrievers, kNN and rescoring, 8.19 and 9.2. ``linear`` does not divide its weights, so
ours go in divided; its ``minmax`` is our ``elasticsearch-min-max``, raw where all scores are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.export import clauses, obstacles, rerankers
from engine.export.base import Body, Boost, Form, Obstacle, Request, Wish
from engine.export.clauses import Dialect
from engine.export.scale import boosts, shares
from engine.fusion.blends import resolve
from engine.settings.schema import DenseLeg
from engine.stores.elastic.bodies import within

NAME, LABEL = "elasticsearch", "Elasticsearch"
ENTERPRISE = "an Enterprise licence or a trial"
RESCORER_SINCE = (8, 18)


def _knn(wish: Wish, name: str, leg: DenseLeg) -> dict[str, Any]:
    """What the kNN clause and retriever share."""
    restricted = clauses.restricted(wish)
    return {
        "field": wish.shape.vector_field(leg.field, name).name,
        "query_vector": wish.vector(leg),
        "k": leg.top_k,
        "num_candidates": min(max(leg.num_candidates or 2 * leg.top_k, leg.top_k), clauses.WINDOW),
        **({"similarity": leg.similarity_threshold} if leg.similarity_threshold else {}),
        **({"filter": {"bool": restricted}} if restricted else {}),
    }


def _nearest(wish: Wish, name: str, leg: DenseLeg, boost: Boost) -> Body:
    return {"knn": _knn(wish, name, leg) | ({} if boost == 1.0 else {"boost": boost})}


def _compare(wish: Wish, name: str, leg: DenseLeg, boost: Boost) -> Body:
    """0 below the leg's least cosine."""
    field = wish.shape.vector_field(leg.field, name).name
    source = f"(1.0 + cosineSimilarity(params.query, '{field}')) / 2.0"
    params: dict[str, Any] = {"query": wish.vector(leg)}
    if leg.similarity_threshold:
        source = f"double s = {source}; return s < params.least ? 0.0 : s"
        params["least"] = (1.0 + leg.similarity_threshold) / 2.0
    score = {"query": {"exists": {"field": field}}, "script": {"source": source, "params": params}}
    return {"script_score": score | ({} if boost == 1.0 else {"boost": boost})}


DIALECT = Dialect(NAME, (8, 15), _nearest, _compare)


def _child(wish: Wish, name: str) -> Body:
    """One leg as a retriever."""
    leg = wish.settings.legs[name]
    if isinstance(leg, DenseLeg) and not wish.compared(name, leg):
        return {"knn": _knn(wish, name, leg)}
    query = DIALECT.clause(wish, name)
    return {"standard": {"query": within(dict(query), clauses.restricted(wish))}}


# ---- the sum of boosts


def _sum_obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.legs(wish)
    yield from obstacles.not_a_sum(wish)
    yield from obstacles.distances(wish)
    yield from obstacles.negative_features(wish)
    yield from obstacles.threshold(wish)
    yield from obstacles.group(wish)
    yield from _rescorer(wish)
    yield from rerankers.elasticsearch(wish)


def _sum_body(wish: Wish) -> Body:
    query, rescore = clauses.summed(wish, DIALECT, boosts(wish, NAME))
    if not wish.settings.rerank.enabled:
        return {"query": query, **({"rescore": rescore} if rescore else {}), **_page(wish)}
    retriever: Body = {"standard": {"query": query}}
    if rescore:
        retriever = {"rescorer": {"retriever": retriever, "rescore": rescore}}
    return {"retriever": _reranked(wish, retriever), **_page(wish)}


def _sum_notes(wish: Wish) -> Iterator[str]:
    if any(wish.compared(name, leg) for name, leg in wish.active().items()) or (
        len(wish.active()) > 1 and any(isinstance(leg, DenseLeg) for leg in wish.active().values())
    ):
        yield "the vectors are compared by a Painless script, for documents that the kNN did not return as well"
    yield from clauses.unbounded(wish)
    yield from _notes(wish)


# ---- linear and rrf


def _linear_obstacles(wish: Wish) -> Iterator[Obstacle]:
    why = "it has minmax, l2_norm and none, over what each leg returned"
    yield from obstacles.legs(wish)
    yield from obstacles.distances(wish)
    yield from obstacles.fusion(wish, ("convex", "comb-sum"), "elasticsearch-min-max", why)
    yield from _retriever_obstacles(wish)


def _linear_body(wish: Wish) -> Body:
    share = shares(wish.settings)
    found = [{"retriever": _child(wish, name), "weight": share[name], "normalizer": "minmax"} for name in wish.active()]
    linear = {"linear": {"retrievers": found, "rank_window_size": obstacles.depth(wish)}}
    return {"retriever": _reranked(wish, linear), **_page(wish)}


def _rrf_obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.legs(wish)
    yield from obstacles.distances(wish, ranks=True)
    yield from obstacles.fusion(wish, ("rrf",), "", "")
    if wish.version is not None and wish.version < (9, 2):
        yield from obstacles.equal_weights(wish, "its rrf has no weights before 9.2")
    yield from _retriever_obstacles(wish)


def _rrf_body(wish: Wish) -> Body:
    weights = {name: wish.settings.weights[name] for name in wish.active()}
    equal = len(set(weights.values())) == 1
    found = [
        _child(wish, name) if equal else {"retriever": _child(wish, name), "weight": weight}
        for name, weight in weights.items()
    ]
    rrf = {
        "retrievers": found,
        "rank_constant": wish.settings.fusion.rank_constant,
        "rank_window_size": obstacles.depth(wish),
    }
    return {"retriever": _reranked(wish, {"rrf": rrf}), **_page(wish)}


def _rrf_notes(wish: Wish) -> Iterator[str]:
    if len({wish.settings.weights[name] for name in wish.active()}) > 1:
        yield "weights of rrf need Elasticsearch 9.2"
    yield from _notes(wish)


def _retriever_obstacles(wish: Wish) -> Iterator[Obstacle]:
    yield from obstacles.features(wish)
    yield from obstacles.window(wish)
    yield from obstacles.threshold(wish)
    yield from obstacles.group(wish)
    yield from rerankers.elasticsearch(wish)


# ---- reranking


def _reranked(wish: Wish, child: Body) -> Body:
    """The retriever with the settings' reranker around it: alone, or blended with what it reranks."""
    rerank, depth = wish.settings.rerank, _reranked_depth(wish)
    if not rerank.enabled:
        return child
    asked = {
        "retriever": child,
        "field": rerankers.fields_of(wish.settings)[-1],
        "inference_id": rerankers.inference_id(rerank),
        "inference_text": wish.query.positive,
        "rank_window_size": depth,
        **({"min_score": wish.settings.cut.threshold} if wish.settings.cut.threshold else {}),
    }
    scored = {"text_similarity_reranker": asked}
    match resolve(rerank.blend, rerank.provider):
        case "weighted":
            parts = [
                {"retriever": child, "weight": 1.0 - rerank.weight, "normalizer": "minmax"},
                {"retriever": scored, "weight": rerank.weight, "normalizer": "minmax"},
            ]
            return {"linear": {"retrievers": parts, "rank_window_size": depth}}
        case "rank-fusion":
            fused = {"retrievers": [child, scored], "rank_constant": rerank.rank_constant}
            return {"rrf": {**fused, "rank_window_size": depth}}
    return scored


def _reranked_depth(wish: Wish) -> int:
    """How many are reranked: no more than are found, as a rescorer below may not rescore fewer than are wanted."""
    return min(wish.settings.rerank.top_n, clauses.candidates(wish))


def _page(wish: Wish) -> dict[str, Any]:
    """The page, of what is reranked where a model reranks: the engine refuses to show more."""
    page = clauses.page(wish)
    if not wish.settings.rerank.enabled:
        return page
    left = max(_reranked_depth(wish) - wish.settings.cut.offset, 0)
    return {**page, "size": min(page["size"], left)}


def _rescorer(wish: Wish) -> Iterator[Obstacle]:
    """The retriever that completes a sum below a reranker came with 8.18."""
    old = wish.version is not None and wish.version < RESCORER_SINCE
    if wish.settings.rerank.enabled and old and clauses.summed(wish, DIALECT, dict.fromkeys(wish.active(), 1.0))[1]:
        yield Obstacle("rerank.enabled", "its retriever that completes the sum came with 8.18", False)


def _setup(wish: Wish) -> Sequence[Request]:
    rerank = wish.settings.rerank
    return [rerankers.endpoint(rerank)] if rerank.enabled and rerankers.needs_endpoint(rerank) else []


def _notes(wish: Wish) -> Iterator[str]:
    if wish.settings.rerank.enabled:
        yield f"text_similarity_reranker needs {ENTERPRISE}, and the inference endpoint that the setup makes"
        yield "documents beyond rerank.top_n are not in the answer"
    for name, leg in wish.active().items():
        if isinstance(leg, DenseLeg) and not wish.compared(name, leg) and leg.top_k > 100:
            yield f"the kNN of {name} is approximate: legs.{name}.exact = true compares every vector"


FORMS = (
    Form(
        "bool",
        "bool + knn boosts",
        "boosts added up, completed by a rescore; needs no licence",
        _sum_obstacles,
        _sum_body,
        (8, 15),
        setup=_setup,
        notes=_sum_notes,
    ),
    Form(
        "linear",
        "the linear retriever",
        "weighted sum of minmax scores",
        _linear_obstacles,
        _linear_body,
        (8, 18),
        needs=ENTERPRISE,
        setup=_setup,
        notes=_notes,
    ),
    Form(
        "rrf",
        "the rrf retriever",
        "reciprocal ranks",
        _rrf_obstacles,
        _rrf_body,
        (8, 16),
        least_legs=2,
        needs=ENTERPRISE,
        setup=_setup,
        notes=_rrf_notes,
    ),
)
