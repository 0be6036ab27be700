"""What the lists show, made from a trace: immutable records of arrays. Pure.

Rows are pool rows. A view is swapped whole; its ``version`` tells one from the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from console.messages import FUSED, RERANKED
from console.numbers import counted
from engine.records import BoolArray, CandidatePool, Document, FloatArray, IntArray
from engine.trace import Trace

Buckets = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.uint8]

ABSENT = 255
"""Bucket of a leg that has no score for the document."""
COMPLETED = 16
"""Added to a bucket where the leg has a score for the document but did not return it."""
STEPS = 8

CUT, ENTERED, LEFT, UNSCORED, NEWCOMER = 1, 2, 4, 8, 16
"""Flags of a row: not among the results; among them only after reranking; only before it; without a rerank score; in
the first top_n without one, while others there have theirs."""
GRADE = 5
"""From this bit on: 0 where nothing is judged, 1 unjudged, else the grade and 2."""
_MOST = 5


@dataclass(frozen=True, slots=True, eq=False)
class ListView:
    """One list, best first.

    name       ``fused``, ``reranked``, or the leg's
    heading, note   what stands above it
    ids        the pool's n ids
    order      int64[m] pool rows
    position   int64[n] place in ``order``, −1 for none
    delta      int64[m] places won against the fused list; empty where nothing is compared
    scores     float64[m]; NaN: none
    decimals   of a shown score
    buckets    uint8[n, legs], the leg's contribution in eighths of the largest one, see ABSENT and COMPLETED
    flags      uint8[m]
    spoke      uint8[m], which stage of a cascade scored the row last, from 1, 0 for none; empty without a cascade
    documents  those fetched so far, by id
    """

    name: str
    heading: str
    note: str
    version: int
    ids: tuple[str, ...]
    order: IntArray
    position: IntArray
    delta: IntArray
    scores: FloatArray
    decimals: int
    buckets: Buckets
    flags: Flags
    documents: Mapping[str, Document]
    spoke: Flags = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))

    def __len__(self) -> int:
        return len(self.order)

    def id_at(self, place: int) -> str:
        """The id of the document at a place of the list, '' beyond its end."""
        return self.ids[self.order[place]] if 0 <= place < len(self.order) else ""

    def place_of(self, document_id: str) -> int:
        """The place of a document in the list, −1 where it is not there."""
        try:
            return int(self.position[self.ids.index(document_id)])
        except ValueError:
            return -1

    @property
    def score_width(self) -> int:
        """Cells that the widest score takes."""
        ends = (0, len(self) - 1) if len(self) else ()
        return max([4, *(len(self.score_text(place)) for place in ends)])

    def score_text(self, place: int) -> str:
        """The score in a fixed number of cells: ``.831``, ``1.00``, ``-.20``, ``12.31``; ``·`` for none."""
        return short_number(float(self.scores[place]), self.decimals)


def short_number(value: float, decimals: int) -> str:
    """The number with so many decimals and no zero before the point; at 1 and above one decimal less."""
    if value != value:
        return "·"
    text = f"{value:.{decimals}f}"
    if text.startswith("0."):
        return text[1:]
    if text.startswith("-0."):
        return "-" + text[2:-1]
    return f"{value:.{max(decimals - 1, 1)}f}"


def fused_view(trace: Trace, version: int) -> ListView:
    """The list before reranking, all ranked documents."""
    ranking, cut = trace.ranking, trace.settings.cut
    order = ranking.fused_order
    place = np.arange(len(order))
    in_window = (place >= cut.offset) & (place < cut.offset + cut.top_k)
    kept = _result_mask(trace)[order]
    flags = _flags((~in_window, CUT), (in_window & ~kept, LEFT))
    return _view(trace, version, FUSED, "Fused", _pool_note(trace), order, ranking.fused_score[order], flags)


def reranked_view(trace: Trace, version: int) -> ListView:
    """The list after reranking and blending; without a score anywhere it is the fused list."""
    ranking, cut = trace.ranking, trace.settings.cut
    order = ranking.order
    kept = _result_mask(trace)[order]
    before = ranking.fused_rank[order] - 1
    was_in = (before >= cut.offset) & (before < cut.offset + cut.top_k)
    scored = ~np.isnan(ranking.rerank_score[order])
    any_scored = bool(scored.any())
    newcomer = ~scored & (before < trace.settings.rerank.top_n)
    flags = _flags((~kept, CUT), (kept & ~was_in, ENTERED))
    if any_scored:
        flags |= _flags((~scored, UNSCORED), (newcomer, NEWCOMER))
    delta = before - np.arange(len(order)) if any_scored else np.zeros(0, dtype=np.int64)
    scores = np.where(scored, ranking.score[order], np.nan) if any_scored else ranking.score[order]
    note = f"{int(scored.sum())} scored" if any_scored else _no_rerank_note(trace)
    view = _view(trace, version, RERANKED, "Reranked", note, order, scores, flags, delta)
    if not ranking.stages:
        return view
    spoke = np.zeros(len(trace.pool), dtype=np.uint8)
    for number, stage in enumerate(ranking.stages, 1):
        spoke[~np.isnan(stage.score)] = number
    counts = " → ".join(str(int((~np.isnan(stage.score)).sum())) for stage in ranking.stages)
    return replace(view, spoke=spoke[order], note=f"{counts} scored" if any_scored else note)


def leg_view(trace: Trace, version: int, leg: int) -> ListView:
    """What a leg of the pool returned by itself, best first, with its raw scores."""
    pool = trace.pool
    rows = np.flatnonzero(pool.returned[:, leg])
    order = rows[np.argsort(-pool.scores[rows, leg], kind="stable")]
    name = pool.leg_names[leg]
    total = trace.totals.get(name, len(order))
    note = f"{len(order):,} of {total:,}" if total > len(order) else f"{total:,}"
    flags = _flags((~_result_mask(trace)[order], CUT))
    return _view(trace, version, name, name, note, order, pool.scores[order, leg], flags)


def views(trace: Trace, version: int, *, legs: bool = False, gains: FloatArray | None = None) -> tuple[ListView, ...]:
    """Fused and reranked, after the legs' own lists where they are wanted.

    ``gains`` float64[n] are the grades of the pool rows, NaN where unjudged; with them every row is marked.
    """
    own = tuple(leg_view(trace, version, leg) for leg in range(len(trace.pool.legs))) if legs else ()
    shown = (*own, fused_view(trace, version), reranked_view(trace, version))
    if gains is not None:
        grades = (np.where(np.isnan(gains), 1, np.clip(np.nan_to_num(gains), 0, _MOST) + 2)).astype(np.uint8) << GRADE
        for view in shown:
            view.flags[:] |= grades[view.order]
    return shown


def grade_of(flags: int) -> str:
    """The mark of a row's grade: its digit, ``·`` for unjudged, '' where nothing is judged."""
    grade = flags >> GRADE
    return "" if not grade else "·" if grade == 1 else str(grade - 2)


