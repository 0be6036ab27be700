"""The way of a query, for every front door: console, commands, tuner, a user's own program.

    async with open_pipeline(settings, folder) as pipeline:
        trace = await pipeline.search("wait a few seconds", settings)

``engine.api`` opens one; ``engine.search`` holds what one query has learned.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType

from engine.analysis.query import Query, parse
from engine.local.host import LocalHost
from engine.remote.offline import MayLeave
from engine.resources import Resources
from engine.search import Search
from engine.settings.schema import Settings
from engine.stores.base import Store
from engine.trace import Event, Trace


class Pipeline:
    """An opened index with all that its searches share. Close it, or use it as an async context manager."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    @property
    def store(self) -> Store:
        return self.resources.store

    def ask_before_leaving(self, may_leave: MayLeave) -> None:
        """Have this asked before documents or a query go to a service off this machine."""
        if self.resources.remote is not None:
            self.resources.remote.may_leave = may_leave

    @property
    def local(self) -> LocalHost | None:
        """The host of models on this machine, None where there is none."""
        return self.resources.local

    def begin(self, text: str, *, syntax: bool = True) -> Search:
        """A search of this text, nothing asked yet. ``syntax`` reads phrases, exclusions and ``field:term``."""
        query = parse(text, self.store.info.text_fields) if syntax else Query.plain(text)
        return Search(self.resources, query)

    def run(self, text: str, settings: Settings, *, syntax: bool = True) -> AsyncGenerator[Event, None]:
        """The search event by event, ending with ``Finished``."""
        return self.begin(text, syntax=syntax).run(settings)

    async def search(self, text: str, settings: Settings, *, syntax: bool = True) -> Trace:
        """The whole search."""
        return await self.begin(text, syntax=syntax).finish(settings)

    async def warm(self, settings: Settings) -> None:
        """Load what the first query would have to wait for. A fault is left to the query, which tells it."""
        await self.resources.warm(settings)

    async def close(self) -> None:
        await self.resources.close()

    async def __aenter__(self) -> Pipeline:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
