"""A progress bar on stderr, drawn only where somebody watches, and not oftener than ten times a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

from console.text import clean, fit

_COLUMNS = 24
_INTERVAL = 0.1


class Bar:
    """One line that rewrites itself; gone when the bar is closed. ``note`` prints a line above it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._drawn = float("-inf")
        self._start = time.monotonic()
        self._label = ""
        self._line = ""

    def at(self, label: str, done: int, total: int | None) -> None:
        """How far a phase is; ``total`` is None where that is not known."""
        now = time.monotonic()
        if label != self._label:
            self._label, self._start, self._drawn = label, now, float("-inf")
        if self._live and now - self._drawn >= _INTERVAL:
            self._drawn = now
            self._line = progress_line(label, done, total, now - self._start)
            self._write(f"\r\x1b[K{self._line}")

    def note(self, text: str) -> None:
        """A line for the person watching, in a terminal or not."""
        self._write(("\r\x1b[K" if self._line else "") + clean(text) + "\n" + self._line)

    def close(self) -> None:
        if self._line:
            self._line = ""
            self._write("\r\x1b[K")

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def progress_line(label: str, done: int, total: int | None, seconds: float) -> str:
    """``index ━━━━━━──────  1 200 of 9 412 · 3 s left``; without a total only what is done."""
    if not total:
        return fit(f"{label} {done or ''} · {seconds:.0f} s".replace("  ", " "), 78)
    share = min(done / total, 1.0)
    full = round(share * _COLUMNS)
    left = f" · {seconds * (1 - share) / share:.0f} s left" if share > 0.02 and seconds > 1 else ""
    return fit(f"{label} {'━' * full}{'─' * (_COLUMNS - full)} {done} of {max(total, done)}{left}", 78)
