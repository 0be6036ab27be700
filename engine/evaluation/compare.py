"""Two settings, or two tries, side by side: what differs between them, and what became of the lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.evaluation.agreement import kendall_tau_b, rank_biased_overlap
from engine.evaluation.experiment import Experiment
from engine.evaluation.metrics import Metric
from engine.evaluation.scoring import score_contender
from engine.records import Outcome
from engine.secrets import is_reference, shown_url
from engine.settings.knobs import leaves
from engine.settings.paths import join
from engine.settings.schema import Settings
from engine.trace import Trace

DEPTH = 10
HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs; None where one of the two does not have it. Secrets are hidden."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Move:
    """A document that does not stand where it stood; ranks from 1, 0 where it is not in the list."""

    id: str
    before: int
    after: int

    @property
    def kind(self) -> str:
        """``entered``, ``left``, ``up`` or ``down``."""
        if not self.before or not self.after:
            return "left" if self.before else "entered"
        return "up" if self.after < self.before else "down"

    @property
    def text(self) -> str:
        """``d7 4 → 1``, with – where it is not in the list."""
        return f"{self.id} {self.before or '–'} → {self.after or '–'}"


@dataclass(frozen=True, slots=True)
class Lists:
    """Two lists of one query. ``moves`` are those that touch the first ``depth`` of either: who enters and leaves, then
    the others, largest first; ``rbo`` (p = 0.9) and ``tau`` look at the first ``depth``."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    depth: int
    moves: tuple[Move, ...]
    rbo: float
    tau: float

    @property
    def entered(self) -> tuple[str, ...]:
        """Who is among the first ``depth`` now and was not."""
        return tuple(i for i in self.after[: self.depth] if i not in self.before[: self.depth])

    @property
    def left(self) -> tuple[str, ...]:
        """Who was among the first ``depth`` and is not now."""
        return tuple(i for i in self.before[: self.depth] if i not in self.after[: self.depth])


@dataclass(frozen=True, slots=True)
class Sides:
    """Two traces of one query: their settings' differences, both pairs of lists, and how far each was reranked."""

    differences: tuple[Difference, ...]
    fused: Lists
    final: Lists
    outcomes: tuple[Outcome, Outcome]


@dataclass(frozen=True, slots=True)
class QueryChange:
    """A query's metric before and after, its lists, and the grades of its judged documents."""

    id: str
    text: str
    before: float
    after: float
    lists: Lists
    grades: Mapping[str, int]

    @property
    def gain(self) -> float:
        return self.after - self.before


def differences(before: Settings, after: Settings) -> tuple[Difference, ...]:
    """The settings that differ, in the schema's order."""
    one, other = _flat(before), _flat(after)
    return tuple(
        Difference(path, _shown(one.get(path)), _shown(other.get(path)))
        for path in dict.fromkeys((*one, *other))
        if one.get(path) != other.get(path)
    )


def _shown(value: Any) -> Any:
    return shown_url(value) if isinstance(value, str) and "://" in value else value


def _flat(settings: Settings) -> Mapping[str, Any]:
    found = {}
    for keys, value, shape in leaves(settings):
        secret = shape.knob is not None and shape.knob.secret and value and not is_reference(value)
        found[join(keys)] = HIDDEN if secret else value
    return found


def compare_lists(before: Sequence[str], after: Sequence[str], depth: int = DEPTH) -> Lists:
    """Two lists of ids, best first; ranks beyond ``depth`` are told as far as the lists go."""
    one, other = ({i: rank for rank, i in enumerate(ids, 1)} for ids in (before, after))
    moves = [
        Move(i, one.get(i, 0), other.get(i, 0))
        for i in dict.fromkeys((*after[:depth], *before[:depth]))
        if one.get(i, 0) != other.get(i, 0)
    ]
    moves.sort(key=lambda move: (_inside(move.before, depth) == _inside(move.after, depth), -_distance(move)))
    first = before[:depth], after[:depth]
    return Lists(tuple(before), tuple(after), depth, tuple(moves), rank_biased_overlap(*first), kendall_tau_b(*first))


def _inside(rank: int, depth: int) -> bool:
    return 0 < rank <= depth


def _distance(move: Move) -> float:
    return abs(move.after - move.before) if move.before and move.after else float("inf")


def compare_traces(before: Trace, after: Trace, depth: int = DEPTH) -> Sides:
    """Two tries of one query, ranks before the cut."""
    return Sides(
        differences(before.settings, after.settings),
        compare_lists(_ids(before, "fused_order"), _ids(after, "fused_order"), depth),
        compare_lists(_ids(before, "order"), _ids(after, "order"), depth),
        (_reranked(before), _reranked(after)),
    )


def _ids(trace: Trace, order: str) -> list[str]:
    return [trace.pool.ids[row] for row in getattr(trace.ranking, order).tolist()]


def _reranked(trace: Trace) -> Outcome:
    stage = trace.stage("rerank")
    return stage.outcome if stage else Outcome()


def query_changes(experiment: Experiment, metric: Metric, depth: int = DEPTH) -> list[QueryChange]:
    """Every query of an experiment with two contenders that kept their ids, largest gain first."""
    scores = [list(score_contender(experiment, index, [metric]).values())[-1][metric] for index in (0, 1)]
    changes = []
    for row, item in enumerate(experiment.data.queries):
        before, after = experiment.answers[item.id]
        lists = compare_lists(before.ids, after.ids, depth)
        numbers = float(scores[0][row]), float(scores[1][row])
        changes.append(QueryChange(item.id, item.text, *numbers, lists, experiment.data.qrels[item.id]))
    return sorted(changes, key=lambda change: -change.gain)
