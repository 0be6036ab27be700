"""Running one stage: its budget, its times, and its failure turned into an outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.errors import RankscopeError
from engine.logs import logger
from engine.records import Outcome, RanOn, StagePart, StageReport, Status
from engine.remote.offline import DECLINED
from engine.trace import Event, LegFinished, StageFinished, StageStarted

T = TypeVar("T")
log = logger(__name__)


def failure(error: Exception, budget_ms: float) -> Outcome:
    """The outcome that an exception stands for: a budget that ran out, an error of ours, or a fault of the code."""
    if isinstance(error, TimeoutError):
        return Outcome(Status.FAILED, reason="budget", text=f"budget {budget_ms:.0f} ms")
    if isinstance(error, RankscopeError):
        status = Status.SKIPPED if error.reason == DECLINED else Status.FAILED
        return Outcome(status, reason=error.reason, text=str(error))
    return Outcome(Status.FAILED, reason="fault", text=f"{type(error).__name__}: {error}")


@dataclass(slots=True)
class StageRecorder:
    """Collects the reports of one run and tells each event as it happens.

    ``base_ms`` is where the run begins on the query's time line: a later run (a leg raised from 0, newcomers to
    score) continues where the earlier one ended, so that its bars stand behind the others.
    """

    emit: Callable[[Event], None]
    query_ms: float
    base_ms: float = 0.0
    reports: list[StageReport] = field(default_factory=list)
    _origin: float = field(default_factory=time.perf_counter)

    def now_ms(self) -> float:
        """Milliseconds on the query's time line."""
        return self.base_ms + (time.perf_counter() - self._origin) * 1e3

    def budget_ms(self, stage_ms: float) -> float:
        """What a stage may take: its own budget, or what is left of the query's."""
        return max(0.0, min(stage_ms, self.query_ms - (self.now_ms() - self.base_ms)))

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
            async with asyncio.timeout(budget / 1e3):
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
            outcome = failure(error, budget)
            level = logging.ERROR if outcome.reason == "fault" else logging.WARNING
            log.log(level, "stage %s failed: %s", name, outcome.text, exc_info=outcome.reason == "fault")
        finally:
            self.finished(name, start, ran_on, outcome, None if returned is None else outcome.done, parts)
        return value

    def skipped(self, name: str, reason: str, text: str) -> None:
        """Report a stage that did not run, and why."""
        now = self.now_ms()
        self.reports.append(StageReport(name, now, now, RanOn.LOOP, Outcome(Status.SKIPPED, reason=reason, text=text)))
