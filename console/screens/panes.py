"""The panes of the main screen: timings, lists, document, weights, and the pinned document's line.

Imported and mounted behind the first frame: what they stand on (numpy above all) takes longer to load than the rest.
Whatever changes is painted in one handler, so that it stands in one frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from console.session import Details
from console.views import Journey, journey, views
from console.views_document import document_view
from console.views_empty import empty_view, first_start, no_documents
from console.views_judging import Graded, Measured, footing, measured
from console.views_knobs import greyed
from console.widgets.bars import Divider
from console.widgets.direct import SideBySide, Stacked
from console.widgets.document_panel import DocumentPanel
from console.widgets.empty import EmptyState
from console.widgets.journey_line import JourneyLine
from console.widgets.knob_panel import KnobPanel
from console.widgets.lists import Lists
from console.widgets.pane import Pane
from console.widgets.status_chip import StatusChip
from console.widgets.timing_strip import TimingStrip
from engine.evaluation import metrics

if TYPE_CHECKING:
    from textual.widget import Widget

    from console.screens.main import MainScreen
    from console.session import Session
    from engine.records import FloatArray
    from engine.trace import Trace

NARROW, ROOMY, WIDE = 110, 140, 200
"""Columns below which weights and document share a place, unless each leg's list is shown; from which the flow is
broad; and each leg's list shown. Titles need the room that those lists leave."""
LOW = 32
"""Lines below which the waterfall takes its room from the pane below the lists."""


