"""The command palette's commands: the table of actions, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from textual.command import DiscoveryHit, Hit, Hits, Provider

from console.actions import ACTIONS, Action, Context
from console.screens.help import needs_argument


class Performer(Protocol):
    """The screen under the palette: what decides which actions apply, and what runs them."""

    @property
    def context(self) -> Context: ...

    def perform(self, name: str, *args: str) -> None: ...


class ActionProvider(Provider):
    """Actions by group and title; one that does not apply now says so, and comes last when nothing is typed.

    Actions that need an argument are for scripts and are left out.
    """

    @property
    def performer(self) -> Performer:
        return self.screen  # type: ignore[return-value]  # the palette is opened on the main screen alone

    def _entry(self, action: Action) -> tuple[str, str, Callable[[], None]]:
        """What is shown, what it says below, and what runs it."""
        reason = action.when(self.performer.context)
        about = f"✗ {reason}" if reason else action.help
        return action.label, about, partial(self.performer.perform, action.name)

    async def discover(self) -> Hits:
        context = self.performer.context
        for action in sorted(offered(), key=lambda action: bool(action.when(context))):
            label, about, run = self._entry(action)
            yield DiscoveryHit(label, run, label, help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in offered():
            label, about, run = self._entry(action)
            score = max(matcher.match(label), matcher.match(action.help) / 2)
            if score > 0:
                yield Hit(score, matcher.highlight(label), run, label, help=about)


def offered() -> list[Action]:
    """The actions that can be run without an argument, but for the palette itself."""
    return [a for a in ACTIONS if a.name != "palette" and not needs_argument(a)]
