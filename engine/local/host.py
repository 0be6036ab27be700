"""The host of local models: one worker process, started with the first request and ended when it was idle for a while.

    host = LocalHost(settings.local)
    async for batch in host.score(spec, "a query", texts): ...
    encoded = await host.encode(spec, texts)

Torch lives in the worker alone. A crash of it is a ``RerankerError`` or an ``EmbedderError`` with its cause for the
requests that were under way, and the next request starts another.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.errors import MissingExtraError
from engine.loading import Loading, listener
from engine.local.asked import Asked, slices
from engine.local.base import ModelInfo, ModelSpec
from engine.local.faults import fault
from engine.local.keeping import KeepAlive
from engine.local.liveness import BEAT_S, Liveness
from engine.local.messages import (
    Alive,
    Answer,
    Cancel,
    Configure,
    Done,
    Encode,
    Failed,
    Open,
    Opened,
    Ping,
    Progress,
    Report,
    Score,
    Scores,
    Texts,
    Vectors,
)
from engine.local.models.cache import cache_folder
from engine.local.process import GRACE_S, WorkerProcess, worker_command
from engine.local.speed import Speed
from engine.local.state import HostState, memory_of
from engine.logs import logger
from engine.settings.schema import LocalSettings

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Encoded:
    """float32[n, dimension], with the tokens seen of each text and whether it was cut."""

    vectors: npt.NDArray[np.float32]
    tokens: list[int]
    cut: list[bool]


class LocalHost:
    """Holds the worker. For one event loop; cheap to make, and nothing starts before it is asked."""

    def __init__(
        self,
        settings: LocalSettings = LocalSettings(),  # noqa: B008 (frozen)
        *,
        offline: bool = False,
        base_dir: Path | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``offline`` fetches nothing from the hub; ``base_dir`` is what the settings' folder of models is relative
        to; ``command`` starts another worker than ours."""
        self._base_dir = base_dir
        self._keep_alive = KeepAlive(settings.keep_alive_s, self._expire)
        self._heeded = settings, offline
        self._configure = self._configuration(settings, offline)
        self._command = command
        self._environment = dict(environment or {})
        self._process: WorkerProcess | None = None
        self._reader: asyncio.Task[None] | None = None
        self._minder: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[None]] = set()
        self._liveness = Liveness()
        self._starting = asyncio.Lock()
        self._ids = count(1)
        self._requests: dict[int, Asked] = {}
        self._known: dict[ModelSpec, ModelInfo] = {}
        self._report = Report([])
        self._loading: Loading | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ended = ""
        self._watchers: list[Callable[[], None]] = []
        self._closed = False
        self.speed = Speed()

    # --- what can be asked ------------------------------------------------------------------------------------------

    async def open_model(self, spec: ModelSpec) -> ModelInfo:
        """The model as loaded; loads it where it is not. Raises ``ModelError`` and what ``score`` raises."""
        async with self._asking(spec) as request:
            await request.send(Open(request.id, spec))
            async for answer in self._answers(request):
                if isinstance(answer, Opened):
                    self._known[spec] = answer.info
            return self._known[spec]

    async def score(
        self,
        spec: ModelSpec,
        query: str,
        texts: Sequence[str],
        *,
        instruction: str = "",
        max_tokens: int = 0,
        window: int = 16,
        batch: int = 0,
        budget: int = 0,
    ) -> AsyncGenerator[Scores, None]:
        """Raw scores, window by window in the texts' order. Closing the iterator drops the rest.

        Raises ``MissingExtraError`` without torch, ``ModelError`` where the model cannot be had, ``RerankerError``
        where the worker ended or could not score.
        """
        async with self._asking(spec) as request:
            ask = Score(request.id, spec, query, len(texts), instruction, max_tokens, window, batch, budget)
            await request.send(ask)
            for some in slices(texts):
                await request.send(Texts(request.id, some))
            async for answer in self._answers(request):
                if isinstance(answer, Scores):
                    yield answer

    async def encode(
        self, spec: ModelSpec, texts: Sequence[str], *, as_query: bool = False, instruction: str = ""
    ) -> Encoded:
        """The vectors of all texts. Raises as ``score`` does, with ``EmbedderError``."""
        async with self._asking(spec) as request:
            await request.send(Encode(request.id, spec, list(texts), as_query, instruction))
            parts = [answer async for answer in self._answers(request) if isinstance(answer, Vectors)]
        rows = [np.frombuffer(part.data, dtype=np.float32).reshape(len(part.tokens), -1) for part in parts]
        return Encoded(
            np.concatenate(rows) if rows else np.zeros((0, 0), dtype=np.float32),
            [tokens for part in parts for tokens in part.tokens],
            [cut for part in parts for cut in part.cut],
        )

    def known(self, spec: ModelSpec) -> ModelInfo | None:
        """The model as it was when it was last loaded in this session, None before."""
        return self._known.get(spec)

    def has(self, spec: ModelSpec) -> bool:
        """Whether the model is loaded now."""
        return self._process is not None and any(spec == loaded for loaded, _ in self._report.models)

    # --- the worker's life --------------------------------------------------------------------------------------------

    @property
    def state(self) -> HostState:
        """What a status chip shows."""
        process = self._process
        phase: Literal["off", "loading", "busy", "idle"] = "off"
        if process is not None:
            phase = "loading" if self._loading else "busy" if self._requests else "idle"
        return HostState(
            phase,
            pid=process.pid if process else 0,
            models=tuple(info for _, info in self._report.models) if process else (),
            loading=self._loading,
            requests=len(self._requests),
            memory_bytes=memory_of(process.pid) if process else 0,
            device_used=self._report.device_used if process else 0,
            device_total=self._report.device_total if process else 0,
            ends_in_s=self._keep_alive.ends_in_s,
            ended=self._ended,
        )

    def heed(self, settings: LocalSettings, offline: bool) -> None:
        """From now on these settings count; threads with the next model that is loaded."""
        if (settings, offline) == self._heeded:
            return
        self._heeded = settings, offline
        configure = self._configuration(settings, offline)
        if configure != self._configure:
            self._configure = configure
            if self._process is not None:
                self._process.send_soon(configure)
        if settings.keep_alive_s != self._keep_alive.seconds:
            self._keep_alive.seconds = settings.keep_alive_s
            self._lease(0)

    @property
    def models(self) -> Path:
        """The folder that keeps models of the hub."""
        return Path(self._configure.cache_dir)

    def _configuration(self, settings: LocalSettings, offline: bool) -> Configure:
        cache = cache_folder(settings.cache_dir, base_dir=self._base_dir)
        return Configure(settings.threads, offline, str(cache))

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` whenever ``state`` has; returns what ends that."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    async def unload(self) -> None:
        """End the worker, and with it all it holds. Requests under way fail; the next one starts another."""
        process, reader = self._process, self._reader
        if process is not None:
            self._ended = "unloaded"
            await process.stop()
        if reader is not None:
            await reader

    async def close(self) -> None:
        """End the worker for good."""
        self._closed = True
        await self.unload()
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=GRACE_S)

    @asynccontextmanager
    async def _asking(self, spec: ModelSpec) -> AsyncIterator[Asked]:
        """A request under an id of its own, on a running worker that stays as long as it."""
        if self._command is None and importlib.util.find_spec("torch") is None:
            raise MissingExtraError("local models need torch and transformers", hint="pip install 'rankscope[local]'")
        request = Asked(next(self._ids), spec, listener())
        self._requests[request.id] = request
        self._lease(+1)
        try:
            if not self.has(spec):
                request.tell(Loading(spec.model, "load" if self._process else "start"))
            request.worker = await self._running(spec)
            yield request
        finally:
            if not request.ended and request.worker is not None:
                request.worker.send_soon(Cancel(request.id))
            del self._requests[request.id]
            request.tell(None)
            self._lease(-1)

    async def _answers(self, request: Asked) -> AsyncIterator[Opened | Scores | Vectors]:
        """What comes under the request's id, to its end. Raises what a failure stands for."""
        while True:
            answer = await request.answers.get()
            request.tell(None)
            if isinstance(answer, (Done, Failed)) or answer is None:
                request.ended = True
                if isinstance(answer, Done):
                    return
                raise fault(request.spec, answer, self._ended)
            yield answer

    async def _running(self, spec: ModelSpec) -> WorkerProcess:
        """The worker, started where there is none, for a request on ``spec``."""
        async with self._starting:
            if self._process is not None and not self._process.stopped:
                return self._process
            if self._reader is not None:
                await asyncio.wait([self._reader])
            if self._closed:
                raise RuntimeError("this host of local models is closed")
            started = time.perf_counter()
            command = self._command or worker_command()
            try:
                self._process = await WorkerProcess.start(command, self._environment)
            except OSError as error:
                raise fault(spec, None, f"it cannot be started ({error.strerror}: {command[0]})") from error
            self._ended = ""
            self._process.send_soon(self._configure)
            self._reader = asyncio.create_task(self._read(self._process), name="local worker")
            self._minder = asyncio.create_task(self._mind(self._process), name="life of the worker")
            log.info("worker %d started in %.0f ms", self._process.pid, (time.perf_counter() - started) * 1e3)
            self._changed()
            return self._process

    async def _read(self, process: WorkerProcess) -> None:
        """Hand out the answers, to its end."""
        async for answer in process.answers():
            if process is self._process:
                self._receive(answer)
        if process is self._process:
            self._gone(process)

    async def _mind(self, process: WorkerProcess) -> None:
        """Ask the worker whether it lives as long as somebody waits for it, and give up one that hangs."""
        self._liveness = liveness = Liveness()
        while True:
            await asyncio.sleep(BEAT_S)
            if not self._requests and not liveness.asked:
                continue
            loading = self._loading is not None or not all(self.has(each.spec) for each in self._requests.values())
            if cause := liveness.beat(loading):
                break
            if not liveness.asked:
                liveness.asked = True
                process.send_soon(Ping())
        process.give_up(cause)
        if self._reader is not None:  # the system may take its time to end it, and nobody need wait for that
            self._given_up.add(self._reader)
            self._reader.add_done_callback(self._given_up.discard)
        self._gone(process)

    def _gone(self, process: WorkerProcess) -> None:
        """Tell all that wait for the worker that there is none any more."""
        self._ended = process.cause or self._ended
        log.log(30 if process.cause else 20, "worker %d ended: %s", process.pid, self._ended or "as asked")
        if self._minder is not None and self._minder is not asyncio.current_task():
            self._minder.cancel()
        self._process, self._reader, self._minder = None, None, None
        self._report, self._loading = Report([]), None
        for request in self._requests.values():
            if request.worker is process:  # the others wait for the next one
                request.answers.put_nowait(None)
        self._keep_alive.stop()
        self._changed()

    def _receive(self, answer: Answer) -> None:
        self._liveness.heard(answer)
        if isinstance(answer, Alive):
            return
        if isinstance(answer, Progress):
            there = answer.done < 0
            self._loading = None if there else Loading(answer.spec.model, answer.step, answer.done, answer.total)
            for waiting in self._requests.values():
                if waiting.spec == answer.spec:
                    waiting.tell(self._loading)
            self._lease(0)
        elif isinstance(answer, Report):
            self._report = answer
            self._known.update(answer.models)
            self._changed()
        elif (request := self._requests.get(answer.id)) is not None:
            request.answers.put_nowait(answer)

    def _lease(self, change: int) -> None:
        """``change`` more requests use the worker."""
        self._keep_alive.count(change, self._process is not None, self._loading is not None)
        self._changed()

    def _expire(self) -> None:
        """Nobody used the worker for a while."""
        if self._process is not None and not self._keep_alive.users:
            self._ended = "idle"
            self._process.retire()  # before anything else runs: who asks now waits for the next worker
            self._stopping = asyncio.create_task(self._process.stop(), name="end of the worker")

    def _changed(self) -> None:
        for changed in list(self._watchers):
            changed()
