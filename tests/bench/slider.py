"""From a slider's key to the painted frame, on a pool of 2,048 documents: median, p95, and what Textual alone takes.

    python tests/bench/slider.py [moves]

The application runs on a driver that makes every escape code and throws it away; run_test would leave that work out.
The peer is a screen of the same size whose lines are all new at every key.
"""

# ruff: noqa: E402, ASYNC110  (the path, and what Textual reads at import, come first)

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from console.app import prepare_textual
from console.collector import settle

prepare_textual()

from textual import events
from textual.app import App, ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.strip import Segment, Strip
from textual.widget import Widget

from console.launch import Launch
from console.ui import ConsoleApp
from engine.records import Document
from engine.settings.load import Loaded
from engine.settings.schema import DenseLeg, LexicalLeg, Settings
from tests.corpus import WatchedStore, build, changed, pipeline_on

Moves = list[tuple[float, float]]

POOL = 2_048
QUERY = "river stone window market signal"
VOCABULARY = (QUERY + " paper bridge engine garden letter mirror number orange pencil circle summer winter").split()


class NullDriver(HeadlessDriver):
    """Makes what a terminal would get, and counts it."""

    written = 0

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        NullDriver.written += len(data)


def corpus(count: int) -> list[Document]:
    rng = np.random.default_rng(7)
    words = rng.choice(VOCABULARY, size=(count, 40))
    return [
        Document(f"d{i}", {"title": f"{' '.join(row[:3])} {i}", "text": " ".join(row)}) for i, row in enumerate(words)
    ]


class Painted:
    """Waits for the frame after a key."""

    def __init__(self, app: App[None]) -> None:
        self.app = app
        self.frame = asyncio.Event()
        app.post_display_hook = self.frame.set  # type: ignore[method-assign]

    async def press(self, key: str) -> float:
        """Seconds from the key to the painted frame."""
        self.frame.clear()
        start = time.perf_counter()
        self.app.post_message(events.Key(key, None))
        await self.frame.wait()
        return time.perf_counter() - start


async def moves(painted: Painted, count: int) -> Moves:
    """Seconds by the clock and of the processor for each of so many moves, each after the one before has come to
    rest."""
    taken = []
    for at in range(count):
        processor = time.process_time()
        seconds = await painted.press("left" if at // 6 % 2 else "right")
        taken.append((seconds, time.process_time() - processor))
        await asyncio.sleep(0.03)
    return taken


async def console(size: tuple[int, int], store: WatchedStore, count: int) -> Moves:
    legs = {"lexical": LexicalLeg(top_k=POOL), "dense": DenseLeg(top_k=POOL)}
    settings = changed(Settings(), legs=legs, rerank={"top_n": 50})
    app = ConsoleApp(Launch(Loaded(settings), lambda: pipeline_on(store), QUERY), driver_class=NullDriver)

    async def drive() -> Moves:
        while app.main.session is None or app.main.session.trace is None or app.main.asking.busy:
            await asyncio.sleep(0.02)
        assert len(app.main.session.trace.pool) == POOL
        app.main.perform("weights")
        await asyncio.sleep(0.6)
        settle()
        return await moves(Painted(app), count)

    return await run(app, size, drive)


class Page(Widget, can_focus=True):
    """Lines that are all new at every key."""

    DEFAULT_CSS = "Page { width: 1fr; height: 1fr; }"
    turn = 0

    def on_key(self) -> None:
        self.turn += 1
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return Strip([Segment(f"{self.turn + y:<{self.size.width}}")], self.size.width)


class Bare(App[None]):
    """Textual with one widget that fills the screen."""

    def compose(self) -> ComposeResult:
        yield Page()


async def bare(size: tuple[int, int], count: int) -> Moves:
    app = Bare(driver_class=NullDriver)

    async def drive() -> Moves:
        await asyncio.sleep(0.5)
        return await moves(Painted(app), count)

    return await run(app, size, drive)


async def run(app: App[None], size: tuple[int, int], drive: Callable[[], Awaitable[Moves]]) -> Moves:
    """The application at that size until the drive is done, and what the drive gave."""
    running = asyncio.create_task(app.run_async(size=size))
    try:
        return await drive()
    finally:
        app.exit()
        await running


def told(taken: Moves) -> str:
    p50, p95 = np.percentile(np.array(taken)[:, 0] * 1e3, [50, 95])
    processor = np.median(np.array(taken)[:, 1]) * 1e3
    return f"p50 {p50:5.1f} ms  p95 {p95:5.1f} ms  (processor {processor:4.1f})"


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = build(Path(folder) / "index", corpus(POOL))
        for size in ((160, 45), (80, 24), (220, 50)):
            store = WatchedStore(index)
            peer = await bare(size, count)
            written = NullDriver.written
            ours = await console(size, store, count)
            kilobytes = (NullDriver.written - written) / count / 1e3
            ratio = np.median(np.array(ours)[:, 0]) / np.median(np.array(peer)[:, 0])
            print(
                f"{size[0]:>3}×{size[1]}  slider→frame {told(ours)}   bare Textual {told(peer)}   "
                f"ratio {ratio:.1f}   {kilobytes:.0f} kB a move"
            )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
