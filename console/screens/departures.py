"""Before the first documents go to a service off this machine: what, where, and whether they may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from console.numbers import count
from console.palette import Palette
from console.screens.dialog import Dialog
from console.text import clean
from engine.remote.offline import Departure


class DepartureScreen(Dialog[bool]):
    """Gives whether it was agreed to. Enter does nothing: it may have been meant for a list."""

    heading = "May this leave the machine?"
    keys = "y sends it, and does not ask again · n or esc: nothing is sent"

    DEFAULT_CSS = "DepartureScreen > #box { max-width: 84; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Send it", show=False),
        Binding("n", "answer(False)", "Send nothing", show=False),
    ]

    def __init__(self, departures: Sequence[Departure]) -> None:
        super().__init__()
        self._departures = departures

    def body(self) -> ComposeResult:
        yield Static(Content.from_rich_text(departures_text(self._departures, self.palette)), markup=False)

    def action_answer(self, agreed: bool) -> None:
        self.dismiss(agreed)

    def action_leave(self) -> None:
        self.dismiss(False)


def departures_text(departures: Sequence[Departure], palette: Palette) -> Text:
    """For each service: its name and place, and what it would get."""
    text = Text()
    for one in departures:
        text.append(f"\n{clean(one.provider)}", palette.heading).append(f" {clean(one.model)}\n", palette.text)
        text.append("  where  ", palette.muted).append(f"{clean(one.host)}, on {one.place}\n", palette.warning)
        text.append("  gets   ", palette.muted).append(f"{clean(one.what)}\n", palette.text)
        text.append("         ", palette.muted).append(
            f"{count(one.characters)} characters for this query\n", palette.text
        )
    text.append("\nWithout it the fused list stands. ", palette.muted)
    return text.append("remote.offline = true forbids every service.\n", palette.muted)
