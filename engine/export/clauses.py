"""Pieces of request bodies, made of those that the stores themselves send, and what the two engines write differently.
Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.export.base import Body, Boost, Wish
from engine.settings.schema import DenseLeg, LexicalLeg, SparseLeg
from engine.stores.elastic import bodies
from engine.stores.elastic.detect import Engine

WINDOW = 10_000
"""Most documents that either engine rescores, and most ``k`` and ``num_candidates``."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the two engines write differently.

    oldest   the version that is meant where none is named
    nearest  (wish, leg's name, leg, boost) → the clause that finds the leg's vectors, approximately
    compare  the same, for the clause that scores every document that has a vector, (1 + cosine)/2
    """

    name: str
    oldest: tuple[int, int]
    nearest: Callable[[Wish, str, DenseLeg, Boost], Body]
    compare: Callable[[Wish, str, DenseLeg, Boost], Body]

    def clause(self, wish: Wish, name: str, boost: Boost = 1.0, *, every: bool = False) -> Body:
        """What finds and scores a leg's documents; ``every``: a dense leg's score of any document."""
        match leg := wish.settings.legs[name]:
            case LexicalLeg():
                return boosted(words(wish, name, leg), boost)
            case SparseLeg():
                return boosted(self._expand(wish, name, leg), boost)
            case DenseLeg():
                return (self.compare if every or wish.compared(name, leg) else self.nearest)(wish, name, leg, boost)

    def _expand(self, wish: Wish, name: str, leg: SparseLeg) -> Body:
        field = wish.shape.sparse_field(leg.field, name)
        engine = Engine(self.name, (*(wish.version or self.oldest), 0))
        type_ = wish.shape.sparse[field]
        inner = restricted(wish)
        among = {"bool": inner} if inner else None
        text = wish.query.positive
        return bodies.sparse_query(engine, field, type_, leg.inference_id, text, {}, k=leg.top_k, among=among)


def boosted(query: Body, boost: Boost) -> Body:
    """The query with its scores multiplied."""
    if boost == 1.0:
        return query
    inner = query.get("bool")
    own = inner if isinstance(inner, Mapping) and "boost" not in inner else {"must": [query]}
    return {"bool": {**own, "boost": boost}}


def words(wish: Wish, name: str, leg: LexicalLeg) -> Body:
    """A lexical leg as the store asks it: its fields' scores add up."""
    if own := wish.own_body(leg, name):
        filled: Body = bodies.filled(own["query"], wish.query.positive)
        return filled
    query: Body = unnamed(bodies.lexical_query(wish.query, leg, wish.shape, name))
    should = query.get("bool", {}).get("should", ())
    alone = len(should) == 1 and "filter" not in query["bool"]
    return should[0] if alone else query


def unnamed(body: Any) -> Any:
    """The body without the names that the store gives its clauses, and without boosts of 1."""
    if isinstance(body, Mapping):
        kept = {key: value for key, value in body.items() if key != "_name" and (key, value) != ("boost", 1.0)}
        return {key: unnamed(value) for key, value in kept.items()}
    return [unnamed(each) for each in body] if isinstance(body, list) else body


def restricted(wish: Wish) -> dict[str, Any]:
    """The settings' filter, and the query's phrases and exclusions, as parts of a ``bool``."""
    return bodies.restrictions(wish.query, wish.settings.filter, wish.shape)


def any_of(found: Sequence[Body]) -> Body:
    """The scores of clauses added up; one at least must match."""
    return found[0] if len(found) == 1 else {"bool": {"should": list(found)}}


def with_features(query: Body, wish: Wish) -> Body:
    """The query's score plus weight × scale × value of each feature, 0 for documents without the field."""
    added = [
        {
            "function_score": {
                "query": {"exists": {"field": name}},
                "field_value_factor": {"field": name, "factor": factor},
                "boost_mode": "replace",
            }
        }
        for name, factor in wish.features.items()
    ]
    return {"bool": {"must": [query], "should": added}} if added else query


def summed(wish: Wish, dialect: Dialect, boosts: Mapping[str, Boost]) -> tuple[Body, Body | None]:
    """(the query that adds up the legs, the rescore that completes it or None where nothing is missing).

    A kNN clause scores only what it found. The rescore puts in the place of those sums, for the first of them, the sum
    with the vector's score of every document, which is what completion does.
    """
    active = wish.active()

    def total(*, every: bool) -> Body:
        found = [dialect.clause(wish, name, boosts[name], every=every) for name in active]
        return with_features(bodies.within(dict(any_of(found)), restricted(wish)), wish)

    graphs = [name for name, leg in active.items() if isinstance(leg, DenseLeg) and not wish.compared(name, leg)]
    partial = bool(graphs) and len(active) > 1
    if not partial:
        return total(every=False), None
    rescore = {
        "window_size": candidates(wish),
        "query": {"rescore_query": total(every=True), "query_weight": 0, "rescore_query_weight": 1},
    }
    return total(every=False), rescore


def unbounded(wish: Wish) -> Iterator[str]:
    """What a sum of boosts does not leave out."""
    for name, leg in wish.active().items():
        if isinstance(leg, (LexicalLeg, SparseLeg)) and len(wish.active()) > 1:
            yield f"every document that {name} matches counts, not the first {leg.top_k:,} alone (legs.{name}.top_k)"


def candidates(wish: Wish) -> int:
    """The most documents that the legs find together."""
    return min(sum(leg.top_k for leg in wish.active().values()), WINDOW)


def page(wish: Wish) -> dict[str, Any]:
    """``size`` and ``from`` of the results that the settings show, without the vectors."""
    cut = wish.settings.cut
    hidden = [*wish.shape.vectors, *wish.shape.coded]
    source = {"_source": {"excludes": hidden}} if hidden else {}
    return {"size": cut.top_k, **({"from": cut.offset} if cut.offset else {}), **source}
