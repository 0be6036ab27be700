"""What the main screen asks beside itself: the index, queries, what resting sliders lack, texts of rows in view.

Each kind is a group of workers of which one runs at a time. Errors are shown, never raised. An answer to an older query
finds the session's generation moved on and paints nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import WorkType

from console.agreements import Agreements
from console.session import Details, Session
from console.views_reload import changes
from engine.errors import RankscopeError

if TYPE_CHECKING:
    from console.judging import Judgments
    from console.screens.main import MainScreen
    from console.views_empty import EmptyView
    from engine.trace import Event

LOOK_S = 5.0
"""How often the index is looked at for a newer generation."""


class Asking:
    """The work beside one main screen.

    session    None until the index is open
    under_way  running stages with their starts, milliseconds from the query's start
    said       how far running stages are, in words: ``16/50``, ``loading MiniLM-L6 34 %``
    failed     why there is no index, shown in the lists' place
    newer      the index has a newer generation
    details    what is known of documents that the cursor was on
    """

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self.session: Session | None = None
        self.under_way: dict[str, float] = {}
        self.said: dict[str, str] = {}
        self.failed: EmptyView | None = None
        self.newer = False
        self.details: dict[str, Details] = {}
        self._waiting = screen.launch.query
        self._warned: set[str] = set()
        self._began = 0.0
        self._again = False

    @property
    def busy(self) -> bool:
        """Whether a search is under way."""
        return any(worker.group == "search" and not worker.is_finished for worker in self._screen.workers)

    @property
    def now_ms(self) -> float:
        """Milliseconds on the query's time line."""
        return (time.perf_counter() - self._began) * 1e3

    @property
    def busy_text(self) -> str:
        """What is under way, '' for nothing."""
        if not self.busy:
            return ""
        if not self.said:
            return f"{', '.join(self.under_way)} …" if self.under_way else "searching"
        stage, said = list(self.said.items())[-1]
        if not said[0].isdigit():
            return said
        return f"reranking {said}" if stage == "rerank" else f"{stage.removeprefix('rerank.')} reranking {said}"

    def _work(self, group: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run it in place of what the group did before."""
        job: WorkType[None] = work  # not called here: a worker that is replaced at once never starts
        self._screen.run_worker(job, group=group, exclusive=True, exit_on_error=False)

    # ---- the index

    def furnish(self) -> None:
        """Import the panes off the loop, put them on the screen, and open the index."""
        self._work("panes", self._furnish)

    async def _furnish(self) -> None:
        from importlib import import_module

        module = await asyncio.to_thread(import_module, "console.screens.panes")
        await self._screen.furnish(module.Panes(self._screen))
        self.open()

    def open(self) -> None:
        """Open the index off the loop, or a newer generation of it."""
        self.failed = None
        self._work("index", self._reopen if self.session else self._open)

    async def _open(self) -> None:
        launch = self._screen.launch
        try:
            pipeline = await asyncio.to_thread(launch.open_index)
        except Exception as error:
            self._not_opened(error)
            return
        self.session = Session(pipeline, launch.loaded)
        self.session.heed(Agreements(launch.agreements))
        await self._open_judgments(self.session)
        self._screen.set_interval(LOOK_S, self._look)
        self._screen.set_interval(1, self._tick)
        self._screen.paint()
        launch.settled()
        if self._waiting.strip():
            self.ask(self._waiting)
        else:
            self._work("warm", lambda: pipeline.warm(launch.loaded.settings))

    async def _open_judgments(self, session: Session) -> None:
        """Have the session judge; where that cannot be, say why, now and whenever somebody wants to."""
        launch = self._screen.launch
        if launch.judgments is None:
            return

        def read() -> Judgments:
            from console.judging import Judgments

            assert launch.judgments is not None
            return Judgments.open(launch.data, session.pipeline.store.info.name, launch.judgments)

        try:
            session.judgments = await asyncio.to_thread(read)
        except RankscopeError as error:
            session.no_judgments = error.message
            self._screen.tell_error(error)

    def _not_opened(self, error: Exception) -> None:
        """Say in the lists' place why there is no index."""
        from console.views_empty import CONNECT, EmptyView, Suggestion

        lines = ((str(error), "error"), (getattr(error, "hint", ""), "text"))
        again = Suggestion("try again", "F8", action="reload")
        told = tuple(line for line in lines if line[0])
        self.failed = EmptyView("The index cannot be opened", told, (again, CONNECT))
        self._screen.not_opened()
        if not isinstance(error, RankscopeError):
            self._screen.tell_error(error)

    async def _reopen(self) -> None:
        session = self.session
        assert session is not None
        text = session.query
        try:
            pipeline = await asyncio.to_thread(self._screen.launch.open_index)
        except Exception as error:
            self._screen.tell_error(error)
            return
        self._screen.workers.cancel_group(self._screen, "search")
        before = session.pipeline.store.info
        older = session.adopt(pipeline)
        self.newer = False
        self._screen.paint()
        self._screen.app.notify(changes(before, pipeline.store.info), title="Read again")
        await older.close()
        if text:
            self.ask(text)

    def _tick(self) -> None:
        """Let the bar of what is waited for grow, else count down the seconds of the idle worker."""
        panes = self._screen.panes
        (panes.paint_stages if self.under_way else panes.paint_chip)()

    def _look(self) -> None:
        if self.session and not self.newer and self.session.pipeline.store.newer_generation() is not None:
            self.newer = True
            self._screen.paint_frame()
            self._screen.tell("the index was written anew · F8 goes on with it", "warning")

    # ---- searching

    def ask(self, text: str, *, syntax: bool = True) -> None:
        """Ask a query; the one before is cancelled. Before the index is open the query waits."""
        self._waiting = text
        session = self.session
        if session is None:
            return
        if not text.strip():
            self._screen.tell("type a query first")
            return
        self._began = time.perf_counter()
        self._start(partial(session.ask, text, syntax=syntax))

    def settle(self) -> None:
        """Ask what the present settings lack; where a search is under way, after it."""
        session = self.session
        if session is None or session.search is None:
            return
        if self.busy:
            self._again = True
            return
        stages = session.trace.stages if session.trace else ()
        self._began = time.perf_counter() - max((stage.end_ms for stage in stages), default=0.0) / 1e3
        self._start(session.settle)

    def rerank_now(self) -> None:
        """Ask the reranker that was just picked; a reranking under way is called off."""
        session = self.session
        if session is None or session.search is None or session.search.trace is None:
            return  # the query's own search will
        stages = session.trace.stages if session.trace else ()
        self._began = time.perf_counter() - max((stage.end_ms for stage in stages), default=0.0) / 1e3
        if session.search.missing(session.settings):
            self._start(session.settle)

    def stop(self) -> None:
        """Cancel what is under way; what is here stays."""
        self._again = False
        if self.session is not None:
            self.session.cancel()
        self._screen.workers.cancel_group(self._screen, "search")

    def _start(self, events_of: Callable[[], AsyncIterator[Event]]) -> None:
        self._again = False
        self.under_way.clear()
        self.said.clear()
        self._work("search", partial(self._follow, events_of))

    async def _follow(self, events_of: Callable[[], AsyncIterator[Event]]) -> None:
        session = self.session
        assert session is not None
        events = events_of()
        search = session.search
        try:
            async for event in events:
                self._apply(event)
        except Exception as error:
            self._screen.tell_error(error)
        finally:
            if search is session.search:  # else a newer query has begun
                self.under_way.clear()
                self.said.clear()
                session.look_again()
                self._screen.call_later(self._screen.paint)
                self._screen.call_later(self.ask_to_send)
        if self._again and session.unsettled:
            self._again = False
            await self._follow(session.settle)

    def _apply(self, event: Event) -> None:
        from engine.trace import Finished, Fused, LegFinished, ModelLoading, RerankProgress, StageFinished, StageStarted

        match event:
            case StageStarted(name, at_ms):
                self.under_way[name] = at_ms
                self._screen.panes.paint_stages()
            case StageFinished(report) | LegFinished(report):
                self.under_way.pop(report.name, None)
                self.said.pop(report.name, None)
                self._screen.panes.paint_stages()
            case ModelLoading(stage, loading):
                self.said.pop(stage, None)
                if loading is not None:
                    self.said[stage] = loading.text
                self._screen.panes.paint_stages()
            case Fused():
                self._screen.answered(first=True)
            case RerankProgress(done, total):
                reranking = next((name for name in reversed(self.under_way) if name.startswith("rerank")), "rerank")
                self.said[reranking] = f"{done}/{total}"
                self._screen.answered(scores=True)
                self._warn()
            case Finished(trace):
                self.said.clear()
                self._screen.answered()
                for failed in trace.stages:
                    short = failed.outcome.status in ("failed", "partial") and failed.outcome.hint
                    if short and failed.name.startswith("rerank"):
                        self._screen.tell_fault(f"{failed.name}: {failed.outcome.text}", failed.outcome.hint)

    def _warn(self) -> None:
        """Tell what the reranker warns of (which N fits its budget, what it falls back to), each once."""
        trace = self.session.trace if self.session else None
        infos = (trace.reranker, *trace.cascade) if trace else ()
        said = [text for info in infos if info for text in info.warnings if text not in self._warned]
        if said:
            self._warned.update(said)
            self._screen.tell(" · ".join(said), "warning")

    def ask_to_send(self) -> None:
        """Ask about what was held back from services, unless something else is being asked."""
        session, screen = self.session, self._screen
        if session is None or not session.agreements.pending or not screen.is_current:
            return
        from console.screens.departures import DepartureScreen

        def answered(agreed: bool | None) -> None:
            screen.attempt(lambda: session.agreements.answer(agreed=bool(agreed)))
            if agreed:
                self.settle()
            else:
                screen.tell("nothing was sent · n asks again", "warning")

        screen.app.push_screen(DepartureScreen(session.agreements.pending), answered)

    # ---- texts

    def texts(self, ids: list[str]) -> None:
        """Fetch the texts of these rows that are not here yet."""
        session = self.session
        if session is None or session.search is None or session.trace is None:
            return
        wanted = [i for i in ids if i not in session.trace.documents]
        if wanted:
            self._work("texts", partial(self._fetch, session, wanted))

    async def _fetch(self, session: Session, ids: list[str]) -> None:
        try:
            if session.search is not None:
                await session.search.fetch(ids)
        except Exception as error:
            self._screen.tell_error(error)
        self._screen.panes.lists.refresh_rows()

    def detail(self, document_id: str) -> None:
        """Fetch text, matches and term scores of one document."""
        if self.session is not None and self.session.search is not None and document_id:
            self._work("details", partial(self._fetch_details, self.session, document_id))

    async def _fetch_details(self, session: Session, document_id: str) -> None:
        generation = session.generation
        try:
            details = await session.details(document_id)
        except Exception as error:
            self._screen.tell_error(error)
            return
        if generation == session.generation:
            self.details[document_id] = details
            self._screen.panes.paint_document()
