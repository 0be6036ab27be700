"""What really ran, in one phrase for the chip and in full sentences for whoever asks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from console.numbers import duration
from engine.asking import LIMIT
from engine.records import Document, Outcome, StageReport, Status
from engine.trace import Trace

OUTCOME_MARKS: Mapping[Status, tuple[str, str]] = {
    Status.OK: ("✓", "success"),
    Status.PARTIAL: ("◐", "warning"),
    Status.FAILED: ("✗", "error"),
    Status.SKIPPED: ("–", "muted"),
    Status.CANCELLED: ("⊘", "warning"),
}


def outcome_mark(status: Status) -> tuple[str, str]:
    """How a stage ended: the mark, and the role that colours it."""
    return OUTCOME_MARKS[status]


@dataclass(frozen=True, slots=True)
class StatusView:
    """``mark`` and ``role`` as in the palette; ``short`` fits where there is little room, ``detail`` is in lines."""

    mark: str
    role: str
    text: str
    short: str
    detail: tuple[str, ...] = ()


def status_view(trace: Trace | None, busy: bool | str = False) -> StatusView:
    """What the chip says. ``busy`` is what is under way (``reranking 32/50``), or only that something is."""
    if busy:
        doing = busy if isinstance(busy, str) else "searching"
        return StatusView("…", "accent", doing, doing, ("Esc cancels it.",))
    if trace is None:
        return StatusView("·", "muted", "no query yet", "ready")
    if trace.query.blank:
        return StatusView("·", "muted", "blank query: nothing was asked", "blank query")
    view = _rerank_view(trace)
    failed = trace.failed_legs
    active = [name for name in trace.settings.legs if trace.settings.weights.get(name, 0) > 0]
    if failed and all(name in failed for name in active):
        text = f"no leg answered: {_why(next(iter(failed.values())))}"
        view = StatusView("✗", "error", text, "no leg answered")
    elif failed:
        legs = "; ".join(f"{name} failed: {_why(outcome)}" for name, outcome in failed.items())
        view = StatusView("✗", "error", f"{legs} · {view.text}", f"{next(iter(failed))} failed")
    elif not len(trace.pool):
        view = StatusView("∅", "warning", "no hits", "no hits")
    return StatusView(view.mark, view.role, view.text, view.short, detail_of(trace))


def _rerank_view(trace: Trace) -> StatusView:
    stage = trace.stage("rerank")
    if not trace.settings.rerank.enabled:
        return StatusView("–", "muted", "fused only (rerank off)", "fused only")
    if stage is None:
        return StatusView("…", "accent", "fused, reranking", "fused")
    outcome = stage.outcome
    mark, role = outcome_mark(outcome.status)
    if outcome.status in (Status.FAILED, Status.SKIPPED) or (outcome.status is Status.CANCELLED and not outcome.done):
        return StatusView(mark, role, f"fused only: {_why(outcome)}", "fused only")
    done, total = scored(trace)
    name = trace.reranker.model or trace.reranker.provider if trace.reranker else trace.settings.rerank.provider
    counts = f"reranked {done}/{total}"
    if outcome.status is not Status.OK:
        then = ":" if outcome.reason == LIMIT else ", then:"
        return StatusView(mark, role, f"{counts}{then} {_why(outcome)}", counts)
    if done < total:
        return StatusView("◐", "unscored", f"{counts}, {total - done} new unscored · {name}", counts)
    return StatusView(mark, role, f"{counts} in {duration(stage.ms)} · {name}", counts)


def scored(trace: Trace) -> tuple[int, int]:
    """Of the first ``top_n`` as they stand now: how many have a rerank score, and how many could have one."""
    window = trace.ranking.fused_order[: trace.settings.rerank.top_n]
    unscored = window[np.isnan(trace.rerank.raw[window])]
    fields = re.findall(r"\{(\w+)\}", trace.settings.rerank.text)
    blank = sum(_blank(trace.documents.get(trace.pool.ids[row]), fields) for row in unscored.tolist())
    return len(window) - len(unscored), len(window) - blank


def _blank(document: Document | None, fields: Sequence[str]) -> bool:
    """Whether the document is known to have nothing in these fields: it is never sent to a reranker."""
    return document is not None and not any(document.text_of(name).strip() for name in fields)


def detail_of(trace: Trace) -> tuple[str, ...]:
    """One line per leg and for the reranking, then the warnings."""
    lines = [_leg_line(trace, name) for name in trace.settings.legs]
    stage = trace.stage("rerank")
    if stage is not None:
        lines.append(f"rerank: {_outcome_text(stage)}")
    if trace.reranker is not None:
        info = trace.reranker
        parts = (info.provider, info.model, info.device, info.dtype)
        lines.append(f"reranker: {' · '.join(filter(None, parts))}")
    return (*lines, *trace.warnings)


def _leg_line(trace: Trace, name: str) -> str:
    stage = trace.stage(name)
    if stage is None:
        return f"{name}: not run"
    total = trace.totals.get(name)
    matches = f", {total} match" if total is not None and stage.outcome.ok else ""
    return f"{name}: {_outcome_text(stage)}{matches}"


def _outcome_text(stage: StageReport) -> str:
    outcome = stage.outcome
    counts = f" {outcome.done}/{outcome.total}" if outcome.total else ""
    why = f": {_why(outcome)}" if not outcome.ok else ""
    return f"{outcome.status.value}{counts} in {duration(stage.ms)}{why}"


def _why(outcome: Outcome) -> str:
    return outcome.text or outcome.reason or outcome.status.value
