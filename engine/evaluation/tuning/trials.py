"""Trials on pools in memory: a settings' metric over the whole query set in a few milliseconds, thousands at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from engine.evaluation.judged import JudgedPool
from engine.evaluation.metrics import Metric
from engine.evaluation.orders import Sweep, orders
from engine.evaluation.tuning.space import Choice, Space
from engine.ranking import WeightGrid, Weighting
from engine.records import FloatArray, IntArray
from engine.settings.schema import Settings

WHOLE = 1000
"""Documents that count for a metric without a cut."""

_THREADS = 2

Columns = tuple[str, ...]

Pools = Callable[[Settings], Sequence[JudgedPool]]
"""The judged pools of the query set as these settings retrieve them; every call gives the same queries in one order."""


def swept(
    pools: Sequence[JudgedPool],
    weighting: Weighting,
    metric: Metric,
    sweeps: Mapping[Columns, tuple[IntArray, Sweep]],
    count: int,
) -> FloatArray:
    """The metric of ``count`` weightings over every pool, float64[queries, count].

    ``sweeps`` holds, for pools with these columns, which weightings rank them at all, and their sweep; the others score
    0. Pools are shared among two threads: the arrays are long enough for numpy to let go of the interpreter.
    """
    scores = np.zeros((len(pools), count))

    def one(line: FloatArray, judged: JudgedPool) -> None:
        some, sweep = sweeps[columns_of(judged)]
        if len(some) and len(judged.pool):
            rows = orders(judged.pool, judged.rerank, weighting, sweep, metric.k or min(WHOLE, len(judged.pool)))
            line[some] = metric.scores(judged.in_order(rows), judged.grades)

    with ThreadPoolExecutor(_THREADS) as executor:
        for done in [executor.submit(one, line, judged) for line, judged in zip(scores, pools, strict=True)]:
            done.result()
    return scores


def columns_of(judged: JudgedPool) -> Columns:
    """The legs and features that the pool has."""
    return (*judged.pool.leg_names, *judged.pool.feature_names)


def _unlike(pools: Sequence[JudgedPool]) -> Iterable[JudgedPool]:
    """One pool of each set of columns: a leg may have failed for some queries."""
    return {columns_of(each): each for each in pools}.values()


@dataclass(slots=True)
class Trials:
    """Every trial made, columnar: ``points`` float64[T, D], ``scores`` float64[queries, T]."""

    space: Space
    start: Settings
    metric: Metric
    pools: Pools
    points: FloatArray = field(init=False)
    scores: FloatArray = field(init=False)
    _index: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.points = np.zeros((0, len(self.space)))
        self.scores = np.zeros((len(self.pools(self.start)), 0))

    def __len__(self) -> int:
        return len(self.points)

    def run(self, points: FloatArray) -> IntArray:
        """The columns of these points, int64[len(points)]; those not tried before are tried now."""
        points = self.space.settled(points)
        keys = [point.tobytes() for point in points]
        new = list(dict.fromkeys(place for place, key in enumerate(keys) if key not in self._index))
        fresh = {keys[place]: place for place in reversed(new)}
        if fresh:
            some = points[list(fresh.values())]
            scores = self._measure(some)
            self._index.update((key, len(self.points) + place) for place, key in enumerate(fresh))
            self.points = np.vstack([self.points, some])
            self.scores = np.hstack([self.scores, scores])
        return np.array([self._index[key] for key in keys], dtype=np.int64)

    def values(self, trial: int) -> dict[str, Choice]:
        """Dotted name → value of one trial."""
        return self.space.values(self.points[trial])

    def settings(self, trial: int) -> Settings:
        """The start with one trial's values."""
        return self.space.apply(self.start, self.points[trial])

    def _measure(self, points: FloatArray) -> FloatArray:
        """float64[queries, len(points)], one sweep for all points with the same choices."""
        scores = np.zeros((self.scores.shape[0], len(points)))
        for group in self._groups(points):
            settings = self.space.apply(self.start, points[group[0]])
            weighting = replace(Weighting.of(settings), offset=0)
            pools = self.pools(settings)
            sweeps = {columns_of(each): self._sweep(each, weighting, points[group]) for each in _unlike(pools)}
            scores[:, group] = swept(pools, weighting, self.metric, sweeps, len(group))
        return scores

    def _groups(self, points: FloatArray) -> Iterator[IntArray]:
        columns = self.space.choices
        if not len(columns):
            yield np.arange(len(points))
            return
        _, group = np.unique(points[:, columns], axis=0, return_inverse=True)
        for each in range(int(group.max()) + 1):
            yield np.flatnonzero(group.ravel() == each)

    def _sweep(self, judged: JudgedPool, weighting: Weighting, points: FloatArray) -> tuple[IntArray, Sweep]:
        """The points that rank this query's pool at all, and their sweep over it."""
        at = {each.path: column for column, each in enumerate(self.space.dimensions) if each.is_linear}

        def column(path: str, otherwise: float) -> FloatArray:
            return points[:, at[path]] if path in at else np.full(len(points), otherwise)

        legs = [column(f"weights.{name}", weighting.weights.get(name, 0.0)) for name in judged.pool.leg_names]
        weights = np.column_stack(legs) if legs else np.zeros((len(points), 0))
        some = np.flatnonzero((weights > 0).any(axis=1))
        factors, features = None, weighting.features
        if any(path.startswith("features.") for path in at):
            columns = [
                features[name].scale * column(f"features.{name}.weight", features[name].weight)
                for name in judged.pool.feature_names
            ]
            factors = np.column_stack(columns)[some] if columns else None
        shares = column("rerank.weight", weighting.blend_weight)[some] if "rerank.weight" in at else None
        return some, Sweep(WeightGrid.of(weights[some], factors), shares)