class Panes(Stacked):
    """Wide: lists and document left, weights right. Narrow: weights take the document's place.

    weights_open  where room is short, the weights are shown instead of the document
    alone         the pane that has all the room, by its action; '' for none
    legs_shown    each leg's own list is shown; None leaves it to the width
    measured      what judgments say of the lists; None where there are none
    """

    DEFAULT_CSS = """
    Panes { height: 1fr; width: 1fr; }
    Panes #status { height: auto; width: 1fr; }
    Panes TimingStrip { width: 3fr; }
    Panes StatusChip { width: 2fr; }
    Panes #columns { height: 1fr; }
    Panes #columns.-narrow { layout: vertical; }
    Panes #left { width: 1fr; height: 1fr; }
    Panes #pane-weights { width: 38; }
    Panes #columns.-narrow #pane-weights { width: 1fr; }
    """

    def __init__(self, main: MainScreen) -> None:
        super().__init__(id="panes")
        self._main = main
        self.weights_open = False
        self.alone = ""
        self.legs_shown: bool | None = None
        self.measured: Measured | None = None
        self._graded = Graded()
        self._version = 0
        self._empty = True
        self.timings, self.chip = TimingStrip(), StatusChip()
        self.lists = Lists(tuple(main.launch.loaded.settings.legs))
        self.empty = EmptyState(id="empty")
        self.document = DocumentPanel(id="document")
        self.document_pane = Pane("4", "Document", "document", self.document)
        self.knobs = KnobPanel(id="knobs")
        self.weights_pane = Pane("3", "Weights", "weights", self.knobs)
        self.divider, self.journey_line = Divider(), JourneyLine()
        self.each = (*self.lists.panes.values(), self.document_pane, self.weights_pane)

    def compose(self) -> ComposeResult:
        with SideBySide(id="status"):
            yield self.timings
            yield self.chip
        with SideBySide(id="columns"):
            with Stacked(id="left"):
                yield self.lists
                yield self.empty
                yield self.document_pane
            yield self.divider
            yield self.weights_pane
        yield self.journey_line

    def on_mount(self) -> None:
        self.watch(self.timings, "expanded", self.lay_out, init=False)

    def lay_out(self) -> None:
        """Give the panes their places for this size, the pane that is alone, and what is open."""
        width, height = self.screen.size
        narrow, alone = width < (WIDE if self.with_legs else NARROW), self.alone
        self.query_one("#columns").set_class(narrow, "-narrow")
        self.query_one("#left").display = alone != "weights"
        beside = alone in ("", *self.lists.by_name)
        self.lists.display = beside and not self._empty
        self.empty.display = beside and self._empty
        self.document_pane.display = not self._empty and (
            alone == "document" if alone else not (narrow and self.weights_open)
        )
        below = 5 if self.timings.expanded and height < LOW else max(8, height // 3)
        self.document_pane.styles.height = "1fr" if alone else below
        list_alone = alone if alone in self.lists.by_name else ""
        flow = 12 if width >= ROOMY else 6
        if self.with_legs:
            flow = 6 if width >= ROOMY else 0
        self.lists.lay_out(with_legs=self.with_legs, alone=list_alone, flow_width=flow)
        self.weights_pane.display = alone == "weights" if alone else not narrow or self.weights_open
        self.weights_pane.styles.height = "1fr" if alone or not narrow else below
        self.divider.display = not narrow and not alone

    @property
    def middle(self) -> Widget:
        """Where Escape leads: the reranked list, or what stands in the lists' place."""
        return self.empty if self._empty else self.lists.reranked

    def shows_documents(self, widget: Widget | None) -> bool:
        """Whether the widget is a list or the document pane."""
        return widget is self.document or widget in self.lists.by_name.values()

    @property
    def with_legs(self) -> bool:
        """Whether each leg's own list is shown."""
        return self.screen.size.width >= WIDE if self.legs_shown is None else self.legs_shown

    # ---- painting

    def paint(self) -> None:
        """Everything that follows from the session's trace and settings."""
        self.paint_scores()
        self.paint_knobs()

    def paint_scores(self) -> None:
        """What more rerank scores change: not the knobs."""
        session = self._main.session
        trace = session.trace if session else None
        if session is not None and trace is not None:
            self._version += 1
            shown = views(trace, self._version, legs=self.with_legs, gains=self._measure(session, trace))
            self.lists.show(shown, self._main.cursor_id, session.pinned)
        self.paint_empty()
        self.paint_document()
        self.paint_stages()
        self.journey_line.show(self._journey())

    def _measure(self, session: Session, trace: Trace) -> FloatArray | None:
        """Measure the lists; the grades of the pool's rows, None where nothing is to be marked."""
        grades, judging = session.grades, self._main.judging
        self.measured = None
        if not (session.judgments or judging):
            return None
        gains = self._graded.gains(trace.pool, grades)
        self.measured = measured(trace, gains, grades, metrics.parse(session.metric))
        return gains if grades or judging else None

    @property
    def footing(self) -> tuple[tuple[str, str], ...]:
        """How good the lists are, for the last line."""
        return footing(self.measured, self.screen.size.width) if self.measured else ()

    def paint_document(self) -> None:
        """The account of the document under the cursor, with its text and terms as far as they are here."""
        session, document_id = self._main.session, self._main.cursor_id
        self._main.attributing.look()
        if session is None or session.trace is None:
            self.document.show(None)
            return
        known = self._main.asking.details.get(document_id, Details())
        attributing = self._main.attributing
        self.document.show(
            document_view(
                session.trace,
                document_id,
                known.document,
                known.highlights,
                known.terms,
                pinned=session.pinned == document_id,
                attribution=attributing.latest,
                attributing=attributing.running,
            )
        )

    def paint_empty(self) -> None:
        """What stands in place of the lists while there is nothing in them."""
        asking, session = self._main.asking, self._main.session
        view = empty_view(session.trace) if session else None
        info = session.pipeline.store.info if session else None
        if session is None or (session.trace is None and not asking.busy):
            known = session.judgments.queries if session and session.judgments else ()
            examples = self._main.launch.examples or tuple(item.text for item in known)
            view = first_start(info.name, info.documents, examples) if info else first_start()
        if view is not None and info is not None and not info.documents:
            view = no_documents(info.name, info.kind)
        view = asking.failed or view
        if view is not None:
            self.empty.show(view)
        if self._empty != (view is not None):
            self._empty = view is not None
            self.lay_out()

    def paint_knobs(self) -> None:
        session = self._main.session
        saved = session.loaded.settings if session else self._main.launch.loaded.settings
        settings = session.settings if session else saved
        reasons = greyed(settings, session.pipeline.store.info if session else None)
        self.knobs.show(settings, saved, reasons, self._main.strips.current)

    def paint_stages(self) -> None:
        """Timing strip and status chip."""
        asking, session = self._main.asking, self._main.session
        trace = session.trace if session else None
        legs = tuple(session.settings.legs) if session else ()
        self.timings.show(trace.stages if trace else (), asking.under_way, asking.now_ms, asking.said, legs)
        self.paint_chip()

    def paint_chip(self) -> None:
        """What ran or runs, and how it stands with the worker of local models."""
        asking, session = self._main.asking, self._main.session
        waiting = "" if asking.failed else "opening the index"
        host = session.pipeline.resources.local if session else None
        busy = asking.busy_text if session else waiting
        self.chip.show(session.trace if session else None, busy, host.state if host else None)

    def mark_focus(self) -> None:
        """Show by the headings where the keys go."""
        for pane in self.each:
            pane.heading.mark(pane.content.has_focus)

    def _journey(self) -> Journey | None:
        session = self._main.session
        if session is None or not session.pinned or session.trace is None:
            return None
        return journey(session.trace, session.pinned)
