"""A tuning on the screen: what can be tuned, how far it is, and what came of it, as records and short texts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from console.numbers import score
from engine.errors import RankscopeError, UsageError
from engine.evaluation import metrics
from engine.evaluation.dataset import DataSet
from engine.evaluation.tuning.space import NAMES, Choice, Dimension, Space, space_of
from engine.evaluation.tuning.tuner import Plan, Progress, Tuning
from engine.records import BoolArray, FloatArray
from engine.rerankers.ledger import TERM
from engine.settings.schema import Settings

if TYPE_CHECKING:
    from console.judging import Judgments

T = TypeVar("T")
FOLDS = (2, 3, 5, 10)
TRIALS = (500, 2000, 5000, 20000)
START, BEST, CENTRE = "○", "▲", "◆"
"""Marks of the three settings, in the table and on the axes."""

_CHOSEN = {"start": f"{START} as it was", "best": f"{BEST} best trial", "centre": f"{CENTRE} plateau’s centre"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be tuned and how; ``over`` are names of ``space.NAMES``."""

    over: tuple[str, ...]
    metric: str
    folds: int = 5
    trials: int = 2000

    def toggled(self, name: str) -> Wish:
        wanted = {*self.over} ^ {name}
        return replace(self, over=tuple(each for each in NAMES if each in wanted))

    def stepped(self, name: str, by: int, metric_names: Sequence[str]) -> Wish:
        """The next or the previous metric, number of folds or number of trials."""
        match name:
            case "metric":
                return replace(self, metric=_next(metric_names, self.metric, by))
            case "folds":
                return replace(self, folds=_next(FOLDS, self.folds, by))
        return replace(self, trials=_next(TRIALS, self.trials, by))

    def space(self, settings: Settings) -> Space:
        """Raises ``UsageError`` where nothing is chosen."""
        if not self.over:
            raise UsageError("nothing is chosen to tune", hint="space chooses")
        return space_of(settings, self.over)

    @property
    def plan(self) -> Plan:
        return Plan(metrics.parse(self.metric), self.folds, self.trials)


def _next(choices: Sequence[T], now: T, by: int) -> T:
    return choices[(choices.index(now) + by) % len(choices)] if now in choices else choices[0]


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that can be tuned. ``reason`` is why it cannot be, '' where it can."""

    name: str
    title: str
    paths: tuple[str, ...] = ()
    reason: str = ""


def offers(settings: Settings, live: frozenset[str]) -> tuple[Offer, ...]:
    """Everything in ``NAMES``, against these settings; ``live`` are the store's knobs that need no new index."""
    return tuple(_offer(settings, live, name, title) for name, title in NAMES.items())


def _offer(settings: Settings, live: frozenset[str], name: str, title: str) -> Offer:
    if name in ("k1", "b") and name not in live:
        return Offer(name, title, reason="fixed when the index is built")
    if name in ("blend", "top_n") and not settings.rerank.enabled:
        return Offer(name, title, reason="the reranker is off")
    try:
        found = space_of(settings, [name]).dimensions
    except RankscopeError as error:
        return Offer(name, title, reason=_reason(name, error.message))
    if all(len(each.choices) == 1 for each in found):
        return Offer(name, title, reason="there is one choice only")
    return Offer(name, title, tuple(each.path for each in found))


def _reason(name: str, message: str) -> str:
    return "there is none" if message == "there is nothing to tune" else message.split(": ", 1)[-1]


def data_set(judgments: Judgments) -> DataSet:
    """The judged queries. Raises ``SourceError`` where no query has a grade above 0."""
    qrels = {item.id: judgments.of_id(item.id) for item in judgments.queries if judgments.of_id(item.id)}
    return DataSet.of(judgments.name, judgments.folder, judgments.queries, qrels)


def cost(settings: Settings, queries: int) -> tuple[str, bool]:
    """What gathering asks for, and whether it may cost something."""
    searches = f"{queries} judged queries, each searched once"
    rerank = settings.rerank
    if not rerank.enabled:
        return f"{searches}; the reranker is off", False
    if rerank.provider == TERM:
        return f"{searches}; no model is asked", False
    asked = f"{searches}, and up to {queries * rerank.top_n:,} documents sent to {rerank.provider}"
    return f"{asked}, unless their scores are known", True


