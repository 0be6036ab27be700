"""The worker's ends of the two pipes, and its standing as a process nobody has to look after."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from engine.local.messages import HEADER, Answer, Request, frame, request_of

_PR_SET_PDEATHSIG = 1
_NICENESS = 5
"""Below the console's own threads: keys come before scores."""
_EXPENDABLE = "500"
"""For Linux, which ends the most expendable process first where memory runs out (-1000 to 1000)."""


class Channel:
    """Frames from and to the console's process; ``send`` may be called from any thread."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._lock = threading.Lock()

    @classmethod
    def of_standard_streams(cls) -> Channel:
        """Take stdin and stdout over: whatever else prints goes to stderr, and reads nothing."""
        source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(source, sink)

    def requests(self) -> Iterator[Request]:
        """What the console asks, until it is gone."""
        while len(header := self._source.read(HEADER)) == HEADER:
            size = int.from_bytes(header, "little")
            body = self._source.read(size)
            if len(body) < size:
                return
            yield request_of(body)

    def send(self, answer: Answer) -> None:
        """Write the whole frame. A console that is gone is noticed by ``requests``."""
        left = memoryview(frame(answer))
        with self._lock, suppress(BrokenPipeError):
            while left:
                left = left[self._sink.write(left) :]


def settle(parent: int) -> None:
    """Stand as a worker should: it ends with the console however that ends, goes first where memory runs out, and lets
    the console's threads compute before its own. ``parent`` is the console's process id."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_EXPENDABLE, encoding="ascii")
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)
