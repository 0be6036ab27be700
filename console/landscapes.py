"""What the strips under the weights are computed from, and when they hold no more. Knows no screen.

A strip is the metric along one weight, everything else held: it stays true while that weight moves, and is stale as
soon as another knob, the candidates or the judgments change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from engine.evaluation import metrics
from engine.evaluation.judged import JudgedPool, judge
from engine.evaluation.landscape import Landscape, landscape
from engine.evaluation.lines import FEATURE, Axis, axes
from engine.evaluation.orders import reranked
from engine.ranking import Weighting
from engine.rerankers.ledger import TERM

if TYPE_CHECKING:
    from console.query_set import QuerySet
    from console.session import Session

Pools = Callable[[], Sequence[JudgedPool]]


class Source(Protocol):
    """The queries that a landscape is made of."""

    @property
    def name(self) -> str: ...

    def key(self, session: Session) -> object:
        """What the pools depend on, to be compared, found within a frame; None where there are none."""

    def pools(self, session: Session) -> Pools:
        """What makes the pools, to be called off the loop."""


class ThisQuery:
    """The present query alone."""

    name = "this query"

    def key(self, session: Session) -> object:
        trace = session.trace
        if trace is None or not len(trace.ranking.order):
            return None
        return id(trace.pool), trace.rerank.raw.tobytes(), tuple(sorted(session.grades.items()))

    def pools(self, session: Session) -> Pools:
        trace, grades = session.trace, session.grades
        assert trace is not None
        return lambda: (judge(session.query, trace.pool, trace.rerank, grades),)


class WholeSet:
    """Every judged query of the set, once all of them are searched."""

    name = "the query set"

    def __init__(self, queries: QuerySet) -> None:
        self.queries = queries
        self._known: tuple[object, ...] = ()
        self._key: object = None

    def key(self, session: Session) -> object:
        settings = session.settings
        known = (settings.legs, settings.features, settings.filter, settings.rerank, self.queries.judgments.version)
        if known != self._known:
            searched = self.queries.searched(settings)
            rerank = settings.rerank
            made_by = (rerank.enabled, rerank.provider, rerank.model, rerank.vector_weight)
            self._known, self._key = known, searched and (*known[:3], made_by, known[-1])
        return self._key

    def pools(self, session: Session) -> Pools:
        """Ranks each search anew: comparing them left it ranked otherwise."""
        settings, grades = session.settings, self.queries.judgments.of_id
        searched = self.queries.searched(settings) or []

        def made() -> list[JudgedPool]:
            traces = [(item.id, search.turn(settings)) for item, search in searched]
            return [judge(i, trace.pool, trace.rerank, grades(i)) for i, trace in traces]

        return made


@dataclass(frozen=True, slots=True)
class Charted:
    """A landscape with what it was made of."""

    landscape: Landscape
    of: object
    source: str
    metric: str


@dataclass(frozen=True, slots=True)
class Order:
    """One request for every strip; ``make`` runs anywhere. ``of`` is what the strips are made of, by path."""

    of: Mapping[str, object]
    source: str
    metric: str
    weighting: Weighting

    def make(self, made: Pools, stop: Callable[[], bool] = lambda: False) -> dict[str, Charted]:
        """Path → the weight's landscape. ``stop`` is asked between weights."""
        pools, metric = made(), metrics.parse(self.metric)
        charts: dict[str, Charted] = {}
        for path, of in self.of.items():
            if stop():
                break
            charts[path] = Charted(landscape(pools, self.weighting, path, metric), of, self.source, self.metric)
        return charts


def order_of(session: Session, source: Source) -> Order | None:
    """What would have to be made for the session as it stands; None where there is nothing to chart."""
    key, trace = source.key(session), session.trace
    if key is None or trace is None:
        return None
    weighting, rerank = Weighting.of(session.settings), session.settings.rerank
    inside = rerank.enabled and rerank.provider == TERM  # its scores have the features in them
    of = {
        path: (key, session.metric, _held(weighting, axis))
        for path, axis in axes(trace.pool, weighting, blended=reranked(trace.rerank, weighting)).items()
        if not (inside and axis.kind == FEATURE)
    }
    return Order(of, source.name, session.metric, weighting)


def _held(weighting: Weighting, axis: Axis) -> Weighting:
    """Everything of the weighting but this weight, and but what cuts the finished list."""
    return replace(axis.at(weighting, 1.0), offset=0, top_k=0)
