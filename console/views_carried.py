"""How far each sentence of a document carried its rerank score, in grades for the screen. Pure."""

from __future__ import annotations

import numpy as np

from console.numbers import score
from console.spans import clean_spans
from console.views_local import model_name
from engine.rerankers.attribution import Attribution

MUCH, SOME, LITTLE, NONE, AGAINST = 3, 2, 1, 0, -1
GLYPHS = {MUCH: "█", SOME: "▌", LITTLE: "▏", NONE: " ", AGAINST: "−"}
"""What stands beside the lines of a passage."""
LEGEND = "█ most ▌ much ▏ some − against"

Carried = tuple[int, int, int]
"""Characters from, to, and the grade."""


def grades(attribution: Attribution) -> list[int]:
    """A grade per passage: the drop of the score without it, as a share of the largest change; ``NONE`` while it is not
    known."""
    drops = np.nan_to_num(attribution.drops)
    largest = float(np.abs(drops).max(initial=0.0))
    if not largest:
        return [NONE] * len(drops)
    return [_grade(share) for share in (drops / largest).tolist()]


def _grade(share: float) -> int:
    if share <= -0.1:
        return AGAINST
    return MUCH if share >= 2 / 3 else SOME if share >= 1 / 3 else LITTLE if share >= 0.1 else NONE


def carried(attribution: Attribution | None, field: str, text: str) -> tuple[Carried, ...]:
    """The passages of a field in its text as it is shown, each with its grade; those of ``NONE`` are left out."""
    if attribution is None:
        return ()
    found = [
        (each.start, each.end, grade)
        for each, grade in zip(attribution.passages, grades(attribution), strict=True)
        if each.field == field and grade
    ]
    _, shown = clean_spans(text, [(start, end) for start, end, _ in found])
    return tuple((start, end, grade) for (start, end), (_, _, grade) in zip(shown, found, strict=True))


def told(attribution: Attribution, *, running: bool) -> str:
    """How far the asking is, then what it found: ``logit 3.21, 1.02 without the strongest``."""
    done = f"{attribution.done} of {len(attribution.passages)}"
    if running:
        return f"{done} by {model_name(attribution.reranker.model) or attribution.reranker.provider} … esc stops"
    stopped = "" if attribution.complete else f" · stopped at {done}"
    largest = float(np.nanmax(attribution.drops, initial=0.0))
    if largest <= 0:
        return f"no sentence carries it alone{stopped}"
    without = score(attribution.whole - largest)
    return f"{attribution.reranker.kind} {score(attribution.whole)}, {without} without the strongest{stopped}"
