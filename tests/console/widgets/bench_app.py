"""A tiny application around one widget, and synthetic records to show in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from console.locations import themes_dir
from console.themes import load_themes
from engine.analysis.query import Query
from engine.ranking import Weighting, rank
from engine.records import (
    Analysis,
    CandidatePool,
    Document,
    Leg,
    Outcome,
    QueryTerm,
    RanOn,
    RerankerInfo,
    RerankScores,
    ScoreKind,
    StagePart,
    StageReport,
    Status,
)
from engine.settings.schema import CutSettings, FeatureSettings, RerankSettings, Settings
from engine.trace import Trace

TEXT = "Suspend the calling thread.\n\nIf the \x1b[31msleep\x1b[0m is interrupted, 日本語 it waits\u202e again."


class Workbench(App[None]):
    """Mounts one widget; keeps every message of ours that it posts."""

    def __init__(self, widget: Widget, theme: str) -> None:
        super().__init__()
        self.widget = widget
        self.posted: list[Message] = []
        for each in load_themes((themes_dir(),)).by_name.values():
            self.register_theme(each)
        self.theme = theme

    def compose(self) -> ComposeResult:
        yield self.widget

    def keep(self, message: Message) -> None:
        self.posted.append(message)

    on_knob_turned = on_query_submitted = on_action_requested = keep


@asynccontextmanager
async def workbench(
    widget: Widget, size: tuple[int, int] = (80, 24), theme: str = "rankscope"
) -> AsyncIterator[tuple[Workbench, Pilot[None]]]:
    """The widget alone on a screen of that size."""
    app = Workbench(widget, theme)
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def lines_of(screen: Screen[object]) -> list[str]:
    """What the screen shows, line by line."""
    return ["".join(segment.text for segment in strip) for strip in screen._compositor.render_strips()]


def stage(name: str, start: float, end: float, outcome: Outcome | None = None, *parts: StagePart) -> StageReport:
    return StageReport(name, start, end, RanOn.THREAD, outcome or Outcome(), parts)


def stages(rerank: Outcome | None = None) -> tuple[StageReport, ...]:
    return (
        stage("analyse", 0, 0.4),
        stage("embed", 0.4, 3.0),
        stage("lexical", 0.5, 9.0, Outcome(done=6, total=6), StagePart("top k", 5, 9)),
        stage("dense", 3.0, 14.0, Outcome(done=6, total=6)),
        stage("fuse", 14.0, 14.2),
        stage("rerank", 14.2, 60.0, rerank or Outcome(done=3, total=3)),
        stage("cut", 60.0, 60.1),
    )


SETTINGS = Settings(
    features={"pagerank": FeatureSettings(field="pagerank", scale=0.01, weight=0.5)},
    rerank=RerankSettings(top_n=3, blend="weighted"),
    cut=CutSettings(top_k=4),
)


def trace(
    settings: Settings = SETTINGS,
    *,
    rerank: Outcome | None = None,
    change: Callable[[RerankScores], None] | None = None,
    text: str = "wait blokcing",
) -> Trace:
    """Six documents, two legs, one feature; the first three of the fused list reranked.

    Document ``d5`` is absent from the dense leg, ``d1`` was completed in it.
    """
    ids = tuple(f"d{number}" for number in range(6))
    scores = np.array([[12.0, 0.8], [9.0, 0.7], [7.0, 0.9], [4.0, 0.5], [2.0, 0.6], [1.0, np.nan]])
    returned = np.array([[True, True], [True, False], [True, True], [True, True], [False, True], [True, False]])
    pool = CandidatePool(
        ids,
        (Leg("lexical", ScoreKind.BM25), Leg("dense", ScoreKind.COSINE)),
        scores,
        returned,
        tuple(settings.features),
        np.full((6, len(settings.features)), 3.0),
        {"lexical": ("title", "text")},
        {"lexical": np.stack([scores[:, 0] * 0.75, scores[:, 0] * 0.25], axis=1)},
    )
    weighting = Weighting.of(settings)
    fused = rank(pool, None, weighting).fused_order
    given = RerankScores.none(6)
    given = replace(given, kind=ScoreKind.LOGIT)
    if settings.rerank.enabled and (rerank is None or rerank.status is not Status.FAILED):
        given.raw[fused[:3]] = [0.5, 2.0, -1.0]
        given.tokens[fused[:3]] = 212
        given.truncated[fused[0]] = True
        given = replace(given, total=np.where(given.truncated, 1340, given.tokens))
    if change:
        change(given)
    terms = (
        QueryTerm("wait", "text", 1.0, 3, 2.4),
        QueryTerm("sleep", "text", 0.25, 1, 3.1, source="wait"),
        QueryTerm("blokc", "text", 1.0, 0, 0.0, nearest=("block", "lock")),
    )
    documents = {i: Document(i, {"title": f"Title of {i}", "text": TEXT}) for i in ids}
    return Trace(
        query=Query.plain(text),
        settings=settings,
        pool=pool,
        rerank=given,
        ranking=rank(pool, given, weighting),
        analysis=Analysis(terms),
        stages=stages(rerank),
        totals={"lexical": 40, "dense": 6},
        reranker=RerankerInfo("local", model="minilm"),
        documents=documents,
    )
