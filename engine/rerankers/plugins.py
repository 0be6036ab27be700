"""Rerankers from other packages: found by entry point, loaded with the first search that asks for one.

A package names its reranker in its own metadata, and ``rerank.provider = "acme"`` chooses it:

    [project.entry-points."rankscope.rerankers"]
    acme = "acme_rerank:make"

``make(settings)`` gets the ``RerankSettings`` and returns a ``Reranker``, which is asynchronous and streams, or a
``SyncReranker``, which is called in a thread of its own few. It is called once for settings that are alike. A name of
Rankscope's own always means Rankscope's own. The variable ``RANKSCOPE_PLUGINS=off`` leaves every plugin out.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engine.errors import RankscopeError, RerankerError, SettingsError
from engine.executor import run_in
from engine.records import RanOn, RerankerInfo
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.ledger import rerank_key
from engine.settings.schema import RerankSettings

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "rankscope.rerankers"
VARIABLE = "RANKSCOPE_PLUGINS"
THREADS = 2
"""Calls of synchronous plugins at once: a slow one must not take the threads of the legs."""
WINDOW = 16
_OFF = ("off", "0", "no", "false")


class SyncReranker(Protocol):
    """What a plugin without ``async`` offers. It may also have ``info`` (a ``RerankerInfo``: model, score kind …),
    ``window`` (documents a call, 16) and ``cacheable`` (false)."""

    def score(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A number for each text, the higher the better; NaN for none."""
        ...


@dataclass(frozen=True, slots=True)
class Plugin:
    """A reranker that a package offers; nothing of it is loaded."""

    entry: EntryPoint

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def origin(self) -> str:
        """The distribution and its version, as errors name them."""
        dist = self.entry.dist
        return f"{dist.name} {dist.version}" if dist else self.entry.module


def left_out(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the environment asks for Rankscope alone."""
    return (os.environ if environ is None else environ).get(VARIABLE, "").strip().lower() in _OFF


def plugins(environ: Mapping[str, str] | None = None) -> dict[str, list[Plugin]]:
    """Every name that installed packages offer, and who offers it. Reads their metadata, runs nothing of theirs."""
    from importlib.metadata import entry_points  # 10 ms that few need

    found: dict[str, list[Plugin]] = {}
    for entry in () if left_out(environ) else entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(Plugin(entry))
    return found


class PluginHost:
    """What the searches of a pipeline share: the plugins that are loaded, and the threads of those without async."""

    def __init__(self) -> None:
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix="rankscope-plugin")
        self._known: dict[str, list[Plugin]] | None = None
        self._made: dict[bytes, Any] = {}
        self._loading = asyncio.Lock()

    def find(self, name: str) -> Plugin | None:
        """Raises ``SettingsError`` where two packages offer the name."""
        if self._known is None:
            self._known = plugins()
        offered = self._known.get(name, [])
        if len(offered) > 1:
            raise SettingsError(
                f"rerank.provider: {name!r} is offered by {' and by '.join(each.origin for each in offered)}",
                path="rerank.provider",
                hint="uninstall all but one",
            )
        return offered[0] if offered else None

    async def made(self, plugin: Plugin, settings: RerankSettings) -> Any:
        """The plugin's own object for these settings. Raises ``RerankerError``."""
        key = rerank_key(settings)
        async with self._loading:
            if key not in self._made:
                self._made[key] = await run_in(self.executor, _make, plugin, settings)
        return self._made[key]

    def close(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)


class PluginReranker:
    """A plugin's reranker, held to what every reranker must do. All that it raises becomes a ``RerankerError``."""

    def __init__(self, plugin: Plugin, settings: RerankSettings, host: PluginHost) -> None:
        self._plugin, self._settings, self._host = plugin, settings, host
        self._made: Any = None
        self.window, self.cacheable = WINDOW, False

    async def open(self) -> None:
        """Load it. Raises ``RerankerError``."""
        self._made = await self._host.made(self._plugin, self._settings)
        with blaming(self._plugin):
            self.window = max(1, int(getattr(self._made, "window", WINDOW)))
            self.cacheable = bool(getattr(self._made, "cacheable", False))

    @property
    def info(self) -> RerankerInfo:
        told = getattr(self._made, "info", None)
        info = told if isinstance(told, RerankerInfo) else RerankerInfo(self._plugin.name, ran_on=RanOn.THREAD)
        scope = f"{self._plugin.origin} {info.scope}".strip()
        return replace(info, provider=self._plugin.name, model=info.model or self._settings.model, scope=scope)

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        with blaming(self._plugin):
            if not hasattr(self._made, "score"):
                async with aclosing(self._made.rerank(query, documents)) as batches:
                    async for batch in batches:
                        self._check(batch.start, batch.scores, len(documents) - batch.start)
                        yield batch
                return
            for start in range(0, len(documents), self.window):
                texts = [document.text for document in documents[start : start + self.window]]
                scores = np.asarray(await run_in(self._host.executor, self._made.score, query, texts), dtype=np.float64)
                self._check(start, scores, len(texts), exactly=True)
                yield RerankBatch(start, scores)

    @staticmethod
    def _check(start: int, scores: Any, room: int, *, exactly: bool = False) -> None:
        """Refuses what is no row of numbers, or not as many as there are documents."""
        if not isinstance(scores, np.ndarray) or scores.ndim != 1 or scores.dtype.kind != "f":
            raise TypeError("something else than a row of scores")
        if start < 0 or len(scores) > room or (exactly and len(scores) < room):
            raise ValueError(f"{len(scores)} scores for {room} documents")
        if np.isinf(scores).any():
            raise ValueError("a score that is not finite")


def _make(plugin: Plugin, settings: RerankSettings) -> Any:
    with blaming(plugin):
        made = plugin.entry.load()(settings)
        if not (hasattr(made, "score") or hasattr(made, "rerank")):
            raise TypeError(f"{plugin.entry.value} made a {type(made).__name__}, which has neither score nor rerank")
        return made


@contextmanager
def blaming(plugin: Plugin) -> Iterator[None]:
    """Whatever a plugin raises, its import included, as one error that names the package."""
    try:
        yield
    except RankscopeError:
        raise
    except Exception as error:
        raise RerankerError(
            f"{plugin.name}, a reranker of {plugin.origin}: {type(error).__name__}: {error}",
            hint=f"report it to {plugin.origin.split(' ')[0]}; {VARIABLE}=off leaves plugins out",
        ) from error
