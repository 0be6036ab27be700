"""Several orders of the same documents side by side; the cursor's document is marked in each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from console.numbers import score
from console.views_panel import Column
from console.widgets.direct import Direct
from console.widgets.lines import LinesWidget, Row, fit, pad, width_of
from console.widgets.result_list import moved

HEAD = 5
WITH_SCORE = 30
"""Columns at least so wide show scores."""
NARROWEST = 17
"""Where there is no room for columns of that width, the first one and those around the active one are shown."""


class SideLists(Direct, LinesWidget, can_focus=True):
    """Columns with a head each. Up and down move among the documents of the active column, left and right between
    columns; all columns scroll together."""

    DEFAULT_CSS = "SideLists { height: 1fr; width: 1fr; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First", show=False),
        Binding("end,G", "edge(-1)", "Last", show=False),
        Binding("left,shift+tab", "column(-1)", "The column before", show=False, priority=True),
        Binding("right,tab", "column(1)", "The next column", show=False, priority=True),
    ]

    class Moved(Message):
        """The cursor stands on another document or column."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: Sequence[Column] = ()
        self._titles: Mapping[str, str] = {}
        self._top = 0
        self._touched = False
        self.active = 1
        self.cursor_id = ""

    def show(self, columns: Sequence[Column], titles: Mapping[str, str]) -> None:
        """Put other columns in place; until the user moves it the cursor stands on the best of the active one."""
        self._columns, self._titles = columns, titles
        self.active = min(self.active, len(columns) - 1)
        if not self._touched and (order := columns[self.active].order):
            self.cursor_id = order[0]
        self.repaint()

    @property
    def column(self) -> Column | None:
        """The active one."""
        return self._columns[self.active] if self._columns else None

    # ---- moving

    def action_move(self, by: int) -> None:
        if (column := self.column) is not None and column.order:
            self._go(column.places.get(self.cursor_id, 0) + by)

    def action_edge(self, place: int) -> None:
        if (column := self.column) is not None and column.order:
            self._go(place % len(column.order))

    def _go(self, place: int) -> None:
        column = self.column
        assert column is not None
        place = min(max(place, 0), len(column.order) - 1)
        self.cursor_id = column.order[place]
        self._reveal(place)

    def action_column(self, by: int) -> None:
        self.active = (self.active + by) % len(self._columns)
        if (column := self.column) is not None and self.cursor_id in column.places:
            self._reveal(column.places[self.cursor_id])

    def _reveal(self, place: int) -> None:
        self._touched = True
        height = max(self.size.height - HEAD, 1)
        if not self._top <= place < self._top + height:
            self._top = max(place - (0 if place < self._top else height - 1), 0)
        self.repaint()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        shown = self._shown(self.size.width)
        self.active = shown[min(event.x // (self._width(self.size.width) + 1), len(shown) - 1)]
        place = event.y - HEAD + self._top
        if event.y >= HEAD and (column := self.column) is not None and place < len(column.order):
            self.cursor_id = column.order[place]
        self._reveal(self._top)

    def on_mouse_scroll_down(self) -> None:
        self._scroll(3)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-3)

    def _scroll(self, by: int) -> None:
        most = max((len(column.order) for column in self._columns), default=0)
        self._top = min(max(self._top + by, 0), max(most - 1, 0))
        self.repaint()

    def on_resize(self) -> None:
        self.repaint()

    # ---- painting

    def _width(self, width: int) -> int:
        return max((width + 1) // max(len(self._shown(width)), 1) - 1, 8)

    def _shown(self, width: int) -> list[int]:
        """The numbers of the columns that there is room for."""
        total = len(self._columns)
        room = max(width // (NARROWEST + 1), 2) - 1
        first = max(self.active - room + 1, 1)
        return [*range(min(total, 1)), *range(first, min(first + room, total))]

    def _seen(self, width: int) -> list[tuple[int, Column]]:
        return [(number, self._columns[number]) for number in self._shown(width)]

    def lines(self, width: int) -> Sequence[Strip]:
        each = self._width(width)
        strips = [self._line(width, each, y) for y in range(HEAD)]
        return strips + [self._documents(width, each, y + self._top) for y in range(self.size.height - HEAD)]

    def _line(self, width: int, each: int, y: int) -> Strip:
        """A line of the heads: name, model, state, what was spent, and where the cursor's document stands."""
        row, palette, before = Row(width), self.palette, 0
        for number, column in self._seen(width):
            active = number == self.active
            if number:
                row.add("─" if y == HEAD - 1 else "‹" if number - before > 1 and not y else "│", palette.rule)
            before = number
            match y:
                case 0:
                    row.add("▌" if active else " ", palette.accent)
                    row.add(pad(column.name, each - 1), palette.heading if active else palette.text)
                case 1:
                    row.add(f" {pad(column.model, each - 1)}", palette.muted)
                case 2:
                    state = palette.tone(column.role)
                    row.add(f" {column.mark} ", state).add(pad(column.state, each - 3), state)
                case 3:
                    row.add(f" {pad(column.spent, each - 1)}", palette.muted)
                case _:
                    self._cursor_place(row, column, each)
        return row.right("›" if before < len(self._columns) - 1 and not y else "", palette.rule).strip()

    def _cursor_place(self, row: Row, column: Column, each: int) -> None:
        place = column.places.get(self.cursor_id, -1)
        height = self.size.height - HEAD
        out = "" if self._top <= place < self._top + height else " ↑" if place < self._top else " ↓"
        text = f"─ {place + 1}{out} " if place >= 0 else "─ – "
        row.add(text, self.palette.accent).add("─" * (each - len(text)), self.palette.rule)

    def _documents(self, width: int, each: int, place: int) -> Strip:
        row = Row(width)
        for number, column in self._seen(width):
            if number:
                row.add("│", self.palette.rule)
            if place < len(column.order):
                self._document(row, column, each, place, active=number == self.active)
            else:
                row.add(" " * each)
        return row.strip()

    def _document(self, row: Row, column: Column, each: int, place: int, *, active: bool) -> None:
        palette, i = self.palette, column.order[place]
        won = self._columns[0].places.get(i, place) - place
        unscored = place >= column.scored
        at_cursor = i == self.cursor_id
        ground = (palette.cursor if active else palette.cursor_blurred) if at_cursor else Style()

        def look(style: Style) -> Style:
            return ground if at_cursor and active else style + ground

        row.add(f"{place + 1:>3} ", look(palette.muted if unscored else palette.heading))
        if column is not self._columns[0]:
            tone = palette.absent if unscored or not won else palette.up if won > 0 else palette.down
            row.add(f"{'·' if unscored else moved(won):<4}", look(tone))
        used = 4 if column is self._columns[0] else 8
        if each >= WITH_SCORE and column is not self._columns[0]:
            row.add(f"{score(column.scores[place], 3):>6} ", look(palette.text))
            used += 7
        row.add(
            pad(shortened(self._titles.get(i, i), each - used), each - used),
            look(palette.muted if unscored else palette.text),
        )


def shortened(title: str, width: int) -> str:
    """The title in at most ``width`` cells; a dotted name keeps its end, which tells it from its neighbours."""
    if width_of(title) > width > 1 and title.isascii() and " " not in title:
        return "…" + title[1 - width :]
    return fit(title, width)
