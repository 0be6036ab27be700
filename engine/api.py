"""Opening an index: the async pipeline, and a synchronous facade of it for programs without a loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType

from engine.errors import SettingsError
from engine.executor import make_executor
from engine.local.host import LocalHost
from engine.pipeline import Pipeline
from engine.remote.ledger import Ledger
from engine.remote.offline import OfflineRule
from engine.remote.pool import ClientPool
from engine.rerankers.registry import RERANKERS, Factory
from engine.rerankers.score_cache import ScoreCache
from engine.resources import Resources
from engine.settings.schema import Settings
from engine.stores import registry as stores
from engine.trace import Trace


def open_pipeline(
    settings: Settings,
    base_dir: Path,
    *,
    cache_dir: Path | None = None,
    ledger: Path | None = None,
    explicit: Collection[str] = (),
    rerankers: Mapping[str, Factory] = RERANKERS,
) -> Pipeline:
    """Open the settings' store and make ready to search it.

    base_dir   what relative paths of the settings are relative to
    cache_dir  where rerank scores are kept between runs; None keeps none
    ledger     the file that keeps account of calls to services; None keeps none
    explicit   dotted names that were set by hand: an analyser among them must be the index's own

    Raises ``StoreError`` (nothing there, damaged, built with another embedder or analyser) and ``SettingsError``.
    """
    executor = make_executor()
    try:
        store = stores.open_store(settings, base_dir, executor, explicit)
    except BaseException:
        executor.shutdown(wait=False)
        raise
    cache = ScoreCache(cache_dir / "rerank-scores.sqlite3") if cache_dir else None
    rule = OfflineRule.of(settings.remote)
    remote = ClientPool(executor, rule, Ledger(ledger, executor))
    local = LocalHost(settings.local, offline=settings.remote.offline, base_dir=base_dir)
    return Pipeline(Resources(store, executor, cache, rerankers, remote, base_dir, settings.providers, local))


class SyncPipeline:
    """A pipeline for programs without an event loop (and for notebooks that run one of their own).

        with SyncPipeline.open(Settings(), Path("my-index-folder")) as search:
            trace = search("a query")

    The searches run on a loop in a thread of their own; calls from several threads are safe.
    """

    def __init__(self, make: Callable[[], Pipeline], settings: Settings) -> None:
        self.settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rankscope-loop", daemon=True)
        self._thread.start()
        try:
            self.pipeline = make()
        except BaseException:
            self._stop()
            raise

    @classmethod
    def open(cls, settings: Settings, base_dir: Path) -> SyncPipeline:
        """Open as ``open_pipeline`` does; the errors are the same."""
        return cls(lambda: open_pipeline(settings, base_dir), settings)

    def __call__(self, text: str, settings: Settings | None = None, *, syntax: bool = True) -> Trace:
        """Search, and wait for the whole trace."""
        if not self._thread.is_alive():
            raise SettingsError("this pipeline is closed", hint="open it again")
        search = self.pipeline.search(text, settings or self.settings, syntax=syntax)
        return asyncio.run_coroutine_threadsafe(search, self._loop).result()

    def close(self) -> None:
        """Close the index and end the thread. Closing twice is no error."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self.pipeline.close(), self._loop).result()
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> SyncPipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
