"""Before the first documents, or a whole set of queries, go to a service off this machine: what, where, whether."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from console.numbers import count
from console.palette import Palette
from console.screens.dialog import Dialog
from console.text import clean
from engine.estimate import Estimate, estimate
from engine.pipeline import Pipeline
from engine.remote.offline import Departure
from engine.settings.schema import Settings


class Question(Dialog[bool]):
    """Gives whether it was agreed to. Enter does nothing: it may have been meant for a list."""

    DEFAULT_CSS = "Question > #box { max-width: 84; overflow-y: auto; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n", "answer(False)", "No", show=False),
        Binding("down", "scroll(1)", "Further down", show=False),
        Binding("up", "scroll(-1)", "Further up", show=False),
    ]

    def action_answer(self, agreed: bool) -> None:
        self.dismiss(agreed)

    def action_leave(self) -> None:
        self.dismiss(False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#box").scroll_relative(y=lines, animate=False)


class DepartureScreen(Question):
    """Whether what these services get may leave this machine."""

    heading = "May this leave the machine?"
    keys = "y sends it, and does not ask again · n or esc: nothing is sent"

    def __init__(self, departures: Sequence[Departure]) -> None:
        super().__init__()
        self._departures = departures

    def body(self) -> ComposeResult:
        yield Static(Content.from_rich_text(departures_text(self._departures, self.palette)), markup=False)


def departures_text(departures: Sequence[Departure], palette: Palette) -> Text:
    """For each service: its name and place, and what it would get; once, where all would get the same."""
    text = Text()
    alike = len({(one.what, one.characters) for one in departures}) == 1
    for number, one in enumerate(departures, 1):
        text.append(f"\n{clean(one.provider)}", palette.heading).append(f" {clean(one.model)}\n", palette.text)
        text.append("  where  ", palette.muted).append(f"{clean(one.host)}, on {one.place}\n", palette.warning)
        if alike and number < len(departures):
            continue
        gets = "  gets   " if number == 1 or not alike else "\neach gets "
        text.append(gets, palette.muted).append(f"{clean(one.what)}\n", palette.text)
        text.append(" " * (len(gets.strip("\n"))), palette.muted).append(
            f"{count(one.characters)} characters for this query\n", palette.text
        )
    text.append("\nWithout it the fused list stands. ", palette.muted)
    return text.append("remote.offline = true forbids every service.\n", palette.muted)


class BatchScreen(Question):
    """Whether a set of queries may be asked, by what it would take."""

    heading = "Ask all these queries?"
    keys = "y asks · n or esc: nothing is asked"

    def __init__(self, estimates: Sequence[Estimate]) -> None:
        super().__init__()
        self._estimates = estimates

    def body(self) -> ComposeResult:
        yield Static(Content.from_rich_text(estimates_text(self._estimates, self.palette)), markup=False)


def estimates_text(estimates: Sequence[Estimate], palette: Palette) -> Text:
    """For each service: its name and place, and the estimated requests, documents, tokens and cost."""
    text = Text()
    for one in estimates:
        text.append(f"\n{clean(one.provider)}", palette.heading).append(f" {clean(one.model)}\n", palette.text)
        text.append("  where  ", palette.muted).append(f"{clean(one.host)}, on {one.place}\n", palette.warning)
        amount, _, price = one.amount.rpartition(", ")
        text.append(f"  {one.purpose:<6} ", palette.muted).append(f"{amount}\n", palette.text)
        text.append(f"         {price}\n", palette.text)
    return text.append("\nAt the most: what is known already is not asked again.\n", palette.muted)


async def agreed(app: App[Any], pipeline: Pipeline, settings: Sequence[Settings], queries: Sequence[str]) -> bool:
    """Whether these queries may be asked under each of the settings: at once where no service off this machine would
    be, else as the user says. To be awaited in a worker."""
    told: dict[Estimate, None] = {}
    for each in settings:
        if not each.remote.offline:
            told |= dict.fromkeys(one for one in await estimate(pipeline, each, queries) if one.leaves)
    if not told:
        return True
    answer: bool | None = await app.push_screen_wait(BatchScreen(list(told)))
    return answer is True
