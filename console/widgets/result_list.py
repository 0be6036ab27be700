"""A ranked list: rank, places won, score, one bar per leg, title. Paints the rows in view, from an immutable view."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.messages import ActionRequested, CursorMoved
from console.text import clean
from console.views import ABSENT, COMPLETED, CUT, ENTERED, LEFT, NEWCOMER, UNSCORED, ListView, grade_of
from console.widgets.direct import Direct
from console.widgets.lines import Row, stretch

BARS = " ▁▂▃▄▅▆▇█"
PINNED_MARK = "★"
STAGES = " ¹²³⁴⁵⁶⁷⁸⁹"
"""Which stage of a cascade scored a row last."""
CACHED_ROWS = 4096


class ResultList(Direct, ScrollView, can_focus=True):
    """One ranked list. The cursor stands on a document, not on a place, so every list can show the same one."""

    DEFAULT_CSS = """
    ResultList { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="list-up"),
        Binding("down,j", "move(1)", "Down", id="list-down"),
        Binding("pageup", "page(-1)", "Page up", id="list-page-up"),
        Binding("pagedown", "page(1)", "Page down", id="list-page-down"),
        Binding("home,g", "edge(0)", "First", id="list-first"),
        Binding("end,G", "edge(1)", "Last", id="list-last"),
    ]

    HELP = (
        "Best first: rank, places won by reranking, score, a bar per leg, title. Where the query has judgments, the "
        "grade stands before the title: 3 the answer, 2 good, 1 related, 0 no, · unjudged; J lets 0 to 3 set it. "
        "+ came into the results by reranking, - fell out of them, ? still has no rerank score, ★ is pinned. In a "
        "cascade ¹ ² ³ after the score say which stage spoke last."
    )

    def __init__(self, name: str) -> None:
        super().__init__(id=f"list-{name}", name=name)
        self.view: ListView | None = None
        self.cursor_id = ""
        self.ahead = ""
        """Where keys have moved the cursor, until the screen has painted it there."""
        self.pinned_id = ""
        self._rows: dict[tuple[str, bool, int, int | None, str, int, bytes, int, bool, str], Strip] = {}
        self._width = 0
        self._score_width = 4

    # ---- what is shown

    def show(self, view: ListView | None, cursor_id: str, pinned_id: str = "") -> None:
        """Put another view in place; one refresh, no layout."""
        self.view = view
        self.cursor_id = self.ahead or cursor_id
        self.pinned_id = pinned_id
        self._score_width = view.score_width if view else 4
        self._measure()
        self.refresh_changed()

    def point_at(self, document_id: str) -> None:
        """Put the cursor on a document and bring its row into view, where the list has it."""
        self.cursor_id, self.ahead = document_id, ""
        place = self.view.place_of(document_id) if self.view else -1
        if place >= 0:
            self._reveal(place)
        self.refresh_changed()

    def to_top(self) -> None:
        self.scroll_to(y=0, animate=False, immediate=True)

    @property
    def place(self) -> int:
        """The cursor's place, −1 where the list has no such document."""
        return self.view.place_of(self.cursor_id) if self.view else -1

    @property
    def visible_ids(self) -> list[str]:
        """Ids of the rows in view."""
        if self.view is None:
            return []
        top = int(self.scroll_offset.y)
        return [self.view.id_at(y) for y in range(top, min(top + self.size.height, len(self.view)))]

    def _reveal(self, place: int) -> None:
        top, height = int(self.scroll_offset.y), max(1, self.size.height)
        if place < top or place >= top + height:
            y = place if place < top else place - height + 1
            self.scroll_to(y=y, animate=False, immediate=True)

    # ---- moving

    def action_move(self, by: int) -> None:
        self._go(self.place + by if self.place >= 0 else int(self.scroll_offset.y))

    def action_page(self, by: int) -> None:
        self._go(max(self.place, 0) + by * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        self._go(len(self.view) - 1 if end and self.view else 0)

    def _go(self, place: int) -> None:
        if self.view is None or not len(self.view):
            return
        chosen = self.view.id_at(min(max(place, 0), len(self.view) - 1))
        if chosen != self.cursor_id:
            self.cursor_id = self.ahead = chosen  # at once, so that every key of a burst is a step
            self._tell(CursorMoved(self.name or "", chosen))

    def on_click(self, event: events.Click) -> None:
        self._go(event.y + int(self.scroll_offset.y))
        if event.chain == 2:
            self._tell(ActionRequested("document"))

    def _tell(self, message: Message) -> None:
        self.post_message(message)

    # ---- painting

    def on_resize(self) -> None:
        self._measure()

    def notify_style_update(self) -> None:
        self._rows.clear()
        super().notify_style_update()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self._rows.clear()
        stretch(self, Size(width, len(self.view) if self.view else 0))

    def rows(self, top: int, bottom: int) -> list[Strip]:
        above, at_cursor = int(self.scroll_offset.y), 2 if self.has_focus else 1
        last = len(self.view) if self.view else 0
        blank = Strip.blank(self._width, self.ground)
        return [
            self._strip(self.view, above + y, at_cursor) if self.view and above + y < last else blank
            for y in range(top, bottom)
        ]

    def render_line(self, y: int) -> Strip:
        return self.rows(y, y + 1)[0]

    def _strip(self, view: ListView, place: int, at_cursor: int) -> Strip:
        """The row, kept by everything that it shows; ``at_cursor`` is the look of the cursor's row."""
        row = int(view.order[place])
        document_id = view.ids[row]
        document = view.documents.get(document_id)
        key = (
            document_id,
            document is None,
            place,
            int(view.delta[place]) if len(view.delta) else None,
            f"{view.score_text(place):>{self._score_width}}",
            int(view.flags[place]),
            view.buckets[row].tobytes(),
            at_cursor if document_id == self.cursor_id else 0,
            document_id == self.pinned_id,
            STAGES[min(int(view.spoke[place]), 9)] if len(view.spoke) else "",
        )
        strip = self._rows.get(key)
        if strip is None:
            if len(self._rows) >= CACHED_ROWS:
                self._rows.clear()
            title = clean(document.title if document else document_id)
            strip = self._rows[key] = self._row(title, place + 1, *key[3:])
        return strip

    def _row(
        self,
        title: str,
        rank: int,
        delta: int | None,
        score: str,
        flags: int,
        bars: bytes,
        at_cursor: int,
        pinned: bool,
        stage: str,
    ) -> Strip:
        palette = self.palette
        faded = flags & CUT
        row = Row(self._width).add(f"{rank:>4} ", palette.muted if faded else palette.heading)
        if delta is not None:
            row.add(f"{moved(delta):<5}", palette.up if delta > 0 else palette.down if delta < 0 else palette.absent)
        row.add(f"{score} ", palette.unscored if flags & UNSCORED else palette.muted if faded else palette.text)
        row.add(stage, palette.rerank)
        for leg, bucket in enumerate(bars):
            row.add(*self._bar(leg, bucket))
        if grade := grade_of(flags):
            row.add(" ").add(grade, palette.grade(grade))
        row.add(" ").add(*self._mark(flags, pinned)).add(title, palette.muted if faded else palette.text)
        ground = (self.ground, self.ground + palette.cursor_blurred, self.ground + palette.cursor)[at_cursor]
        strip = row.strip(ground)
        return strip if at_cursor < 2 else Strip([s._replace(style=ground) for s in strip], self._width)

    def _bar(self, leg: int, bucket: int) -> tuple[str, Style]:
        if bucket == ABSENT:
            return "·", self.palette.absent
        if bucket >= COMPLETED:
            return BARS[bucket - COMPLETED], self.palette.absent
        return BARS[bucket], self.palette.leg(leg)

    def _mark(self, flags: int, pinned: bool) -> tuple[str, Style]:
        if pinned:
            return PINNED_MARK, self.palette.pinned
        if flags & NEWCOMER:
            return "?", self.palette.unscored
        if flags & ENTERED:
            return "+", self.palette.up
        return ("-", self.palette.down) if flags & LEFT else (" ", self.palette.text)


def moved(delta: int) -> str:
    """``▲3``, ``▼12``, or ``=`` for a place kept."""
    return f"▲{delta}" if delta > 0 else f"▼{-delta}" if delta < 0 else "="
