"""The engine's own small thread pool: the loop's default executor is left to others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def make_executor() -> ThreadPoolExecutor:
    """A pool wide enough for the legs of one query beside the one that it replaces."""
    return ThreadPoolExecutor(max_workers=max(4, min(8, os.cpu_count() or 4)), thread_name_prefix="rankscope")


async def run_in(executor: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function off the loop. A cancelled caller leaves at once; the thread's answer is then dropped."""
    return await asyncio.get_running_loop().run_in_executor(executor, lambda: function(*args, **kwargs))
