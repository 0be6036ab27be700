"""Search the space, and say what the search is worth.

The best of many trials looks better than it is. So the queries are divided into folds; for each, the whole search is
made on the others and what it finds is measured on the fold: every query is measured by settings that it had no say
in. Only if that beats the start by more than luck is there a gain, and then the centre of the plateau is taken, which
is no worse than the maximum as far as the queries can tell and does not sit on an edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.evaluation.metrics import Metric
from engine.evaluation.significance import bootstrap_interval, randomisation_test
from engine.evaluation.tuning.plateau import Plateau, centre, detectable, plateau, queries_needed
from engine.evaluation.tuning.searching import around, everywhere
from engine.evaluation.tuning.space import Choice, Space
from engine.evaluation.tuning.trials import Pools, Trials
from engine.records import BoolArray, FloatArray, IntArray
from engine.settings.schema import Settings

LEVEL = 0.05
_BATCH = 100
_FEW = 25
"""Below so many judged queries an estimate is called rough whatever its interval."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to tune. ``trials`` is about how many are made over the whole space; the search around the best comes on
    top. ``folds`` is cut down to the number of queries."""

    metric: Metric
    folds: int = 5
    trials: int = 2000
    seed: int = 1
    level: float = LEVEL


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over held-out queries with its 95 % bootstrap interval; ``scores`` float64[queries]."""

    scores: FloatArray

    @property
    def mean(self) -> float:
        return float(self.scores.mean())

    @property
    def interval(self) -> tuple[float, float]:
        return bootstrap_interval(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """How far a search is: trials made, about how many there will be, the best mean so far and its values; ``points``
    float64[T, D] and ``means`` float64[T] are the trials themselves, never written to again."""

    trials: int
    total: int
    best: float
    values: dict[str, Choice]
    points: FloatArray
    means: FloatArray


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search found. Trials are columns of ``trials``.

    start, best, centre    the settings as they were, the highest mean, the middle of the plateau
    members                bool[T], the plateau
    held_out               of ``start``, ``best`` and ``centre``: measured on queries that were not searched on
    gain                   held-out difference centre − start per query, float64[queries]; ``p`` of the paired
                           randomisation test
    detectable             the least gain that so many queries would have shown
    fold_values            what each fold's search found as its centre
    whole                  False where the search was ended early
    """

    plan: Plan
    trials: Trials
    start: int
    best: int
    centre: int
    members: BoolArray
    held_out: dict[str, Estimate]
    gain: FloatArray
    p: float
    detectable: float
    fold_values: tuple[dict[str, Choice], ...]
    whole: bool
    warnings: tuple[str, ...]

    @property
    def better(self) -> bool:
        """Whether held-out queries say that tuning helps."""
        return self.p < self.plan.level and float(self.gain.mean()) > 0

    @property
    def chosen(self) -> int:
        """The trial to keep: the plateau's centre, or the start where no gain could be shown."""
        return self.centre if self.better else self.start

    @property
    def settings(self) -> Settings:
        """The start with the chosen values; the start itself where no gain could be shown."""
        return self.trials.settings(self.centre) if self.better else self.trials.start

    @property
    def verdict(self) -> str:
        """One sentence."""
        mean, (low, high) = float(self.gain.mean()), bootstrap_interval(self.gain)
        told = f"{self.plan.metric} {mean:+.4f} on held-out queries (95 % {low:+.4f} to {high:+.4f}, p = {self.p:.3f})"
        return f"a gain: {told}" if self.better else f"no gain that could be told from luck: {told}"


def tune(
    pools: Pools,
    settings: Settings,
    space: Space,
    plan: Plan,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Tuning:
    """Search ``space`` from ``settings``. ``stop`` is asked between batches: what was found until then is judged.

    Raises ``SettingsError`` for choices that do not go together.
    """
    trials = Trials(space, settings, plan.metric, pools)
    start = space.point(settings)
    queries = trials.scores.shape[0]
    folds = _folds(queries, plan)
    search = _Search(trials, plan, len(folds), on_progress, stop)
    shared = search.everywhere(everywhere(space, start, plan.trials, plan.seed))
    every = np.ones(queries, dtype=bool)
    known = search.around(shared, every)
    held = {name: np.zeros(queries) for name in ("start", "best", "centre")}
    found = []
    for fold in folds:
        train = ~fold
        own = search.around(shared, train)
        _, best, middle = _settle(trials, own, train, plan.level)
        for name, trial in zip(held, (int(shared[0]), best, middle), strict=True):
            held[name][fold] = trials.scores[fold, trial]
        found.append(trials.values(middle))
    flat, best, middle = _settle(trials, known, every, plan.level)
    members = np.zeros(len(trials), dtype=bool)
    members[known[flat.members]] = True
    gain = held["centre"] - held["start"]
    least = detectable(gain, plan.level)
    return Tuning(
        plan=plan,
        trials=trials,
        start=int(shared[0]),
        best=best,
        centre=middle,
        members=members,
        held_out={name: Estimate(scores) for name, scores in held.items()},
        gain=gain,
        p=randomisation_test(gain),
        detectable=least,
        fold_values=tuple(found),
        whole=not search.stopped,
        warnings=_warnings(trials, gain, best, int(shared[0]), plan),
    )


class _Search:
    """The running search: counts, tells, and hears when to stop."""

    def __init__(
        self,
        trials: Trials,
        plan: Plan,
        folds: int,
        on_progress: Callable[[Progress], None] | None,
        stop: Callable[[], bool],
    ) -> None:
        self.trials, self.plan, self.on_progress, self.stop = trials, plan, on_progress, stop
        self.local = max(100, plan.trials // 10)
        self.total = plan.trials + self.local * (folds + 1)
        self.stopped = False

    def everywhere(self, points: FloatArray) -> IntArray:
        """The trials of these points, each once and the start first; at least one batch is always made."""
        made: list[IntArray] = []
        for start in range(0, len(points), _BATCH):
            made.append(self.trials.run(points[start : start + _BATCH]))
            if self._heard():
                break
        return np.array(list(dict.fromkeys(np.concatenate(made).tolist())), dtype=np.int64)

    def around(self, known: IntArray, queries: BoolArray) -> IntArray:
        """``known`` and the trials of a search around their best, as ``queries`` tell it."""
        made = [known]
        if not self.stopped:
            for tried in around(self.trials, known, queries, self.local):
                made.append(tried)
                if self._heard():
                    break
        return np.array(list(dict.fromkeys(np.concatenate(made).tolist())), dtype=np.int64)

    def _heard(self) -> bool:
        if self.on_progress:
            means = self.trials.scores.mean(axis=0)
            best = int(means.argmax())
            count = len(self.trials)
            values = self.trials.values(best)
            self.on_progress(
                Progress(count, max(self.total, count), float(means[best]), values, self.trials.points, means)
            )
        self.stopped = self.stopped or self.stop()
        return self.stopped


def _folds(queries: int, plan: Plan) -> list[BoolArray]:
    """The queries dealt out at random, bool[queries] each."""
    count = max(2, min(plan.folds, queries))
    dealt = np.random.default_rng(plan.seed).permutation(queries) % count
    return [dealt == fold for fold in range(count)]


def _settle(trials: Trials, known: IntArray, queries: BoolArray, level: float) -> tuple[Plateau, int, int]:
    """The plateau among ``known``, its maximum and its centre, as ``queries`` tell them."""
    scores = trials.scores[np.ix_(queries, known)]
    flat = plateau(scores, level)
    points = trials.points[known]
    choices = trials.space.choices
    alike = (points[:, choices] == points[flat.best, choices]).all(axis=1)
    middle = centre(trials.space.unit(points), scores.mean(axis=0), flat.members & alike, flat.best)
    return flat, int(known[flat.best]), int(known[middle])


def _warnings(trials: Trials, gain: FloatArray, best: int, start: int, plan: Plan) -> tuple[str, ...]:
    queries = len(gain)
    told = []
    seen = float(gain.mean())
    least = detectable(gain, plan.level)
    if queries < _FEW:
        told.append(f"{queries} judged queries are few: every number here is rough")
    if 0 < seen < least:
        needed = queries_needed(gain, seen, plan.level)
        told.append(
            f"too few judged queries to tell: {queries} show a gain of {least:.4f} or more, the one found is "
            f"{seen:.4f}; that would take about {needed}"
        )
    apparent = float((trials.scores[:, best] - trials.scores[:, start]).mean())
    if apparent > 0.005 and seen < apparent / 2:
        told.append(
            f"the best trial gains {apparent:.4f} on the queries it was chosen by, what is chosen so gains {seen:.4f} "
            "on others: the rest was luck"
        )
    return tuple(told)
