"""The worker at work: the main thread reads requests, one thread loads models, one computes.

Between two forward passes the computing thread looks up: a query's vector comes first, what was cancelled is dropped.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from engine.local.base import ModelSpec, Pair, Scorer, Stopped, TextEncoder
from engine.local.messages import (
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
    Request,
    Score,
    Texts,
    Vectors,
)
from engine.local.worker.channel import Channel
from engine.local.worker.jobs import EncodeJob, OpenJob, ScoreJob, Turns
from engine.local.worker.pulse import Pulse
from engine.local.worker.slots import Loader, Slots, failure
from engine.logs import logger

log = logger(__name__)

_BUDGET = 1024
"""Tokens of a forward pass where a model names none."""
_SHARED = 4
"""Passes' worth of windows that concurrent queries put together, so that pairs of like length meet in a batch."""
_CHARACTERS = 4
"""Of a token, about: how much text makes a turn of documents to embed."""
_TELL_S = 0.05
"""Progress of a load is told at most this often."""
_REPORT_S = 1.0
"""Between two reports of the device's memory while scores are made."""
CUDA_LOST = 3
"""Exit status after a CUDA error: every later call would fail as well."""


class Worker:
    """Serves one channel until it closes."""

    def __init__(self, channel: Channel, load: Loader, configure: Configure) -> None:
        self._channel = channel
        self._turns = Turns()
        self._jobs: dict[int, OpenJob | EncodeJob | ScoreJob] = {}
        self._changed = threading.Condition(threading.RLock())
        self._told = self._reported = 0.0
        self._pulse = Pulse()
        self._slots = Slots(load, configure, self._loading, self._loaded, self._in_use)

    def serve(self) -> None:
        """Read requests to the end of the pipe; the rest of the process is then to end at once."""
        threading.Thread(target=self._compute, name="compute", daemon=True).start()
        for request in self._channel.requests():
            if isinstance(request, Ping):
                self._channel.send(self._pulse.told())
                continue
            with self._changed:
                self._take(request)
                self._changed.notify_all()

    # --- requests (main thread) ---------------------------------------------------------------------------------------

    def _take(self, request: Request) -> None:
        if isinstance(request, Cancel):
            self._forget(request.id)
        elif isinstance(request, Texts):
            job = self._jobs.get(request.id)
            if isinstance(job, ScoreJob):
                job.texts += request.texts
        elif isinstance(request, Open):
            self._begin(OpenJob.of(request))
        elif isinstance(request, Score):
            self._begin(ScoreJob.of(request))
        elif isinstance(request, Encode):
            self._begin(EncodeJob.of(request))
        elif isinstance(request, Configure):
            self._slots.configure = request

    def _begin(self, job: OpenJob | EncodeJob | ScoreJob) -> None:
        self._jobs[job.id] = job
        loaded = job.spec in self._slots.loaded()
        if isinstance(job, OpenJob):
            if loaded:
                self._opened(job)
        else:
            self._turns.add(job)
            if job.done:  # of no texts
                self._finish(job)
                return
        if not loaded:
            self._slots.want(job.spec)

    def _forget(self, id_: int) -> None:
        job = self._jobs.pop(id_, None)
        if job is not None:
            job.cancelled = True
            if not isinstance(job, OpenJob):
                self._turns.drop(job)

    def _in_use(self) -> set[ModelSpec]:
        with self._changed:
            return {job.spec for job in self._jobs.values()}

    # --- models (loading thread) --------------------------------------------------------------------------------------

    def _loading(self, spec: ModelSpec, step: str, done: int, total: int) -> None:
        with self._changed:
            if all(job.spec != spec for job in self._jobs.values()):
                raise Stopped
        now = time.monotonic()
        if now - self._told >= _TELL_S or done >= total:
            self._told = now
            self._channel.send(Progress(spec, step, max(0, done), total))

    def _loaded(self, spec: ModelSpec, failed: Failed | None) -> None:
        """Report first, so that whoever waits finds the model among the loaded."""
        self._channel.send(Progress(spec, "load", -1))
        self._report()
        with self._changed:
            for job in [job for job in self._jobs.values() if job.spec == spec]:
                if failed is not None and failed.kind == "cancelled":
                    self._slots.want(spec)  # asked for again while it was given up
                elif failed is not None:
                    self._fail(job, failed)
                elif isinstance(job, OpenJob):
                    self._opened(job)
                else:
                    job.came = time.perf_counter()  # it waited for the model, not for its turn
            self._changed.notify_all()
        if failed is not None and failed.kind == "cuda":
            self._die()

    def _opened(self, job: OpenJob) -> None:
        self._channel.send(Opened(job.id, self._slots.get(job.spec).info))
        self._finish(job)

    def _report(self) -> None:
        self._reported = time.monotonic()
        used, total = device_memory()
        self._channel.send(Report(self._slots.infos(), used, total))

    # --- work (computing thread) --------------------------------------------------------------------------------------

    def _compute(self) -> None:
        while True:
            with self._changed:
                while (work := self._turns.next(self._slots.loaded())) is None:
                    self._pulse.rest()
                    self._changed.wait()
            self._pulse.beat()
            if isinstance(work, EncodeJob):
                self._encode(work)
            else:
                self._score(work)

    def _encode(self, job: EncodeJob) -> None:
        """One turn of a job: a query whole, of documents as many as make some passes."""
        model = cast(TextEncoder, self._slots.get(job.spec))
        start = job.at
        texts = job.take((model.info.budget or _BUDGET) * _SHARED * _CHARACTERS)
        try:
            data, tokens, cut = model.encode(texts, job.ask.as_query, job.ask.instruction, self._stopped([job]))
        except Stopped:
            return
        except Exception as error:
            self._failed([job], error)
            return
        with self._changed:
            if not job.cancelled:
                self._channel.send(Vectors(job.id, start, data, tokens, cut))
                if job.done:
                    self._finish(job)

    def _score(self, jobs: Sequence[ScoreJob]) -> None:
        """One round: windows of the jobs by turns, in batches of like length."""
        model = cast(Scorer, self._slots.get(jobs[0].spec))
        ask = jobs[0].ask
        budget = ask.budget or model.info.budget or _BUDGET
        owners, pairs = self._windows(model, jobs, budget * (_SHARED if len(jobs) > 1 else 1))
        for indices in model.batches(pairs, ask.budget, ask.batch):
            while (query := self._urgent()) is not None:
                self._encode(query)
            live = [index for index in indices if not owners[index][0].cancelled]
            if live:
                self._forward(model, [pairs[index] for index in live], [owners[index] for index in live])
        if time.monotonic() - self._reported > _REPORT_S:
            self._report()

    def _stopped(self, jobs: Sequence[EncodeJob | ScoreJob]) -> Callable[[], bool]:
        """Asked at every step of a model: whether nobody waits for it any more."""

        def stopped() -> bool:
            self._pulse.beat()
            return all(job.cancelled for job in jobs)

        return stopped

    def _urgent(self) -> EncodeJob | None:
        with self._changed:
            return self._turns.query(self._slots.loaded())

    def _windows(
        self, model: Scorer, jobs: Sequence[ScoreJob], tokens: int
    ) -> tuple[list[tuple[ScoreJob, int]], list[Pair]]:
        """Pairs of about that many tokens, window by window, each with its job and its place there."""
        owners: list[tuple[ScoreJob, int]] = []
        pairs: list[Pair] = []
        room = tokens
        while room > 0 and (waiting := [job for job in jobs if job.waiting]):
            for job in waiting:
                made = self._window(model, job)
                owners += [(job, job.taken - len(made) + place) for place in range(len(made))]
                pairs += made
                room -= sum(pair.length for pair in made)
                with self._changed:
                    self._turns.served([job])
                if room <= 0:
                    break
        return owners, pairs

    def _window(self, model: Scorer, job: ScoreJob) -> list[Pair]:
        """The job's next texts as pairs; none where that failed, and the job with it."""
        ask, start = job.ask, time.perf_counter()
        texts = job.window()
        try:
            pairs = model.pairs(ask.query, texts, ask.instruction, ask.max_tokens)
        except Exception as error:
            self._failed([job], error)
            return []
        job.ids_made(pairs, time.perf_counter() - start)
        return pairs

    def _forward(self, model: Scorer, pairs: Sequence[Pair], owners: Sequence[tuple[ScoreJob, int]]) -> None:
        """One batch, its scores handed to the jobs. Where it fails, each job's share is tried alone: the fault of one
        is no other's."""
        jobs = list(dict.fromkeys(job for job, _ in owners))
        start = time.perf_counter()
        try:
            ask = jobs[0].ask
            scores = model.score(pairs, self._stopped(jobs), ask.budget, ask.batch)
        except Stopped:
            return
        except Exception as error:
            if len(jobs) == 1 or failure(error).kind == "cuda":
                self._failed(jobs, error)
                return
            log.warning("a batch of %d queries failed, each is tried alone", len(jobs), exc_info=error)
            scores = None
        if scores is None:
            for job in jobs:
                own = [at for at, (owner, _) in enumerate(owners) if owner is job]
                self._forward(model, [pairs[at] for at in own], [owners[at] for at in own])
            return
        seconds = time.perf_counter() - start
        with self._changed:
            for (job, place), score in zip(owners, scores, strict=True):
                job.scores[place] = score
            for job in jobs:
                job.forward_s += seconds
                self._answer(job)

    def _answer(self, job: ScoreJob) -> None:
        if not job.cancelled and (scores := job.ready()) is not None:
            self._channel.send(scores)
            if job.done:
                self._finish(job)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _finish(self, job: OpenJob | EncodeJob | ScoreJob) -> None:
        self._channel.send(Done(job.id))
        self._forget(job.id)

    def _fail(self, job: OpenJob | EncodeJob | ScoreJob, failed: Failed) -> None:
        self._channel.send(msgspec.structs.replace(failed, id=job.id))
        self._forget(job.id)

    def _failed(self, jobs: Sequence[EncodeJob | ScoreJob], error: Exception) -> None:
        """Tell of an exception; after a fault of the device nothing more can be computed, and the process ends."""
        failed = failure(error)
        log.warning("%s", failed.message, exc_info=error)
        with self._changed:
            for job in jobs:
                if not job.cancelled:
                    self._fail(job, failed)
        if failed.kind == "cuda":
            self._die()

    def _die(self) -> None:
        """End the process, so that the next request finds a whole device."""
        sys.stderr.flush()
        os._exit(CUDA_LOST)


def device_memory() -> tuple[int, int]:
    """Bytes that the models hold of the device's memory, and how much it has; 0 and 0 on a CPU."""
    torch = sys.modules.get("torch")
    if torch is None or not getattr(torch, "cuda", None) or not torch.cuda.is_available():
        return 0, 0
    devices = range(torch.cuda.device_count())
    used = sum(torch.cuda.memory_reserved(device) for device in devices)
    return used, sum(torch.cuda.mem_get_info(device)[1] for device in devices if torch.cuda.memory_reserved(device))
