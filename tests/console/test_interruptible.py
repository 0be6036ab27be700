"""Ctrl-C at any step between two queries: interrupted, and nothing else is said."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from console.interruptible import finished


async def answer(told: list[str]) -> int:
    told.append("begun")
    try:
        await asyncio.sleep(0)
    finally:
        told.append("ended")
    return 42


def test_it_returns_what_the_coroutine_returns() -> None:
    with asyncio.Runner() as runner:
        assert finished(runner, lambda: answer([])) == 42


def test_an_error_is_the_callers() -> None:
    async def fail() -> None:
        raise LookupError("gone")

    with asyncio.Runner() as runner, pytest.raises(LookupError, match="gone"):
        finished(runner, fail)


def _interrupted_at(step: int, told: list[str]) -> bool:
    """Run it with an interrupt at that step: a function's entry, or a line of the runner's or of ours, which are where
    Python looks for one. False where it has fewer steps."""
    left = step

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        name = frame.f_code.co_filename
        followed = name.endswith(("asyncio/runners.py", "console/interruptible.py"))
        if name.endswith("_weakrefset.py"):
            return None  # what is raised while the interpreter tidies up, it says and forgets
        if event == "call" or (event == "line" and followed):
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)
        return trace if followed else None

    with asyncio.Runner() as runner:
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            finished(runner, lambda: answer(told))
        finally:
            sys.settrace(before)
    return left <= 0


@pytest.fixture
def light_collections() -> Iterator[None]:
    """What other tests left in the process is no part of a collection, of which there are hundreds."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("light_collections")
def test_an_interrupt_at_any_step_leaves_nothing_unawaited(caplog: pytest.LogCaptureFixture) -> None:
    interrupts = 0
    for step in range(1, 1000):
        told: list[str] = []
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                reached = _interrupted_at(step, told)
            except KeyboardInterrupt:
                reached = True
                interrupts += 1
            gc.collect()
        assert not [str(each.message) for each in warned], step
        assert told in ([], ["begun", "ended"]), step
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if not reached:
            break
    else:
        pytest.fail("it never came to an end")
    assert interrupts > 50
    assert not caplog.records


def test_where_the_runner_is_not_on_the_main_thread_it_is_left_alone() -> None:
    def elsewhere() -> int:
        with asyncio.Runner() as runner:
            return finished(runner, lambda: answer([]))

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(elsewhere).result() == 42
