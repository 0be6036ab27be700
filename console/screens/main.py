"""The main screen: query line, timings, lists, weights, document.

Rows from the top: title, query line, timing strip beside the status chip, the panes, the line of messages and keys.
Every pane has a one-line heading. Wide: lists and document left, weights right. Narrow: weights take the document's
place. Whatever changes is painted in one handler, so that it stands in one frame.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from console.actions import ACTIONS, BY_NAME, Context
from console.history import History
from console.launch import Launch
from console.messages import (
    ActionRequested,
    CursorMoved,
    KnobTurned,
    Pinned,
    QuerySubmitted,
    RerankToggled,
    ScreenReady,
)
from console.screens.asking import Asking
from console.screens.deeds import Deeds
from console.session import Details, Session
from console.views import Journey, journey, views
from console.views_document import document_view
from console.views_empty import empty_view, first_start
from console.views_knobs import greyed
from console.widgets.bars import Divider, FootLine, JourneyLine, QueryMark, TitleBar
from console.widgets.direct import Covered
from console.widgets.document_panel import DocumentPanel
from console.widgets.empty import EmptyState
from console.widgets.knob_panel import KnobPanel
from console.widgets.lists import Lists
from console.widgets.pane import Pane
from console.widgets.query_line import QueryLine
from console.widgets.status_chip import StatusChip
from console.widgets.timing_strip import TimingStrip
from engine.errors import RankscopeError

log = logging.getLogger(__name__)

NARROW, WIDE = 110, 200
"""Columns below which weights and document share a place, and from which each leg's list is shown."""

REST_S = 0.3
"""How long a slider rests before what it made necessary is asked."""

HINTS = (
    ("/", "search", "query"),
    ("1-4", "panes", "reranked"),
    ("p", "pin", "pin"),
    ("r", "rerank", "rerank"),
    ("u", "undo", "undo"),
    ("s", "save", "save"),
    ("y", "copy", "copy"),
    ("?", "all keys", "actions"),
    ("F1", "help", "help"),
    ("^q", "quit", "quit"),
)


class Row(Horizontal, Covered):
    """Children side by side."""


class Column(Vertical, Covered):
    """Children one above the other."""


