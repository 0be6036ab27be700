"""Two settings on the present query, side by side: what can be compared, and both final lists over the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from console.views import ABSENT, ENTERED, LEFT, ListView, views
from console.views_judging import measured
from engine.evaluation import metrics
from engine.evaluation.compare import HIDDEN, Sides, compare_traces, differences
from engine.evaluation.judged import gains_of
from engine.records import IntArray
from engine.settings import knobs
from engine.settings.schema import Settings
from engine.trace import Trace

if TYPE_CHECKING:
    from console.session import Session

TOP = 10
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Contender:
    """Settings with the name that they are known by, and what made them."""

    name: str
    settings: Settings
    about: str = ""


def contenders(session: Session) -> list[Contender]:
    """The saved settings, every try, and what holds now where that is another; oldest first."""
    file = session.loaded.file
    found = [Contender("saved", session.loaded.settings, file.name if file else "the defaults")]
    for each in session.tries:
        now = " · now" if each is session.current else ""
        found.append(Contender(f"try {each.number}{now}", each.settings, each.change))
    return found


def from_file(file: Path) -> Contender:
    """The settings of a file. Raises ``SettingsError``."""
    from engine.settings.load import load

    return Contender(file.name, load(file=file.expanduser()).settings, str(file))


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two contenders on one query.

    lists     both final lists over the same rows, ready for ``Flow`` between them
    sides     what differs, and who moved
    measures  the metric of both; empty where the query has no grade above 0
    missing   what one of them would have to ask first, as sentences
    titles    of the documents fetched so far, by id
    """

    before: Contender
    after: Contender
    lists: tuple[ListView, ListView]
    sides: Sides
    metric: str
    measures: tuple[float, ...]
    missing: tuple[str, ...]
    titles: Mapping[str, str]


def compare(session: Session, before: Contender, after: Contender, version: int) -> Comparison:
    """Rank what is here by both, and compare. Asks nothing. Raises ``SettingsError`` for settings that cannot rank."""
    search = session.search
    assert search is not None
    try:
        traces = search.turn(before.settings), search.turn(after.settings)
    finally:
        search.turn(session.settings)
    metric, grades = metrics.parse(session.metric), session.grades
    gains = [gains_of(trace.pool.ids, grades) for trace in traces]
    scores = [measured(trace, each, grades, metric) for trace, each in zip(traces, gains, strict=True)]
    last = [each.before if each.after is None else each.after for each in scores]
    documents = traces[0].documents
    return Comparison(
        before,
        after,
        _lists(traces, session.grades, version),
        compare_traces(*traces, depth=TOP),
        scores[0].title,
        tuple(last) if all(value == value for value in last) else (),
        tuple(_missing(session, (before, after))),
        {i: document.title or i for i, document in documents.items()},
    )


def _missing(session: Session, both: tuple[Contender, Contender]) -> Iterator[str]:
    assert session.search is not None
    for each in both:
        missing = session.search.missing(each.settings)
        if missing.legs:
            yield f"{each.name}: {' and '.join(missing.legs)} not asked yet"
        elif missing.rerank:
            yield f"{each.name}: {missing.rerank} of its first {each.settings.rerank.top_n} have no rerank score yet"


def _lists(traces: tuple[Trace, Trace], grades: Mapping[str, int], version: int) -> tuple[ListView, ListView]:
    """Both final lists over the union of the pools; the places won are against the other list."""
    one, other = traces
    ids = one.pool.ids
    if other.pool.ids is not ids:
        ids = tuple(dict.fromkeys((*ids, *other.pool.ids)))
    row_of = {i: row for row, i in enumerate(ids)}
    shown = []
    for trace in traces:
        gains = gains_of(trace.pool.ids, grades) if grades else None
        rows = np.array([row_of[i] for i in trace.pool.ids], dtype=np.int64)
        shown.append(_over(views(trace, version, gains=gains)[-1], ids, rows))
    before, after = shown
    gone = _flagged(before, after, LEFT)
    come = _flagged(after, before, ENTERED)
    places = before.position[come.order]
    return gone, replace(come, delta=np.where(places < 0, len(before), places) - np.arange(len(come)))


def _over(view: ListView, ids: tuple[str, ...], rows: IntArray) -> ListView:
    """The list with its rows renumbered: own row r is ``rows[r]`` of ``ids``."""
    order = rows[view.order]
    position = np.full(len(ids), -1, dtype=np.int64)
    position[order] = np.arange(len(order))
    buckets = np.full((len(ids), view.buckets.shape[1]), ABSENT, dtype=np.uint8)
    buckets[rows] = view.buckets
    flags = view.flags & ~np.uint8(ENTERED | LEFT)
    return replace(view, ids=ids, order=order, position=position, buckets=buckets, flags=flags, delta=view.delta[:0])


def _flagged(view: ListView, other: ListView, flag: int) -> ListView:
    """The list with a mark at those of its first that are not among the other's first."""
    flags = view.flags.copy()
    places = other.position[view.order[:TOP]]
    flags[:TOP][(places < 0) | (places >= TOP)] |= np.uint8(flag)
    return replace(view, flags=flags)


def values_of(now: Settings, wanted: Settings) -> dict[str, Any]:
    """What has to be set to come from ``now`` to ``wanted``: every knob that both have, but not where they search."""
    return {
        each.path: knobs.get(wanted, each.path)
        for each in differences(now, wanted)
        if each.before is not None and each.after not in (None, HIDDEN) and not each.path.startswith("store.")
    }
