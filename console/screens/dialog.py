"""The frame of every dialog: a titled box over the main screen, a line of keys, Escape to leave."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from console.palette import Palette, palette_of

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """``title`` stands in the frame, ``keys`` on its lower edge; ``body`` yields the content. Escape dismisses None."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > #box {
        width: 92%; max-width: 110; height: auto; max-height: 90%;
        border: round $border; background: $surface; padding: 0 1;
        border-title-color: $accent; border-title-style: bold; border-subtitle-color: $text-muted;
    }
    Dialog Input, Dialog Input:focus {
        border: none; height: 1; padding: 0 1; background: $panel; background-tint: $panel 0%;
    }
    Dialog OptionList, Dialog OptionList:focus {
        border: none; padding: 0; height: auto; background: $surface; background-tint: $surface 0%;
    }
    Dialog OptionList > .option-list--option { padding: 0; }
    Dialog OptionList { scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Close", show=False)]

    heading = ""
    keys = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self.heading)  # never read as markup
            box.border_subtitle = Content(self.keys)
            yield from self.body()

    def body(self) -> ComposeResult:
        """The content of the box."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        return palette_of(self.app.current_theme)

    def action_leave(self) -> None:
        self.dismiss(None)


def plain(text: str = "", *, id: str | None = None) -> Static:
    """A piece of text that is never read as markup."""
    return Static(Content(text), id=id, markup=False)