def bar_buckets(pool: CandidatePool, contribution: FloatArray) -> Buckets:
    """uint8[n, legs]: each contribution as 0…8 of the pool's largest, with ABSENT and COMPLETED."""
    if not len(pool) or not contribution.shape[1]:
        return np.zeros((len(pool), len(pool.legs)), dtype=np.uint8)
    largest = max(float(np.max(contribution)), 1e-12)
    share = np.clip(contribution / largest, 0.0, 1.0)
    steps = np.where(share > 0, np.maximum(np.rint(share * STEPS), 1), 0).astype(np.uint8)
    steps += np.where(pool.returned, 0, COMPLETED).astype(np.uint8)
    return np.where(np.isnan(pool.scores), ABSENT, steps).astype(np.uint8)


def _view(
    trace: Trace,
    version: int,
    name: str,
    heading: str,
    note: str,
    order: IntArray,
    scores: FloatArray,
    flags: Flags,
    delta: IntArray | None = None,
) -> ListView:
    position = np.full(len(trace.pool), -1, dtype=np.int64)
    position[order] = np.arange(len(order))
    return ListView(
        name=name,
        heading=heading,
        note=note,
        version=version,
        ids=trace.pool.ids,
        order=order,
        position=position,
        delta=np.zeros(0, dtype=np.int64) if delta is None else delta,
        scores=scores,
        decimals=_decimals(scores),
        buckets=bar_buckets(trace.pool, trace.ranking.contribution),
        flags=flags,
        documents=trace.documents,
    )


def _flags(*parts: tuple[BoolArray, int]) -> Flags:
    flags = np.zeros(len(parts[0][0]), dtype=np.uint8)
    for mask, flag in parts:
        flags[mask] |= flag
    return flags


def _decimals(scores: FloatArray) -> int:
    known = scores[~np.isnan(scores)]
    return 4 if len(known) and float(np.abs(known).max()) < 0.1 else 3


def _result_mask(trace: Trace) -> BoolArray:
    kept = np.zeros(len(trace.pool), dtype=bool)
    kept[trace.ranking.results] = True
    return kept


def _pool_note(trace: Trace) -> str:
    return counted(len(trace.ranking.fused_order), "candidate")


def _no_rerank_note(trace: Trace) -> str:
    if not trace.settings.rerank.enabled:
        return "reranker off · r"
    report = trace.stage("rerank")
    if report is None or not report.outcome.text:
        return "not scored"
    return " · ".join(filter(None, (report.outcome.text, report.outcome.hint)))


@dataclass(frozen=True, slots=True)
class Journey:
    """Where one document stands at every stage, for one line."""

    id: str
    title: str
    steps: tuple[tuple[str, str], ...]
    """Stage and place: ``("lexical", "3")``, ``("dense", "–")``, ``("fused", "5")``."""
    end: str
    """``kept``, or the rule that dropped it."""

    @property
    def kept(self) -> bool:
        return self.end == "kept"


def journey(trace: Trace, document_id: str) -> Journey:
    """The way of a document through legs, fusion, rerank and cut; one that no leg returned never got in."""
    document = trace.documents.get(document_id)
    title = document.title if document else document_id
    if document_id not in trace.pool.ids:
        steps = tuple((name, "–") for name in trace.pool.leg_names)
        return Journey(document_id, title, steps, "in no leg's candidates")
    row = trace.pool.ids.index(document_id)
    ranking = trace.ranking
    places = [(name, _leg_place(trace.pool, row, leg)) for leg, name in enumerate(trace.pool.leg_names)]
    places.append(("fused", _place(ranking.fused_rank[row])))
    if not np.isnan(ranking.rerank_score[row]):
        places.append(("reranked", _place(ranking.rank[row])))
    rule = ranking.drop_rule(row)
    return Journey(document_id, title, tuple(places), f"dropped by {rule}" if rule else "kept")


def _leg_place(pool: CandidatePool, row: int, leg: int) -> str:
    score = pool.scores[row, leg]
    if not pool.returned[row, leg]:
        return "absent" if np.isnan(score) else "completed"
    better = pool.returned[:, leg] & (pool.scores[:, leg] > score)
    return str(int(better.sum()) + 1)


def _place(rank: np.int64) -> str:
    return str(int(rank)) if rank > 0 else "–"
