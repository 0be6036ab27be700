"""What was done since the settings were loaded, in order: numbered tries and grades, with one undo for both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.judging import Grading
    from engine.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Try:
    """The settings after one change. ``change`` says what it was (``weights.dense 0.7→0.75``), ``query`` on what."""

    number: int
    settings: Settings
    change: str
    query: str = ""


class Tries:
    """``all`` are the tries, oldest first, those that were undone as well; ``current`` is the one that holds."""

    def __init__(self, settings: Settings) -> None:
        first = Try(1, settings, "as loaded")
        self.all = [first]
        self._past: list[Try | Grading] = [first]
        self._future: list[Try | Grading] = []

    @property
    def current(self) -> Try:
        return next(done for done in reversed(self._past) if isinstance(done, Try))

    def add(self, settings: Settings, change: str, query: str) -> None:
        self._do(Try(len(self.all) + 1, settings, change, query))

    def go_on(self, settings: Settings, change: str) -> None:
        """The last try, still being made, has come to these settings."""
        self._past[-1] = self.all[-1] = replace(self.current, settings=settings, change=change)
        self._future.clear()

    @property
    def before(self) -> Try:
        """The try before the current one."""
        tries = [done for done in self._past if isinstance(done, Try)]
        return tries[-2]

    def add_grading(self, grading: Grading) -> None:
        self._do(grading)

    def _do(self, done: Try | Grading) -> None:
        self._past.append(done)
        self._future.clear()
        if isinstance(done, Try):
            self.all.append(done)

    # ---- undo and redo

    @property
    def last(self) -> Try | Grading | None:
        """What undo takes back, None for nothing."""
        return self._past[-1] if len(self._past) > 1 else None

    @property
    def next(self) -> Try | Grading | None:
        """What redo does again, None for nothing."""
        return self._future[-1] if self._future else None

    def back(self) -> None:
        self._future.append(self._past.pop())

    def forward(self) -> None:
        self._past.append(self._future.pop())
