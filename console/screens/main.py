"""The main screen: title, query line and last line at once, the panes right behind the first frame."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from console.actions import ACTIONS, BY_NAME, Context
from console.hints import TYPING, Hint, hints, judging_hints
from console.history import History
from console.launch import Launch
from console.messages import (
    ActionRequested,
    CursorMoved,
    KnobTurned,
    Pinned,
    QueryLeft,
    QuerySubmitted,
    RerankToggled,
    ScreenReady,
)
from console.numbers import counted
from console.screens.asking import Asking
from console.screens.attributing import Attributing
from console.screens.deeds import Deeds
from console.screens.strips import StripsWork
from console.session import Session
from console.widgets.bars import FootLine, QueryMark, TitleBar
from console.widgets.direct import SideBySide, Stacked
from console.widgets.lines import fit
from console.widgets.query_line import QueryLine
from engine.errors import RankscopeError, UsageError

if TYPE_CHECKING:
    from console.screens.panes import Panes
    from console.widgets.pane import Pane

log = logging.getLogger(__name__)

REST_S = 0.3
"""How long a slider rests before what it made necessary is asked."""


class MainScreen(Screen[None]):
    """Where the console's work is done. ``session`` is None until the index is open."""

    AUTO_FOCUS = "#query"

    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    MainScreen #ask { height: 1; width: 1fr; }
    MainScreen #below { height: 1fr; width: 1fr; }
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
        for action in sorted(ACTIONS, key=lambda action: not action.modal)
        if action.keys
    ]

    def __init__(self, launch: Launch) -> None:
        super().__init__()
        self.launch = launch
        self.asking = Asking(self)
        self.cursor_id = ""
        self.history = History(launch.history)
        self.ready = False
        self.deeds = Deeds(self)
        self._panes: Panes | None = None
        self._moved = False
        self._rest_timer: Timer | None = None
        self._said = ("", "text")
        self._hints: tuple[Hint, ...] = TYPING
        self.judging = False
        self.strips = StripsWork(self)
        self.attributing = Attributing(self)

    @property
    def session(self) -> Session | None:
        """None until the index is open."""
        return self.asking.session

    # ---- structure

    @property
    def panes(self) -> Panes:
        """Everything between the query line and the last line. There is none in the first frame."""
        if self._panes is None:
            raise UsageError("the console is still starting")
        return self._panes

    @property
    def furnished(self) -> bool:
        """Whether the panes are there."""
        return self._panes is not None

    def compose(self) -> ComposeResult:
        self.title_bar, self.foot = TitleBar(), FootLine()
        self.query_line = QueryLine(self.history, self.launch.query)
        yield self.title_bar
        with SideBySide(id="ask"):
            yield QueryMark()
            yield self.query_line
        yield Stacked(id="below")
        yield self.foot

    def on_mount(self) -> None:
        self.paint_frame()
        for notice in self.launch.notices:
            self.tell(notice, "warning")
        self.ready = True
        self.post_message(ScreenReady())
        self.call_after_refresh(self.asking.furnish)

    async def furnish(self, panes: Panes) -> None:
        """Put the panes in place, all of them in one frame."""
        with self.app.batch_update():
            await self.query_one("#below").mount(panes)
            self._panes = panes
            panes.lay_out()
            self.paint()

    def on_resize(self) -> None:
        if self.furnished:
            self.panes.lay_out()
        self.paint()

    # ---- painting

    def paint(self) -> None:
        """Everything, in one frame."""
        if self.furnished:
            self.panes.paint()
            if self._rest_timer is None:  # else the frame is a slider's
                self.strips.want()
        self.paint_frame()

    def paint_frame(self) -> None:
        """Title bar, headings' focus, and the last line."""
        loaded = self.session.loaded if self.session else self.launch.loaded
        name = loaded.file.name if loaded.file else "no file"
        dirty = bool(self.session and self.session.dirty)
        try_number = f" · try {self.session.current.number}" if self.session and len(self.session.tries) > 1 else ""
        self.title_bar.show(name, dirty=dirty, note=try_number + self._filter_note(), index=self._index_text())
        if self.furnished:
            self.panes.mark_focus()
        self._paint_foot()

    def _paint_foot(self) -> None:
        if self._rest_timer is None:  # a slider that moves changes no key
            self._hints = self._hints_now()
        self._show_foot()

    def _show_foot(self) -> None:
        self.foot.show(self._hints, *self._said, self.panes.footing if self.furnished else ())

    def _hints_now(self) -> tuple[Hint, ...]:
        if self.focused is self.query_line:
            return TYPING
        if self.judging:
            return judging_hints(self.launch.keymap)
        pane = self.pane_of(self.focused) if self.furnished else None
        return hints(pane.action if pane else "", self.context, self.launch.keymap)

    def _filter_note(self) -> str:
        filters = self.session.settings.filter if self.session else None
        if not filters:
            return ""
        from console.facets import filter_text

        return f" · only {fit(filter_text(filters), self.size.width // 3)}"

    def _index_text(self) -> str:
        if self.session is None:
            return "no index" if self.asking.failed else "opening the index"
        info = self.session.pipeline.store.info
        return f"{info.name} · {counted(info.documents, 'doc')}" + (" · newer: F8 reloads" if self.asking.newer else "")

    def tell(self, message: str, tone: str = "text") -> None:
        """Show a sentence on the last line until the next key or message."""
        self._said = (message, tone)
        self._paint_foot()

    def tell_fault(self, message: str, hint: str) -> None:
        """What went wrong and the way out, on the last lines; where both do not fit there, beside them as well."""
        self.tell(f"{message} · {hint}", "error")
        if len(message) + len(hint) + 4 > 2 * self.size.width:
            self.app.notify(hint, title=message, severity="error", timeout=12)

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
        self.paint()
        self.set_focus(self.panes.empty)

    def answered(self, *, first: bool = False, scores: bool = False) -> None:
        """Paint a new trace, of which only the rerank ``scores`` may be new; until the user moves the cursor it stands
        on the best document."""
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
                self.panes.lists.to_top()
        asked_here = self.focused in (None, self.query_line, self.panes.empty)
        if scores:
            self.panes.paint_scores()
            self._show_foot()
        else:
            self.paint()
        if first and found and asked_here:
            self.set_focus(self.panes.lists.reranked)
        self.need_texts()

    def need_texts(self, *, afresh: bool = False) -> None:
        """Have the texts fetched that are in view and not here, and what is told of the document under the cursor."""
        self.asking.texts(self.panes.lists.visible_ids)
        if afresh or self.cursor_id not in self.asking.details:
            self.asking.detail(self.cursor_id)

    # ---- what widgets tell

    def ask(self, text: str, *, syntax: bool = True) -> None:
        """Ask a query, and keep it in the history. Without ``syntax`` its words are only words."""
        self._moved = False
        if self.session is not None and self.session.judgments is not None:
            self.attempt(self.session.judgments.refresh)  # somebody else may have judged
        try:
            self.history.add(text)
        except RankscopeError as error:
            self.tell_error(error)
        self.asking.ask(text, syntax=syntax)

    def on_query_submitted(self, message: QuerySubmitted) -> None:
        if self.query_line.value != message.text:  # one that was suggested
            self.query_line.value = message.text
        self.ask(message.text)

    def on_query_left(self, _: QueryLeft) -> None:
        if self.furnished:
            self.set_focus(self.panes.middle)

    def on_knob_turned(self, message: KnobTurned) -> None:
        if self.session is None:
            self.tell("the index is still being opened")
            return
        try:
            self.session.turn(message.path, message.value)
        except RankscopeError as error:
            self.panes.paint_knobs()
            self.tell_error(error)
            return
        self.turned(message.path)

    def turned(self, path: str = "", *, rests: bool = True) -> None:
        """Paint changed settings, and have asked what they make necessary once they rest; ``rests`` off leaves that to
        the caller."""
        self._said = ("", "text")
        if self._rest_timer is not None:
            self._rest_timer.stop()
        self._rest_timer = self.set_timer(REST_S, self._rested) if rests else None
        self.paint()
        if path == "rerank.enabled" and self.asking.busy and self.session and not self.session.settings.rerank.enabled:
            self.asking.stop()

    def _rested(self) -> None:
        self._rest_timer = None
        if self.session is None:
            return
        self.session.rest()
        if self.session.unsettled:
            self.asking.settle()
        else:
            self.strips.want()
        self._paint_foot()
        self.need_texts(afresh=True)

    def on_screen_resume(self) -> None:
        self.asking.ask_to_send()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        if self.panes.lists.ahead not in ("", message.id):
            return  # more keys have moved on
        self._moved = True
        self.cursor_id = message.id
        self.panes.lists.point_at(message.id)
        self.panes.paint_document()
        self.need_texts()

    def graded(self, next_id: str) -> None:
        """Paint a grade, and the cursor on the next document, in one frame."""
        self._moved = True
        self.cursor_id = next_id
        self.panes.lists.point_at(next_id)
        self.paint()
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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of a mode are other actions' keys outside it."""
        if action != "do" or not BY_NAME[str(parameters[0])].modal:
            return True
        return self.judging and self.panes.shows_documents(self.focused)

    def action_do(self, name: str) -> None:
        if self.furnished:
            self.cursor_id = self.panes.lists.ahead or self.cursor_id
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

    def attempt(self, deed: Callable[[], object]) -> None:
        """Do it; an error is shown, never raised."""
        try:
            deed()
        except Exception as error:
            self.tell_error(error)

    def pane_of(self, widget: Widget | None) -> Pane | None:
        """The pane that a widget stands in."""
        return next((p for p in self.panes.each if widget is not None and p in widget.ancestors_with_self), None)
