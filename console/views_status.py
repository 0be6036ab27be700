"""What really ran, in one phrase for the chip and in full sentences for whoever asks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from console.numbers import duration, spent_text
from console.views_local import model_name, worker_lines, worker_text
from engine.asking import LIMIT
from engine.local.state import HostState
from engine.records import Document, Outcome, StageReport, Status
from engine.rerankers.cascade import rerank_stages
from engine.trace import Trace

OUTCOME_MARKS: Mapping[Status, tuple[str, str]] = {
    Status.OK: ("✓", "success"),
    Status.PARTIAL: ("◐", "warning"),
    Status.FAILED: ("✗", "error"),
    Status.SKIPPED: ("–", "muted"),
    Status.CANCELLED: ("⊘", "warning"),
}


def loading_ms(stage: StageReport) -> float:
    """What of the stage's time its model took to load."""
    return sum(part.end_ms - part.start_ms for part in stage.parts if part.name == "load")


def outcome_mark(status: Status) -> tuple[str, str]:
    """How a stage ended: the mark, and the role that colours it."""
    return OUTCOME_MARKS[status]


@dataclass(frozen=True, slots=True)
class StatusView:
    """``mark`` and ``role`` as in the palette; ``tight`` is the text in fewer words where there are any, ``short`` fits
    where there is little room, ``detail`` is in lines."""

    mark: str
    role: str
    text: str
    short: str
    detail: tuple[str, ...] = ()
    tight: str = ""


def status_view(trace: Trace | None, busy: bool | str = False, worker: HostState | None = None) -> StatusView:
    """What the chip says. ``busy`` is what is under way (``reranking 32/50``), or only that something is; ``worker``
    hosts local models."""
    view = _status_view(trace, busy)
    if worker is None:
        return view
    held = worker_text(worker)
    text = f"{view.text} · {held}" if held else view.text
    tight = text.removeprefix("reranked ") if held else ""
    asked = worker.phase != "off" or worker.ended
    return replace(view, text=text, tight=tight, detail=(*view.detail, *(worker_lines(worker) if asked else ())))


def _status_view(trace: Trace | None, busy: bool | str) -> StatusView:
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
        legs = "; ".join(f"{', '.join(names)} failed: {why}" for why, names in failures(trace).items())
        view = StatusView("✗", "error", f"{legs} · {view.text}", f"{next(iter(failed))} failed")
    elif not len(trace.pool):
        view = StatusView("∅", "warning", "no hits", "no hits")
    return StatusView(view.mark, view.role, view.text, view.short, detail_of(trace))


def failures(trace: Trace) -> dict[str, list[str]]:
    """Why legs failed, each cause once, with the legs that it stopped."""
    found: dict[str, list[str]] = {}
    for name, outcome in trace.failed_legs.items():
        found.setdefault(_why(outcome), []).append(name)
    return found


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
    last = next((info for info in reversed((trace.reranker, *trace.cascade)) if info is not None), None)
    name = model_name(last.model) or last.provider if last else trace.settings.rerank.provider
    further = reranking(trace)[1:]
    counts = f"reranked {done}/{total}" + "".join(f" → {each.outcome.done}/{each.outcome.total}" for each in further)
    if outcome.status is not Status.OK:
        then = {LIMIT: ":", "fallback": " by"}.get(outcome.reason, ", then:")
        return StatusView(mark, role, f"{counts}{then} {_why(outcome)}", counts)
    if done < total:
        return StatusView("◐", "unscored", f"{counts}, {total - done} new unscored · {name}", counts)
    for each in further:
        if not each.outcome.ok:
            mark, role = outcome_mark(each.outcome.status)
            return StatusView(mark, role, f"{counts}: {_why(each.outcome)}", counts)
    took = (each.ms - loading_ms(each) for each in (stage, *further))
    return StatusView(mark, role, f"{counts} in {duration(sum(took))} · {name}", counts)


def reranking(trace: Trace) -> list[StageReport]:
    """The reports of the reranking, and of the further stages of its cascade, in order."""
    return [report for name in rerank_stages(trace.settings) if (report := trace.stage(name)) is not None]


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
    for stage, info in zip(reranking(trace), (trace.reranker, *trace.cascade), strict=False):
        lines.append(f"{stage.name}: {_outcome_text(stage)}")
        if info is not None:
            parts = (info.provider, info.model, info.device, info.dtype, info.backend)
            lines.append(f"  by {' · '.join(filter(None, parts))}")
            lines += [f"  instruction: {info.instruction}"] if info.instruction else []
            lines += [f"  at {info.url}"] if info.url else []
            lines += [f"  used {spent}"] if (spent := spent_text(info.usage)) else []
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
