"""Why one document stands above another, and what would change that, as records for one screen. Pure, and slow enough
(a tenth of a second or two) to be made off the loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from console.text import clean
from engine.errors import UsageError
from engine.evaluation.counterfactual import RankCurve, Turn, WhyAbove, rank_curve, reaching, why_above
from engine.evaluation.hurdles import Hurdle, hurdles
from engine.evaluation.lines import FEATURE, LEG, axes
from engine.evaluation.orders import reranked
from engine.ranking import Weighting, rank
from engine.records import Ranking
from engine.rerankers.ledger import TERM
from engine.settings import knobs
from engine.settings.schema import Settings
from engine.settings.table import MAX_TOP
from engine.trace import Trace
from engine.tracking import Tracked

TOP = 10
"""What a followed document has to be among."""

_DIGITS = (2, 3, 4, 6)


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change of one setting and what it does. ``value`` None: no value of it does; ``now`` is its present value."""

    path: str
    now: float
    value: float | None
    does: str


@dataclass(frozen=True, slots=True)
class Followed:
    """A document on its way to the first ``TOP``: its place along each weight, what bars it, what would bring it in."""

    title: str
    rank: int
    curves: tuple[RankCurve, ...]
    hurdles: tuple[Hurdle, ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """The whole answer. ``above`` and ``below`` are (rank, title), ``scores`` their final ones; ``followed`` is the
    pinned document."""

    above: tuple[int, str]
    below: tuple[int, str]
    scores: tuple[float, float]
    why: WhyAbove
    remedies: tuple[Remedy, ...]
    followed: Followed | None = None


def rows_of(trace: Trace, document_id: str, pinned: str = "") -> tuple[int, int]:
    """The two pool rows to compare, the higher first: the document, and the pinned one, else the one above it (for the
    first, the one below). Raises ``UsageError`` where there are no two."""
    ranking, ids = trace.ranking, trace.pool.ids
    if document_id not in ids:
        raise UsageError("the document is not among the candidates")
    row = ids.index(document_id)
    place = int(ranking.rank[row])
    if pinned and pinned != document_id and pinned in ids:
        other = ids.index(pinned)
    elif len(ranking.order) < 2 or not place:
        raise UsageError("there is no document to compare it with")
    else:
        other = int(ranking.order[place - 2 if place > 1 else 1])
    first, second = sorted((row, other), key=lambda each: int(ranking.rank[each]) or math.inf)
    if not ranking.rank[first]:
        raise UsageError("neither of the two is in the list")
    return first, second


def account(trace: Trace, rows: tuple[int, int], pinned: str = "") -> Account:
    """Why the first of two pool rows stands above the second, and where the pinned document could stand."""
    above, below = rows
    why = why_above(trace.pool, trace.rerank, Weighting.of(trace.settings), above, below)

    def flipped(ranking: Ranking) -> bool:
        one, other = int(ranking.rank[below]), int(ranking.rank[above])
        return one > 0 and (other == 0 or one < other)

    titles = [(int(trace.ranking.rank[row]), title_of(trace, row)) for row in rows]

    def told(ranking: Ranking) -> str:
        return f"then {ranking.rank[below]} and {ranking.rank[above] or '–'}"

    remedies = tuple(_remedies(trace, why.flips, flipped, told))
    followed = _followed(trace, trace.pool.ids.index(pinned)) if pinned in trace.pool.ids else None
    scores = float(trace.ranking.score[above]), float(trace.ranking.score[below])
    return Account(titles[0], titles[1], scores, why, remedies, followed)


def outside(tracked: Tracked, settings: Settings) -> Followed:
    """A document that no leg returned: what each leg says of it, and to ask the legs deeper."""
    bars = tuple(Hurdle(name, leg.text) for name, leg in tracked.legs.items())
    if not tracked.exists:
        bars = (Hurdle("index", "the index has no such document"),)
    deeper = [
        Remedy(f"legs.{name}.top_k", float(settings.legs[name].top_k), MAX_TOP, "asks the leg deeper")
        for name, leg in tracked.legs.items()
        if tracked.exists and not math.isnan(leg.raw) and settings.legs[name].top_k < MAX_TOP
    ]
    return Followed(clean(tracked.id), 0, (), bars, tuple(deeper))


def title_of(trace: Trace, row: int) -> str:
    document = trace.documents.get(trace.pool.ids[row])
    return clean(document.title if document and document.title else trace.pool.ids[row])


def _followed(trace: Trace, row: int) -> Followed:
    pool, rerank, weighting = trace.pool, trace.rerank, Weighting.of(trace.settings)
    found = [path for path in axes(pool, weighting, blended=reranked(rerank, weighting)) if _counts(trace, path)]
    curves = tuple(rank_curve(pool, rerank, weighting, row, path) for path in found)
    place = int(trace.ranking.rank[row])
    bars = hurdles(pool, rerank, weighting, row, TOP)
    remedies: tuple[Remedy, ...] = ()
    if not 0 < place <= TOP:
        turns = [reaching(pool, rerank, weighting, row, TOP, path) for path in found]

        def among(ranking: Ranking) -> bool:
            return bool(0 < ranking.rank[row] <= TOP)

        reached = _remedies(trace, turns, among, lambda ranking: f"then it is {ranking.rank[row]}")
        remedies = (*sorted(reached, key=lambda each: each.value is None), *_of_hurdles(trace.settings, bars))
    return Followed(title_of(trace, row), place, curves, bars, remedies)


def _of_hurdles(settings: Settings, bars: tuple[Hurdle, ...]) -> Iterator[Remedy]:
    for bar in bars:
        if bar.path and bar.value is not None:
            yield Remedy(bar.path, float(knobs.get(settings, bar.path)), bar.value, bar.text)


def _counts(trace: Trace, path: str) -> bool:
    """Whether the weight acts on the list alone: features are inside the scores of the provider ``term``."""
    rerank = trace.settings.rerank
    return not (path.startswith(FEATURE) and rerank.enabled and rerank.provider == TERM)


def _remedies(
    trace: Trace, turns: Sequence[Turn], holds: Callable[[Ranking], bool], told: Callable[[Ranking], str]
) -> Iterator[Remedy]:
    for turn in turns:
        if _counts(trace, turn.path):
            value, ranking = setting_past(trace, turn, holds)
            yield Remedy(turn.path, turn.current, value, told(ranking) if ranking else "no value of it does")


def setting_past(
    trace: Trace, turn: Turn, holds: Callable[[Ranking], bool]
) -> tuple[float, Ranking] | tuple[None, None]:
    """The roundest value past the turn for which ``holds`` is true of the ranking, and that ranking; None where there
    is none."""
    if turn.value is None:
        return None, None
    knob = knobs.knob(trace.settings, turn.path)
    low, high = knob.minimum or 0.0, math.inf if knob.maximum is None else knob.maximum
    ways = [1] if turn.value > turn.current else [-1] if turn.value < turn.current else [1, -1]
    values = [round(_next(turn.value, digits, way), digits) for digits in _DIGITS for way in ways]
    if turn.value == 0 and turn.path.startswith(LEG):  # the leg is not run
        values, low = [0.0], -1.0
    for value in values:
        if low < value <= high:
            weighting = Weighting.of(knobs.replace(trace.settings, turn.path, value))
            ranking = rank(trace.pool, trace.rerank, weighting)
            if holds(ranking):
                return value, ranking
    return None, None


def _next(value: float, digits: int, way: int) -> float:
    """The nearest number of so many digits beyond ``value``."""
    scaled = value * 10**digits
    whole = math.floor(scaled) + 1 if way > 0 else math.ceil(scaled) - 1
    return float(whole / 10**digits)
