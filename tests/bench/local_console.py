"""The console while a local cross-encoder loads and reranks: ``python tests/bench/local_console.py [DOCUMENTS]``.

The whole application runs on a driver that makes every escape code and throws it away. A ticker on its loop says by how
much each 5 ms came late, and how long the loop's own thread computed in between (the same on a machine that others
load); a key that moves the list's cursor is pressed ten times a second, and its frame waited for.
Three spells: at rest; from a query's Enter to the first score (worker started, torch imported, MiniLM-L6's shape loaded
and compared); from there to the last of DOCUMENTS scores.
"""

# ruff: noqa: E402, ASYNC110  (the path, and what Textual reads at import, come first)

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from console.app import prepare_textual
from console.collector import settle

prepare_textual()

from console.launch import Launch
from console.ui import ConsoleApp
from engine.api import open_pipeline
from engine.settings.load import Loaded
from engine.settings.schema import Settings, StoreSettings
from tests.bench.local_worker import make
from tests.bench.slider import NullDriver, Painted, corpus
from tests.corpus import build, changed

TICK_S = 0.005
QUERY = "river stone window market signal"


class Spell:
    """Milliseconds by which ticks came late, that the loop worked between two, and that keys took to their frame, until
    it is stopped."""

    def __init__(self, painted: Painted) -> None:
        self.late: list[float] = []
        self.work: list[float] = []
        self.keys: list[float] = []
        self._painted = painted
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._press())]

    async def _tick(self) -> None:
        while True:
            due, worked = time.perf_counter() + TICK_S, time.thread_time()
            await asyncio.sleep(TICK_S)
            self.late.append((time.perf_counter() - due) * 1e3)
            self.work.append((time.thread_time() - worked) * 1e3)

    async def _press(self) -> None:
        at = 0
        while True:
            await asyncio.sleep(0.1)
            self.keys.append(await self._painted.press("up" if at // 5 % 2 else "down") * 1e3)
            at += 1

    def stop(self, what: str) -> None:
        for task in self._tasks:
            task.cancel()
        late, work, keys = (statistics.quantiles(values, n=100) for values in (self.late, self.work, self.keys))
        print(
            f"{what:<28}{late[49]:8.1f}{late[94]:8.1f}{late[98]:8.1f}{max(self.late):8.1f}{work[98]:11.1f}{max(self.work):8.1f}"
            f"{keys[49]:11.1f}{keys[94]:8.1f}{max(self.keys):8.1f}   {len(self.keys)}",
            file=sys.__stdout__,  # the application takes the other one
            flush=True,
        )


async def main(documents: int) -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        spec = make(Path(folder) / "model", 6)
        index = build(Path(folder) / "index", corpus(2_048))
        rerank = {"provider": "local", "model": spec.model, "top_n": documents, "enabled": False}
        settings = changed(Settings(store=StoreSettings(path=str(index))), rerank=rerank)
        launch = Launch(Loaded(settings), lambda: open_pipeline(settings, Path(folder)), QUERY)
        app = ConsoleApp(launch, driver_class=NullDriver)

        async def drive() -> None:
            while app.main.session is None or app.main.session.trace is None or app.main.asking.busy:
                await asyncio.sleep(0.02)
            app.call_later(app.main.perform, "fused")
            await asyncio.sleep(0.5)
            settle()
            painted = Painted(app)
            print(
                f"{'ms':<28}{'late p50':>8}{'p95':>8}{'p99':>8}{'max':>8}{'work p99':>11}{'max':>8}"
                f"{'key p50':>11}{'p95':>8}{'max':>8}   keys",
                file=sys.__stdout__,
            )
            spell = Spell(painted)
            await asyncio.sleep(4)
            spell.stop("at rest")
            app.call_later(app.main.perform, "rerank")
            while not app.main.asking.busy:  # keys put it off: it waits until the switch has come to rest
                await asyncio.sleep(0.005)
            spell = Spell(painted)
            while not scored(app):
                await asyncio.sleep(0.02)
            spell.stop("while the model loads")
            spell = Spell(painted)
            while app.main.asking.busy:
                await asyncio.sleep(0.02)
            spell.stop("while it reranks")
            print(
                f"{scored(app)} of {documents} reranked, torch in this process: {'torch' in sys.modules}",
                file=sys.__stdout__,
            )

        running = asyncio.create_task(app.run_async(size=(160, 45)))
        try:
            await asyncio.sleep(1)
            await drive()
        finally:
            app.exit()
            await running
    print(f"load {os.getloadavg()[0]:.1f}")


def scored(app: ConsoleApp) -> int:
    """Documents that have a score."""
    session = app.main.session
    trace = session.trace if session is not None else None
    return 0 if trace is None else int((trace.rerank.raw == trace.rerank.raw).sum())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