@dataclass(frozen=True, slots=True)
class Profile:
    """The best trial at each place of one dimension: what that setting allows, the others at their best.

    best      float64[cells], NaN where nothing was tried
    plateau   bool[cells], a trial there is on the plateau
    labels    of the ends, or of every choice
    marks     (cell, mark) of settings that stand out, a later one over an earlier one
    """

    path: str
    best: FloatArray
    plateau: BoolArray
    labels: tuple[str, ...]
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """Trials to be drawn: ``points`` float64[T, D], ``means`` float64[T], ``members`` bool[T] of the plateau, and
    (trial, mark) of those that stand out."""

    space: Space
    points: FloatArray
    means: FloatArray
    members: BoolArray
    marks: tuple[tuple[int, str], ...] = ()


def so_far(progress: Progress, space: Space) -> Tried:
    """The trials of a search that goes on: where it began, and the best."""
    means = progress.means
    marks = ((0, START), (int(means.argmax()), BEST))
    return Tried(space, progress.points, means, np.zeros(len(means), dtype=bool), marks)


def all_tried(tuning: Tuning) -> Tried:
    """Every trial of a finished search."""
    trials = tuning.trials
    marks = ((tuning.start, START), (tuning.best, BEST), (tuning.centre, CENTRE))
    return Tried(trials.space, trials.points, trials.scores.mean(axis=0), tuning.members, marks)


def profiles(tried: Tried, cells: int) -> list[Profile]:
    """One per dimension."""
    return [_profile(tried, column, dimension, cells) for column, dimension in enumerate(tried.space.dimensions)]


def _profile(tried: Tried, index: int, dimension: Dimension, cells: int) -> Profile:
    column, means, members = tried.points[:, index], tried.means, tried.members
    cells = len(dimension.choices) or cells
    low, high = (0.0, cells - 1.0) if dimension.choices else (dimension.low, dimension.high)
    places = np.rint((column - low) / max(high - low, 1e-12) * (cells - 1)).astype(np.int64).clip(0, cells - 1)
    best = np.full(cells, -np.inf)
    np.maximum.at(best, places, means)
    plateau = np.zeros(cells, dtype=bool)
    plateau[places[members]] = True
    ends = dimension.choices or (low, high)
    marks = tuple((int(places[trial]), mark) for trial, mark in tried.marks)
    labels = tuple(value_text(value) for value in ends)
    return Profile(dimension.path, np.where(np.isinf(best), np.nan, best), plateau, labels, marks)


def value_text(value: Choice) -> str:
    """A setting as the table writes it."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:g}" if value == round(value) else score(value, 2)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One of the three settings: its values, its mean on all queries, and on held-out ones with the interval."""

    name: str
    title: str
    trial: int
    values: dict[str, Choice]
    mean: float
    held_out: float
    low: float
    high: float


def result_rows(tuning: Tuning) -> tuple[ResultRow, ...]:
    """As it was, the best trial, and the plateau's centre."""
    means = tuning.trials.scores.mean(axis=0)
    rows = []
    for name, trial in (("start", tuning.start), ("best", tuning.best), ("centre", tuning.centre)):
        estimate = tuning.held_out[name]
        low, high = estimate.interval
        values = tuning.trials.values(trial)
        rows.append(ResultRow(name, _CHOSEN[name], trial, values, float(means[trial]), estimate.mean, low, high))
    return tuple(rows)


def whisker(row: ResultRow, low: float, high: float, width: int) -> str:
    """The held-out mean with its interval on a common scale: ``  ├──●─┤ ``."""
    span = max(high - low, 1e-12)
    left, at, right = (round((value - low) / span * (width - 1)) for value in (row.low, row.held_out, row.high))
    cells = [" "] * width
    cells[left : right + 1] = ["─"] * (right + 1 - left)
    cells[left], cells[right] = "├", "┤"
    cells[at] = "●"
    return "".join(cells)
