"""Running one stage: its budget, its times, and its failure turned into an outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.errors import RankscopeError
from engine.loading import Loading, told
from engine.logs import logger
from engine.records import Outcome, RanOn, StagePart, StageReport, Status
from engine.remote.offline import DECLINED
from engine.trace import Event, LegFinished, ModelLoading, StageFinished, StageStarted

T = TypeVar("T")
log = logger(__name__)


FAULT = "fault"
"""The reason of an outcome where Rankscope itself is at fault."""


def failure(name: str, error: Exception, budget_ms: float) -> Outcome:
    """The outcome that the exception of stage ``name`` stands for; the log has it as well.

    A budget that ran out and every ``RankscopeError`` are somebody's failure. Anything else is a bug, is called one,
    and stands in the log with its traceback; the stages after it go on, for a search is not lost with one of them.
    """
    if isinstance(error, TimeoutError):
        outcome = Outcome(Status.FAILED, reason="budget", text=f"budget {budget_ms:.0f} ms")
    elif isinstance(error, RankscopeError):
        status = Status.SKIPPED if error.reason == DECLINED else Status.FAILED
        outcome = Outcome(status, reason=error.reason, text=str(error), hint=error.hint)
    else:
        text = f"a bug in Rankscope: {type(error).__name__}: {error}"
        log.error("%s failed: %s", name, text, exc_info=error)
        return Outcome(Status.FAILED, reason=FAULT, text=text, hint="please report it: the log has the traceback")
    log.warning("%s failed: %s", name, outcome.text)
    return outcome


@dataclass(slots=True)
class StageRecorder:
    """Collects the reports of one run and tells each event as it happens.

    ``base_ms`` is where the run begins on the query's time line: a later run (a leg raised from 0, newcomers to
    score) continues where the earlier one ended, so that its bars stand behind the others. ``loading_ms`` is what the
    run waited for models, which counts against no budget.
    """

    emit: Callable[[Event], None]
    query_ms: float
    base_ms: float = 0.0
    loading_ms: float = 0.0
    reports: list[StageReport] = field(default_factory=list)
    _origin: float = field(default_factory=time.perf_counter)

    def now_ms(self) -> float:
        """Milliseconds on the query's time line."""
        return self.base_ms + (time.perf_counter() - self._origin) * 1e3

    def budget_ms(self, stage_ms: float) -> float:
        """What a stage may take: its own budget, or what is left of the query's."""
        return max(0.0, min(stage_ms, self.query_ms + self.loading_ms - (self.now_ms() - self.base_ms)))

    @asynccontextmanager
    async def within(self, name: str, budget_ms: float) -> AsyncIterator[None]:
        """Raises ``TimeoutError`` once stage ``name`` has worked for its budget; waiting for a model is told as events
        and not counted."""
        loop = asyncio.get_running_loop()
        begin: float | None = None
        end = loop.time() + budget_ms / 1e3

        def hear(loading: Loading | None) -> None:
            nonlocal begin, end
            if loading is not None and begin is None:
                begin = loop.time()
                limit.reschedule(None)
            elif loading is None and begin is not None:
                waited, begin = loop.time() - begin, None
                end += waited
                self.loading_ms += waited * 1e3
                if not limit.expired():
                    limit.reschedule(end)
            self.emit(ModelLoading(name, loading))

        with told(hear):
            async with asyncio.timeout_at(end) as limit:
                yield

    def started(self, name: str) -> float:
        start = self.now_ms()
        self.emit(StageStarted(name, start))
        return start

    def on_line(self, part: StagePart) -> StagePart:
        """A part timed by ``perf_counter``, in milliseconds, on the query's time line."""
        shift = self.base_ms - self._origin * 1e3
        return StagePart(part.name, part.start_ms + shift, part.end_ms + shift)

    def finished(
        self,
        name: str,
        start: float,
        ran_on: RanOn,
        outcome: Outcome,
        returned: int | None = None,
        parts: tuple[StagePart, ...] = (),
    ) -> None:
        report = StageReport(name, start, self.now_ms(), ran_on, outcome, parts)
        self.reports.append(report)
        self.emit(StageFinished(report) if returned is None else LegFinished(report, returned))

    async def run(
        self,
        name: str,
        work: Callable[[], Awaitable[T]],
        *,
        ran_on: RanOn = RanOn.THREAD,
        budget_ms: float = float("inf"),
        returned: Callable[[T], int] | None = None,
        account: Callable[[T], tuple[tuple[StagePart, ...], str]] | None = None,
    ) -> T | None:
        """Await the work inside its budget. None when it failed: the report then says why, and nothing is raised.

        ``account`` says of an answer where its time went (parts timed by ``perf_counter``, in milliseconds) and what is
        missing in it, '' for nothing. A cancelled stage is reported as such and the cancellation goes on.
        """
        budget = self.budget_ms(budget_ms)
        start = self.started(name)
        outcome, value = Outcome(), None
        parts: tuple[StagePart, ...] = ()
        try:
            async with self.within(name, budget):
                value = await work()
            if returned is not None:
                outcome = Outcome(done=returned(value), total=returned(value))
            if account is not None:
                timed, missing = account(value)
                parts = tuple(self.on_line(part) for part in timed)
                if missing:
                    outcome = replace(outcome, status=Status.PARTIAL, reason="shards", text=missing)
        except asyncio.CancelledError:
            outcome = Outcome(Status.CANCELLED, reason="cancelled", text="cancelled")
            raise
        except Exception as error:
            outcome = failure(name, error, budget)
        finally:
            self.finished(name, start, ran_on, outcome, None if returned is None else outcome.done, parts)
        return value

    def skipped(self, name: str, reason: str, text: str) -> None:
        """Report a stage that did not run, and why."""
        now = self.now_ms()
        self.reports.append(StageReport(name, now, now, RanOn.LOOP, Outcome(Status.SKIPPED, reason=reason, text=text)))
