"""The query set: every judged query with its metric by the saved and the live settings, and before and after reranking.

Opening it answers what is not answered yet; searches are kept, so after a slider it only ranks anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import WorkType

from console.messages import ActionRequested
from console.query_set import QuerySet
from console.session import following
from console.views_judging import title
from console.views_queries import ORDERS, RERANKER, SETTINGS, Means, means, query_set_view, tested
from console.widgets.bars import FootLine, QueryMark, TitleBar
from console.widgets.query_table import QueryTable, TableHeading
from console.widgets.set_summary import SetSummary
from engine.errors import RankscopeError
from engine.evaluation import metrics

if TYPE_CHECKING:
    from console.session import Session
    from engine.settings.schema import Settings

FREE = ("term", "local")
"""Rerankers that cost nothing but time; with others asking a whole set waits for a key."""

PAINT_S = 0.1
"""How often progress is painted, at most."""

HINTS = (
    ("⏎", "asks it", "choose"),
    ("esc", "back", "leave"),
    ("/", "filter", "filter"),
    ("o", "order", "order"),
    ("c", "compare", "compare"),
    ("M", "metric", "metric"),
    ("r", "go on", "run"),
)


class QuerySetScreen(Screen[str]):
    """Gives the text of the query to ask."""

    AUTO_FOCUS = "#table"

    DEFAULT_CSS = """
    QuerySetScreen { layout: vertical; }
    QuerySetScreen #line { height: 1; width: 1fr; }
    QuerySetScreen #filter, QuerySetScreen #filter:focus {
        width: 1fr; height: 1; border: none; padding: 0; background: transparent; background-tint: transparent 0%;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop, clear the filter, or go back"),
        Binding("Q", "dismiss", "Back", show=False),
        Binding("enter,space", "choose", "Ask the query"),
        Binding("slash", "filter", "Filter by words"),
        Binding("o", "order", "Order by gain, loss, worst, or as in the set"),
        Binding("c", "compare", "Compare settings, or before and after reranking"),
        Binding("M", "metric", "Measure by the next metric"),
        Binding("r", "run", "Go on asking"),
    ]

    def __init__(self, session: Session, queries: QuerySet) -> None:
        super().__init__()
        self._session, self._queries = session, queries
        self._order = ORDERS[0]
        self._compared = SETTINGS if session.dirty or not session.settings.rerank.enabled else RERANKER
        self._filter = ""
        self._done: int | None = None
        self._means: Means | None = None

    def compose(self) -> ComposeResult:
        self.title_bar, self.foot = TitleBar(), FootLine()
        self.summary, self.heading, self.table = SetSummary(), TableHeading(), QueryTable()
        yield self.title_bar
        with Horizontal(id="line"):
            yield QueryMark()
            yield Input(placeholder="/ filters by words", id="filter", compact=True)
        yield self.summary
        yield self.heading
        yield self.table
        yield self.foot

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self.paint(to_top=True)
        rerank = self._session.settings.rerank
        if rerank.enabled and rerank.provider not in FREE:
            self.summary.tell(f"r asks {len(self._queries.judged)} queries of {rerank.provider}")
        else:
            self.action_run()

    @property
    def running(self) -> bool:
        return any(worker.group == "measure" and not worker.is_finished for worker in self.workers)

    # ---- asking

    def action_run(self) -> None:
        """Answer what is not answered yet."""
        if not self.running:
            self._done = 0
            self._work("measure", self._measure)

    def _work(self, group: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        job: WorkType[None] = work
        self.run_worker(job, group=group, exclusive=True, exit_on_error=False)

    async def _measure(self) -> None:
        session = self._session
        saved, now = session.loaded.settings, session.settings
        try:
            if not await self._agreed(saved, now):
                self._done = None
                self.summary.tell("nothing was asked · r asks", "warning")
                return
            async with aclosing(self._queries.measure(saved, now)) as progress:
                painted = 0.0
                async for done in progress:
                    self._done = done
                    if time.perf_counter() - painted >= PAINT_S:
                        self.paint(to_top=not self.table.touched)
                        painted = time.perf_counter()
            self._done = None
            await self._test()
        except RankscopeError as error:
            self._done = None
            self.summary.tell(f"{error.message} · {error.hint}" if error.hint else error.message, "error")

    async def _agreed(self, saved: Settings, now: Settings) -> bool:
        """Whether the set may be asked by both settings; a service is asked about once."""
        from console.screens.departures import agreed

        queries = self._queries
        asking = [now] if saved.rerank == now.rerank else [now, saved]
        asking = [each for each in asking if each.rerank not in queries.agreed]
        if not asking or not await agreed(self.app, queries.pipeline, asking, [item.text for item in queries.judged]):
            return not asking
        queries.agreed += [each.rerank for each in asking]
        return True

    async def _test(self) -> None:
        """Paint, and add the paired test, which takes too long for a frame."""
        self.paint(to_top=not self.table.touched)
        rows, compared, metric = self._rows, self._compared, self._metric
        test = await asyncio.to_thread(tested, rows, compared, metric)
        if (compared, metric) == (self._compared, self._metric) and self._means is not None:
            self._means = replace(self._means, paired=test)
            self._paint_summary()

    # ---- painting

    @property
    def _metric(self) -> metrics.Metric:
        return metrics.parse(self._session.metric)

    def paint(self, *, to_top: bool = False) -> None:
        """Everything, by what is known now."""
        session = self._session
        saved, now = session.loaded.settings, session.settings
        self._rows = [self._queries.row(item, saved, now, self._metric) for item in self._queries.judgments.queries]
        self._means = means(self._rows, self._compared, self._metric)
        view = query_set_view(self._rows, self._compared, self._order, self._filter, now.rerank.enabled)
        self.table.show(view, to_top=to_top)
        self.heading.show(view)
        self._paint_summary()
        judged = sum(row.graded for row in self._rows)
        about = f"{self._queries.judgments.name} · {len(self._rows)} queries, {judged} judged"
        self.title_bar.show("query set", dirty=False, note=f" · by {title(self._metric)}", index=about)
        self.foot.show(HINTS)

    def _paint_summary(self) -> None:
        total = len(self._queries.judged)
        progress = None if self._done is None else (self._done, total)
        self.summary.show(self._means, self._compared, title(self._metric), progress)

    # ---- keys

    def action_leave(self) -> None:
        """One step out: what runs, the filter, the screen."""
        line = self.query_one(Input)
        if self.running:
            self.workers.cancel_group(self, "measure")
            self.summary.tell("stopped · r goes on", "warning")
        elif line.has_focus or line.value:
            line.value = ""
            self.set_focus(self.table)
        else:
            self.dismiss("")

    def action_choose(self) -> None:
        row = self.table.chosen
        if row is not None:
            self.dismiss(row.text)

    def on_query_table_chosen(self) -> None:
        self.action_choose()

    def action_filter(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = event.value
        self.paint(to_top=True)

    def on_input_submitted(self) -> None:
        self.set_focus(self.table)

    def action_order(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self.paint(to_top=True)

    def action_compare(self) -> None:
        if not self._session.settings.rerank.enabled:
            self.summary.tell("the reranker is off: there is no before and after", "warning")
            return
        self._compared = SETTINGS if self._compared == RERANKER else RERANKER
        self._again()

    def action_metric(self) -> None:
        self._session.metric = following(self._session.metric)
        self._again()

    def _again(self) -> None:
        """Paint by another comparison or metric, and test it where all is answered."""
        self.paint(to_top=True)
        if not self.running:
            self._work("test", self._test)

    async def on_action_requested(self, message: ActionRequested) -> None:
        message.stop()
        await self.run_action(message.name)
