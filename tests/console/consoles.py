"""What the console's tests share: a session and an application on the small real index, a reranker that waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.launch import Launch
from console.session import Session
from console.ui import ConsoleApp
from engine.pipeline import Pipeline
from engine.records import RerankerInfo, ScoreKind
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.settings.load import Loaded
from engine.settings.schema import Settings
from tests.corpus import WatchedStore, pipeline_on

QUERY = "wait some seconds on a thread"


class GatedReranker:
    """A real reranker, the longer the text the better, that scores one window of two whenever ``gate`` lets it."""

    info = RerankerInfo("gated", model="by-length", kind=ScoreKind.LOGIT)
    window = 2
    cacheable = False

    def __init__(self) -> None:
        self.gate = asyncio.Semaphore(1000)
        self.asked: list[str] = []

    def close_gate(self) -> None:
        self.gate = asyncio.Semaphore(0)

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        for start in range(0, len(documents), self.window):
            await self.gate.acquire()
            batch = documents[start : start + self.window]
            self.asked += [each.document.id for each in batch]
            yield RerankBatch.of(start, [float(len(each.text)) for each in batch])


def gated_pipeline(store: WatchedStore, gated: GatedReranker) -> Pipeline:
    return pipeline_on(store, gated=lambda *_: gated)


def session_on(pipeline: Pipeline, settings: Settings | None = None, file: Path | None = None) -> Session:
    settings = settings or Settings()
    return Session(pipeline, Loaded(settings, file=file, base_dir=file.parent if file else Path.cwd()))


async def drained(events: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in events]


@asynccontextmanager
async def running(
    pipeline: Pipeline, settings: Settings | None = None, size: tuple[int, int] = (160, 45), **launch: Any
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    """The application on an opened pipeline, its index open."""
    loaded = Loaded(settings or Settings(), **({"file": launch.pop("file")} if "file" in launch else {}))
    app = ConsoleApp(Launch(loaded, lambda: pipeline, **launch))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.session is not None)
        yield app, pilot


async def until(pilot: Pilot[None], holds: Any, seconds: float = 10.0) -> None:
    """Wait until a condition holds and the screen was laid out since; failing to is a failed test."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await pilot.pause(0.01)
    await pilot.pause()


async def answered(app: ConsoleApp, pilot: Pilot[None]) -> None:
    """Wait until a query has its whole answer on the screen."""
    session = app.main.session
    assert session is not None
    await until(pilot, lambda: session.trace is not None and not app.main.asking.busy)
    await pilot.pause()


def screen_text(app: ConsoleApp) -> str:
    """What the screen shows, as lines of text."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())
