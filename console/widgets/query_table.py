"""The table of the query-set screen: a line per query, with what was and is, the difference as a bar, and judged@k."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.numbers import share
from console.query_set import QueryRow
from console.views_queries import (
    COMPARED,
    RERANKER,
    SETTINGS,
    QuerySetView,
    difference,
    gain_bar,
    pair,
    signed,
)
from console.widgets.direct import Direct
from console.widgets.lines import Row, pad, stretch

BOTH = 130
"""Columns from which both comparisons are shown."""
_PAIR, _SIGN, _JUDGED = 14, 6, 7
_EMPTY = QuerySetView((), SETTINGS, "gain", False)


class QueryTable(Direct, ScrollView, can_focus=True):
    """The cursor stands on a query, and stays on it when the order changes; ``touched`` once it was moved."""

    DEFAULT_CSS = """
    QueryTable { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up"),
        Binding("down,j", "move(1)", "Down"),
        Binding("pageup", "page(-1)", "Page up"),
        Binding("pagedown", "page(1)", "Page down"),
        Binding("home,g", "edge(0)", "First"),
        Binding("end,G", "edge(1)", "Last"),
    ]

    class Chosen(Message):
        """The query under the cursor is to be asked."""

    def __init__(self) -> None:
        super().__init__(id="table")
        self.view = _EMPTY
        self.cursor_id = ""
        self._places: dict[str, int] = {}
        self._largest = 0.0
        self.touched = False

    def show(self, view: QuerySetView, *, to_top: bool = False) -> None:
        """Put other rows in place; ``to_top`` puts the cursor on the first."""
        self.view = view
        self._places = {row.id: place for place, row in enumerate(view.rows)}
        gains = [abs(difference(row, view.compared)) for row in view.rows]
        self._largest = max((gain for gain in gains if not math.isnan(gain)), default=0.0)
        if to_top or self.cursor_id not in self._places:
            self.cursor_id = view.rows[0].id if view.rows else ""
        self._measure()
        self._reveal()
        self.refresh_changed()

    @property
    def chosen(self) -> QueryRow | None:
        """The row under the cursor."""
        place = self._places.get(self.cursor_id)
        return None if place is None else self.view.rows[place]

    # ---- moving

    def action_move(self, by: int) -> None:
        self._go(self._places.get(self.cursor_id, 0) + by)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        self._go(len(self.view.rows) - 1 if end else 0)

    def _go(self, place: int) -> None:
        self.touched = True
        if self.view.rows:
            self.cursor_id = self.view.rows[min(max(place, 0), len(self.view.rows) - 1)].id
            self._reveal()
            self.refresh_changed()

    def _reveal(self) -> None:
        place, top, height = self._places.get(self.cursor_id, 0), int(self.scroll_offset.y), max(1, self.size.height)
        if place < top or place >= top + height:
            self.scroll_to(y=place if place < top else place - height + 1, animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        self._go(event.y + int(self.scroll_offset.y))
        if event.chain == 2:
            self.post_message(self.Chosen())

    # ---- painting

    def on_resize(self) -> None:
        self._measure()

    def _measure(self) -> None:
        stretch(self, Size(self.scrollable_content_region.width, len(self.view.rows)))

    def rows(self, top: int, bottom: int) -> list[Strip]:
        above, width = int(self.scroll_offset.y), self.scrollable_content_region.width
        blank = Strip.blank(width, self.ground)
        shown = self.view.rows[above + top : above + bottom]
        strips = [self._strip(row, width) for row in shown]
        return strips + [blank] * (bottom - top - len(strips))

    def render_line(self, y: int) -> Strip:
        return self.rows(y, y + 1)[0]

    def _strip(self, row: QueryRow, width: int) -> Strip:
        palette, columns = self.palette, Columns.of(width, self.view)
        line = Row(width).add(" ").add(pad(row.text, columns.text), palette.text if row.graded else palette.muted)
        line.add(" " if row.whole else "!", palette.error)
        if math.isnan(row.now):
            line.add("  " + ("not asked yet" if row.graded else "no judgments"), palette.muted)
        else:
            for compared in columns.compared:
                self._pair(line, row, compared, columns)
            line.add(f"{row.judged}/{row.shown}".rjust(_JUDGED), self._share(row))
        ground = self.ground
        if row.id != self.cursor_id:
            return line.strip(ground)
        ground += palette.cursor if self.has_focus else palette.cursor_blurred
        strip = line.strip(ground)
        return Strip([s._replace(style=ground) for s in strip], width) if self.has_focus else strip

    def _pair(self, line: Row, row: QueryRow, compared: str, columns: Columns) -> None:
        palette, (before, after), gain = self.palette, pair(row, compared), difference(row, compared)
        main = compared == self.view.compared
        line.add(f"{share(before):>6}", palette.muted).add(" → ", palette.rule)
        line.add(f"{share(after):>4}", palette.text if main else palette.muted)
        role = palette.text if not main else palette.up if gain > 0 else palette.down
        text = signed(gain)
        if main:
            lost, won = gain_bar(gain, self._largest, columns.bar)
            line.add(" ").add(lost, palette.down).add("│", palette.rule).add(won, palette.up)
        line.add(text.rjust(_SIGN), palette.absent if text == "=" else role if main else palette.muted).add(" ")

    def _share(self, row: QueryRow) -> Style:
        return self.palette.warning if row.judged * 2 < row.shown else self.palette.muted


class Columns:
    """How wide what is: the words take what the numbers leave."""

    def __init__(self, text: int, bar: int, compared: tuple[str, ...]) -> None:
        self.text, self.bar, self.compared = text, bar, compared

    @classmethod
    def of(cls, width: int, view: QuerySetView) -> Columns:
        """For a table so wide: one comparison, or the chosen one and the other."""
        other = SETTINGS if view.compared == RERANKER else RERANKER
        compared = (view.compared, other) if width >= BOTH and view.reranking else (view.compared,)
        bar = 4 if width < 100 else 10
        numbers = len(compared) * (_PAIR + _SIGN) + 2 * bar + 2 + _JUDGED
        return cls(max(width - numbers - 3, 10), bar, compared)


class TableHeading(Direct):
    """The line above the table that names its columns, over the same places."""

    DEFAULT_CSS = "TableHeading { height: 1; }"

    view = _EMPTY

    def show(self, view: QuerySetView) -> None:
        self.view = view
        self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, width = self.palette, self.size.width
        columns = Columns.of(width - 1, self.view)
        count = f"{len(self.view.rows)} {'query' if len(self.view.rows) == 1 else 'queries'}"
        line = Row(width).add(" ").add(pad(count, columns.text + 1), palette.muted)
        for compared in columns.compared:
            before, after = COMPARED[compared]
            main = compared == self.view.compared
            after = "reranked" if compared == RERANKER and not main else after
            text = f"{before:>6} → {after:<4}"
            room = _PAIR + _SIGN + (2 * columns.bar + 2 if main else 0)
            if main:
                arrow = {"gain": " gain ↓", "loss": " loss ↓"}.get(self.view.order, " change")
                line.add(pad(text, 14), palette.heading).add(arrow.center(room - 14), palette.heading)
            else:
                line.add(pad(text, room), palette.muted)
        return line.add("judged".rjust(_JUDGED), palette.muted).strip(self.ground)
