"""What the query-set screen shows: queries in order of what a change gains or loses them, and the mean. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from console.numbers import score
from console.query_set import QueryRow, paired
from engine.evaluation.metrics import Metric
from engine.evaluation.scoring import Paired

SETTINGS, RERANKER = "settings", "reranker"
COMPARED = {SETTINGS: ("saved", "now"), RERANKER: ("fused", "now")}
"""What is set against what: the live settings against the saved ones, or the list after reranking against before."""

ORDERS = ("gain", "loss", "worst", "set")
"""Largest gain first, largest loss first, lowest value first, as in the data set."""

SAME = 5e-4
"""Differences that no digit shows are none."""


@dataclass(frozen=True, slots=True)
class QuerySetView:
    """What is listed, under which comparison and in which order.

    rows       those that pass the filter, best first by ``order``
    compared   a key of ``COMPARED``
    reranking  whether there is a reranker to compare
    """

    rows: tuple[QueryRow, ...]
    compared: str
    order: str
    reranking: bool


def query_set_view(rows: Sequence[QueryRow], compared: str, order: str, filter: str, reranking: bool) -> QuerySetView:
    """The rows whose words have every word of ``filter``, in order; queries without a value come last."""
    words = filter.casefold().split()
    kept = [row for row in rows if all(word in f"{row.id} {row.text}".casefold() for word in words)]
    kept.sort(key=lambda row: _place(row, compared, order))
    return QuerySetView(tuple(kept), compared, order, reranking)


def _place(row: QueryRow, compared: str, order: str) -> tuple[bool, bool, float]:
    """What rows are sorted by; equal ones stay in the set's order."""
    gain = difference(row, compared)
    value = {"gain": -gain, "loss": gain, "worst": row.now, "set": 0.0}[order]
    return math.isnan(row.now), not row.graded, 0.0 if math.isnan(value) else value


def pair(row: QueryRow, compared: str) -> tuple[float, float]:
    """Before and after."""
    before, after = COMPARED[compared]
    return getattr(row, before), getattr(row, after)


def difference(row: QueryRow, compared: str) -> float:
    """After − before, NaN where one is unknown."""
    before, after = pair(row, compared)
    return after - before


@dataclass(frozen=True, slots=True)
class Means:
    """The whole set by one comparison, ``count`` queries; ``judged`` is the judged share of the first ``cut`` of each.
    ``paired`` is None until every query is answered, and where there is none."""

    count: int
    before: float
    after: float
    judged: float
    cut: int
    paired: Paired | None = None


def means(rows: Sequence[QueryRow], compared: str, metric: Metric) -> Means | None:
    """The means over the queries that have both values; None where none has."""
    pairs = [pair(row, compared) for row in rows if not math.isnan(difference(row, compared))]
    if not pairs:
        return None
    shown = sum(row.shown for row in rows)
    return Means(
        len(pairs),
        sum(before for before, _ in pairs) / len(pairs),
        sum(after for _, after in pairs) / len(pairs),
        sum(row.judged for row in rows) / shown if shown else 1.0,
        metric.k or 10,
    )


def tested(rows: Sequence[QueryRow], compared: str, metric: Metric) -> Paired | None:
    """The paired test over the same queries; None with fewer than two. Takes a tenth of a second."""
    pairs = [pair(row, compared) for row in rows if not math.isnan(difference(row, compared))]
    if len(pairs) < 2:
        return None
    before, after = zip(*pairs, strict=True)
    return paired(list(before), list(after), metric)


def signed(value: float, digits: int = 2) -> str:
    """``+.18``, ``−.05``, ``=`` for none, '' for unknown; a third digit where there would be nothing without it."""
    if math.isnan(value):
        return ""
    if abs(value) < SAME:
        return "="
    return f"{'+' if value > 0 else '−'}{score(abs(value), digits if abs(value) >= 0.005 else 3)}"


def test_text(test: Paired) -> str:
    """The test in words: ``95 % +.05 … +.20 · p .003 · 23 better, 8 worse, 29 the same``."""
    p = "p < .001" if test.p < 0.001 else f"p {score(test.p, 3)}"
    interval = f"95 % {signed(test.low, 3)} … {signed(test.high, 3)}"
    return f"{interval} · {p} · {test.wins} better, {test.losses} worse, {test.ties} the same"


def gain_bar(value: float, largest: float, width: int) -> tuple[str, str]:
    """Two bars of ``width`` cells each side of a middle, in half cells: what was lost left, what was won right."""
    if math.isnan(value) or largest <= 0 or abs(value) < SAME:
        return " " * width, " " * width
    halves = max(1, round(min(abs(value) / largest, 1.0) * width * 2))
    whole, half = divmod(halves, 2)
    if value > 0:
        return " " * width, ("█" * whole + "▌" * half).ljust(width)
    return ("▐" * half + "█" * whole).rjust(width), " " * width
