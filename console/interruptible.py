"""Work on a loop that runs once per query, so that between two queries Ctrl-C ends the program at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def finished(runner: asyncio.Runner, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine returns that ``begin`` makes; Ctrl-C cancels it, and is raised once it has ended.

    The runner itself takes over Ctrl-C only once it has made a task: an interrupt before that would leave the coroutine
    never awaited, of which Python warns. So it is taken over here, before there is one. Pressed again it ends all.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        return runner.run(begin())
    presses = 0
    running: list[asyncio.Task[Any]] = []

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            raise KeyboardInterrupt
        for task in running:
            task.get_loop().call_soon_threadsafe(task.cancel)  # wakes the loop from its waiting

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.append(task)
        if presses:
            task.cancel()
        return await begin()

    signal.signal(signal.SIGINT, press)
    try:
        answer = runner.run(cancellable())
    except asyncio.CancelledError:
        if not presses:
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    if presses:
        raise KeyboardInterrupt
    return answer