class MainScreen(Screen[None]):
    """Where the console's work is done. ``session`` is None until the index is open."""

    AUTO_FOCUS = "#query"

    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    MainScreen #ask, MainScreen #status { height: auto; width: 1fr; }
    MainScreen TimingStrip { width: 2fr; }
    MainScreen #panes { height: 1fr; }
    MainScreen #panes.-narrow { layout: vertical; }
    MainScreen #left { width: 1fr; height: 1fr; }
    MainScreen #pane-weights { width: 38; }
    MainScreen #panes.-narrow #pane-weights { width: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            ",".join(action.keys),
            f"do('{action.name}')",
            action.title,
            id=action.name,
            tooltip=action.help,
            priority=action.keys[0].startswith(("ctrl+", "f")),
        )
        for action in ACTIONS
        if action.keys
    ]

    def __init__(self, launch: Launch) -> None:
        super().__init__()
        self.launch = launch
        self.asking = Asking(self)
        self.cursor_id = ""
        self.history = History(launch.history)
        self.weights_open = False
        self.alone = ""
        self.ready = False
        self.legs_shown: bool | None = None
        self.deeds = Deeds(self)
        self._version = 0
        self._empty = True
        self._moved = False
        self._rest_timer: Timer | None = None
        self._said = ("", "text")

    @property
    def session(self) -> Session | None:
        """None until the index is open."""
        return self.asking.session

    # ---- structure

    def compose(self) -> ComposeResult:
        self.title_bar = TitleBar()
        self.query_line = QueryLine(self.history, self.launch.query)
        self.timings, self.chip = TimingStrip(), StatusChip()
        self.lists = Lists(tuple(self.launch.loaded.settings.legs))
        self.empty = EmptyState(id="empty")
        self.document = DocumentPanel(id="document")
        self.document_pane = Pane("4", "Document", "document", self.document)
        self.knobs = KnobPanel(id="knobs")
        self.weights_pane = Pane("3", "Weights", "weights", self.knobs)
        self.panes = (*self.lists.panes.values(), self.document_pane, self.weights_pane)
        self.divider, self.journey_line, self.foot = Divider(), JourneyLine(), FootLine()
        yield self.title_bar
        with Row(id="ask"):
            yield QueryMark()
            yield self.query_line
        with Row(id="status"):
            yield self.timings
            yield self.chip
        with Row(id="panes"):
            with Column(id="left"):
                yield self.lists
                yield self.empty
                yield self.document_pane
            yield self.divider
            yield self.weights_pane
        yield self.journey_line
        yield self.foot

    def on_mount(self) -> None:
        self.lay_out()
        self.paint()
        self.chip.show(None, "opening the index")
        for notice in self.launch.notices:
            self.tell(notice, "warning")
        self.ready = True
        self.post_message(ScreenReady())
        self.call_after_refresh(self.asking.open)

    def on_resize(self) -> None:
        self.lay_out()
        self.paint()

    def lay_out(self) -> None:
        """Give the panes their places for this size, the maximised pane, and what is open."""
        width, height = self.size
        narrow, alone = width < NARROW, self.alone
        panes = self.query_one("#panes")
        panes.set_class(narrow, "-narrow")
        self.query_one("#left").display = alone != "weights"
        beside = alone in ("", *self.lists.by_name)
        self.lists.display = beside and not self._empty
        self.empty.display = beside and self._empty
        self.document_pane.display = not self._empty and (
            alone == "document" if alone else not (narrow and self.weights_open)
        )
        self.document_pane.styles.height = "1fr" if alone else max(8, height // 3)
        list_alone = alone if alone in self.lists.by_name else ""
        self.lists.lay_out(with_legs=self.with_legs, alone=list_alone, flow_width=6 if narrow or self.with_legs else 12)
        self.weights_pane.display = alone == "weights" if alone else not narrow or self.weights_open
        self.weights_pane.styles.height = "1fr" if alone or not narrow else max(8, height // 3)
        self.divider.display = not narrow and not alone

    @property
    def with_legs(self) -> bool:
        """Whether each leg's own list is shown."""
        return self.size.width >= WIDE if self.legs_shown is None else self.legs_shown

    # ---- painting

    def paint(self) -> None:
        """Everything that follows from the session's trace and settings, in one frame."""
        session = self.session
        trace = session.trace if session else None
        if session is not None and trace is not None:
            self._version += 1
            shown = views(trace, self._version, legs=self.with_legs)
            self.lists.show(shown, self.cursor_id, session.pinned)
        self.paint_empty()
        self.paint_document()
        self.paint_knobs()
        self.paint_stages()
        self.paint_frame()

    def paint_document(self) -> None:
        """The account of the document under the cursor, with its text and terms as far as they are here."""
        session = self.session
        if session is None or session.trace is None:
            self.document.show(None)
            return
        known = self.asking.details.get(self.cursor_id, Details())
        pinned = session.pinned == self.cursor_id
        self.document.show(
            document_view(session.trace, self.cursor_id, known.document, known.highlights, known.terms, pinned=pinned)
        )

    def paint_empty(self) -> None:
        """What stands in place of the lists while there is nothing in them."""
        session = self.session
        view = empty_view(session.trace) if session else None
        if session is None or (session.trace is None and not self.asking.busy):
            info = session.pipeline.store.info if session else None
            view = first_start(info.name, info.documents, self.launch.examples) if info else first_start()
        view = self.asking.failed or view
        if view is not None:
            self.empty.show(view)
        if self._empty != (view is not None):
            self._empty = view is not None
            self.lay_out()

    def paint_knobs(self) -> None:
        session = self.session
        saved = session.loaded.settings if session else self.launch.loaded.settings
        settings = session.settings if session else saved
        self.knobs.show(settings, saved, greyed(settings, session.pipeline.store.info if session else None))

    def paint_stages(self) -> None:
        """Timing strip and status chip."""
        asking, session = self.asking, self.session
        trace = session.trace if session else None
        legs = tuple(session.settings.legs) if session else ()
        self.timings.show(trace.stages if trace else (), asking.under_way, asking.now_ms, asking.progress, legs)
        if session is not None:
            self.chip.show(trace, asking.busy_text)

    def paint_frame(self) -> None:
        """Title bar, headings' focus, the pinned document's way, and the last line."""
        loaded = self.session.loaded if self.session else self.launch.loaded
        name = loaded.file.name if loaded.file else "no file"
        dirty = bool(self.session and self.session.dirty)
        try_number = f" · try {self.session.current.number}" if self.session and len(self.session.tries) > 1 else ""
        self.title_bar.show(name, dirty=dirty, note=try_number, index=self._index_text())
        for pane in self.panes:
            pane.heading.mark(pane.content.has_focus)
        self.journey_line.show(self._journey())
        self.foot.show(HINTS, *self._said)

    def _index_text(self) -> str:
        if self.session is None:
            return "no index" if self.asking.failed else "opening the index"
        info = self.session.pipeline.store.info
        return f"{info.name} · {info.documents:,} docs" + (" · newer: F8 reloads" if self.asking.newer else "")

    def _journey(self) -> Journey | None:
        session = self.session
        if session is None or not session.pinned or session.trace is None:
            return None
        return journey(session.trace, session.pinned)

    def tell(self, message: str, tone: str = "text") -> None:
        """Show a sentence on the last line until the next key or message."""
        self._said = (message, tone)
        self.foot.show(HINTS, message, tone)

    def tell_error(self, error: Exception) -> None:
        """Show what went wrong and the way out: on the last line; a fault of the program in a window and the log."""
        if isinstance(error, RankscopeError):
            self.tell(f"{error.message} · {error.hint}" if error.hint else error.message, "error")
            return
        from console.screens.error import ErrorScreen

        log.error("a fault of the console", exc_info=error)
        self.app.push_screen(ErrorScreen(error, self.launch.log))

    # ---- what the work beside the screen brings

    def not_opened(self) -> None:
        """There is no index, and the reason stands in the lists' place."""
        self.chip.show(None, "")
        self.paint()
        self.empty.focus()

    def answered(self, *, first: bool = False) -> None:
        """Paint a new trace; until the user moves the cursor it stands on the best document."""
        trace = self.session.trace if self.session else None
        if trace is None:
            return
        found = len(trace.ranking.order) > 0
        if not self._moved:
            self.cursor_id = trace.pool.ids[int(trace.ranking.order[0])] if found else ""
        if first:
            self._said = ("", "text")
            if not self._moved:
                self.asking.details.clear()
                self.lists.to_top()
        self.paint()
        if first and found and self.focused is self.query_line:
            self.lists.reranked.focus()
        self.need_texts()

    def need_texts(self, *, afresh: bool = False) -> None:
        """Have the texts fetched that are in view and not here, and what is told of the document under the cursor."""
        self.asking.texts(self.lists.visible_ids)
        if afresh or self.cursor_id not in self.asking.details:
            self.asking.detail(self.cursor_id)

    # ---- what widgets tell

    def ask(self, text: str) -> None:
        """Ask a query, and keep it in the history."""
        self._moved = False
        try:
            self.history.add(text)
        except RankscopeError as error:
            self.tell_error(error)
        self.asking.ask(text)

    def on_query_submitted(self, message: QuerySubmitted) -> None:
        if self.query_line.value != message.text:  # one that was suggested
            self.query_line.value = message.text
        self.ask(message.text)

    def on_knob_turned(self, message: KnobTurned) -> None:
        if self.session is None:
            self.tell("the index is still being opened")
            return
        try:
            self.session.turn(message.path, message.value)
        except RankscopeError as error:
            self.paint_knobs()
            self.tell_error(error)
            return
        self.turned(message.path)

    def turned(self, path: str = "") -> None:
        """Paint changed settings, and have asked what they make necessary once they rest."""
        self._said = ("", "text")
        self.paint()
        if path == "rerank.enabled" and self.asking.busy and self.session and not self.session.settings.rerank.enabled:
            self.asking.stop()
        if self._rest_timer is not None:
            self._rest_timer.stop()
        self._rest_timer = self.set_timer(REST_S, self._rested)

    def _rested(self) -> None:
        if self.session is None:
            return
        self.session.rest()
        if self.session.unsettled:
            self.asking.settle()
        self.need_texts(afresh=True)

    def on_cursor_moved(self, message: CursorMoved) -> None:
        self._moved = True
        self.cursor_id = message.id
        self.lists.point_at(message.id)
        self.paint_document()
        self.need_texts()

    def on_pinned(self, message: Pinned) -> None:
        self.perform("pin", message.id)

    def on_rerank_toggled(self, _: RerankToggled) -> None:
        self.perform("rerank")

    def on_action_requested(self, message: ActionRequested) -> None:
        self.perform(message.name, *message.args)

    def on_descendant_focus(self, _: events.DescendantFocus) -> None:
        self.paint_frame()

    # ---- actions

    @property
    def context(self) -> Context:
        """What decides which actions apply."""
        return Context(self.session, self.asking.busy, self.cursor_id, self.asking.newer)

    def action_do(self, name: str) -> None:
        self.perform(name)

    def perform(self, name: str, *args: str) -> None:
        """Run an action by its name, or say why it does not apply. Errors are shown, never raised."""
        action = BY_NAME.get(name)
        reason = action.when(self.context) if action else f"there is no action {name!r}"
        self._said = ("", "text")
        if reason:
            self.tell(f"{action.title}: {reason}" if action else reason, "warning")
            return
        self.attempt(lambda: self.deeds.do(name, args))

    def attempt(self, deed: Callable[[], None]) -> None:
        """Do it; an error is shown, never raised."""
        try:
            deed()
        except Exception as error:
            self.tell_error(error)

    def pane_of(self, widget: Widget | None) -> Pane | None:
        """The pane that a widget stands in."""
        return next((p for p in self.panes if widget is not None and p in widget.ancestors_with_self), None)
