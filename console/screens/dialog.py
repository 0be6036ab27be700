"""The frame of every dialog: a titled box over the main screen, a line of keys, Escape to leave."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from console.palette import Palette, palette_of
from console.widgets.lines import width_of

Result = TypeVar("Result")

SEPARATOR = " · "
"""Between two keys."""
CORNERS = 6
"""Cells of a box's edge that its text leaves free."""


class Dialog(ModalScreen[Result], Generic[Result]):
    """``heading`` stands in the frame, ``keys`` on its lower edge; ``body`` yields the content. Escape dismisses None.

    Keys for which the edge is too short begin in lines above it.
    """

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
    Dialog #more-keys { dock: bottom; height: auto; width: 1fr; color: $text-muted; text-align: right; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Close", show=False)]

    heading = ""
    keys = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self.heading)  # never read as markup
            yield from self.body()
            yield plain(id="more-keys")

    def on_resize(self) -> None:
        self.show_keys(self.keys)

    def show_keys(self, keys: str) -> None:
        """Show which keys apply, in place of those before."""
        self.keys = keys
        *above, edge = self._key_lines
        self.query_one("#box").border_subtitle = Content(edge)
        more = self.query_one("#more-keys", Static)
        more.display = bool(above)
        more.update(Content("\n".join(above)))

    @property
    def _key_lines(self) -> list[str]:
        """The keys, broken between two of them where the edge of the box ends."""
        room = self._box_size.width - CORNERS
        lines = [""]
        for key in self.keys.split(SEPARATOR):
            longer = f"{lines[-1]}{SEPARATOR}{key}" if lines[-1] else key
            if lines[-1] and width_of(longer) > room:
                lines.append(key)
            else:
                lines[-1] = longer
        return lines

    @property
    def _box_size(self) -> Size:
        """The most that the box takes of the screen, borders included."""
        styles, screen = self.query_one("#box").styles, self.size
        scalars = (styles.width, styles.max_width, styles.max_height)
        width, most, height = (int(scalar.resolve(screen, screen)) for scalar in scalars if scalar is not None)
        return Size(min(width, most), height)

    @property
    def rows(self) -> int:
        """The most lines that the body can take."""
        return max(self._box_size.height - 2 - len(self._key_lines[:-1]), 1)

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
