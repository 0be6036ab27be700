"""What the actions that look closer do on the main screen: strips, filtering, why, comparing, tuning."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.settings.knobs import replace_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from console.facets import Filters
    from console.query_set import QuerySet
    from console.screens.compare import Choice
    from console.screens.main import MainScreen
    from console.screens.rerankers import Picked
    from console.screens.tuning import Tuned
    from console.screens.why import Change
    from console.session import Session
    from engine.settings.save import SaveResult
    from engine.settings.schema import RagflowSettings, RerankSettings, Settings


class LookingDeeds:
    """Methods raise ``RankscopeError``; the screen shows it."""

    screen: MainScreen
    _query_set: QuerySet | None

    @property
    def session(self) -> Session:
        raise NotImplementedError

    def _saved(self, result: SaveResult | None) -> None:
        raise NotImplementedError

    def do_landscape(self) -> None:
        """Strips of this query, then of the query set where it is searched, then none; they need the weights in
        view."""
        from console.landscapes import ThisQuery, WholeSet

        screen, strips, queries = self.screen, self.screen.strips, self._query_set
        whole = WholeSet(queries) if queries is not None and queries.searched(self.session.settings) else None
        if not strips.shown:
            strips.wished, strips.source = True, ThisQuery()
        elif isinstance(strips.source, ThisQuery) and whole is not None:
            strips.wished, strips.source = True, whole
        else:
            strips.wished = False
        if strips.wished and not screen.panes.weights_pane.display:
            screen.perform("weights")
        screen.paint()
        strips.want()
        source = strips.source.name if strips.source else ""
        searching = " · Q searches the query set for its own" if whole is None and self.session.judgments else ""
        screen.tell(f"the strips chart {source}{searching}" if strips.wished else "no strips · l shows them")

    # ---- filtering

    def do_filter(self) -> None:
        """Choose by the values of the index's fields; the lists follow each choice."""
        from console.screens.facets import FacetScreen

        def choose(filters: Filters, label: str) -> None:
            self.screen.attempt(lambda: self._filter(filters, label))

        self.screen.app.push_screen(FacetScreen(self.session, choose, lambda: self.screen.perform("undo")))

    def _filter(self, filters: Filters, label: str) -> None:
        self.session.change({"filter": filters}, label)
        self.session.rest()
        self.screen.turned(rests=False)
        self.screen.asking.settle()

    # ---- why

    def do_why(self, document_id: str = "") -> None:
        from console.screens.why import WhyScreen

        screen = WhyScreen(self.session, document_id or self.screen.cursor_id)
        self.screen.app.push_screen(screen, self._change)

    def _change(self, change: Change | None) -> None:
        """Put the chosen change in place as one try."""
        if change is not None:
            self.screen.attempt(lambda: self._apply({change.path: change.value}, change.label))

    def _apply(self, values: Mapping[str, object], label: str) -> None:
        self.session.change(values, label)
        self.session.rest()
        self.screen.turned()
        self.screen.tell(f"{label} · u undoes", "success")

    def do_account(self, document_id: str = "") -> None:
        from console.screens.engine_account import EngineAccountScreen

        self.screen.app.push_screen(EngineAccountScreen(self.session, document_id or self.screen.cursor_id))

    def do_attribute(self) -> None:
        """Mark in the text which sentences carried the rerank score; once more hides that."""
        panes = self.screen.panes
        if panes.weights_open and not panes.document_pane.display:
            panes.weights_open = False
            panes.lay_out()
        self.screen.attributing.toggle()

    # ---- RAGFlow

    def do_ragflow(self) -> None:
        from console.screens.ragflow import RagflowScreen

        self.screen.app.push_screen(RagflowScreen(self.session), self._take_options)

    def _take_options(self, options: RagflowSettings | None) -> None:
        """Search by the chosen knowledge bases and options, as one try."""
        if options is None:
            return
        from console.ragflow import store_of

        before = self.session.settings.store.ragflow
        names = [name for name in options.__struct_fields__ if getattr(options, name) != getattr(before, name)]
        values = {f"store.ragflow.{name}": getattr(options, name) for name in names}
        store_of(self.session.pipeline).use(options)
        self.screen.attempt(lambda: self._apply(values, "RAGFlow's options"))
        self.screen.perform("again")

    # ---- comparing

    def do_compare(self, before: str = "", after: str = "") -> None:
        from console.screens.compare import CompareScreen

        self.screen.app.push_screen(CompareScreen(self.session, before, after), self._choose_side)

    def _choose_side(self, choice: Choice | None) -> None:
        if choice is not None:
            self.screen.attempt(lambda: self._apply(choice.values, choice.label))

    # ---- rerankers

    def do_rerankers(self) -> None:
        """Show what can be used; how long each took last is looked up beside the loop."""
        self.screen.run_worker(self._show_rerankers(), group="rerankers", exclusive=True, exit_on_error=False)

    async def _show_rerankers(self) -> None:
        from console.rerankers import registered, reranker_rows
        from console.screens.rerankers import RerankerScreen

        session, remote = self.session, self.session.pipeline.resources.remote
        try:
            engines = await asyncio.to_thread(registered, session)
            local = session.pipeline.local
            rows = await asyncio.to_thread(
                reranker_rows, session.settings, session.loaded.settings, engines, None, local.models if local else None
            )
            latest = await asyncio.to_thread(remote.ledger.latest) if remote else {}
        except Exception as error:
            self.screen.tell_error(error)
            return
        self.screen.app.push_screen(RerankerScreen(session, rows, latest), self._picked)

    def do_reranker(self, name: str) -> None:
        from console.rerankers import picked

        self._use(picked(self.session, name), f"reranker {name}")

    def do_panel(self, *names: str) -> None:
        from console.rerankers import settings_of

        self._compare([settings_of(self.session, name) for name in names])

    def _compare(self, rerankers: Sequence[RerankSettings]) -> None:
        from console.screens.panel import PanelScreen

        self.screen.app.push_screen(PanelScreen(self.session, rerankers), self._picked)

    def _picked(self, picked: Picked | None) -> None:
        if picked is None:
            self.screen.paint()
        elif picked.rerankers:
            self.screen.attempt(lambda: self._compare(picked.rerankers))
        elif picked.settings is not None:
            settings = picked.settings
            self.screen.attempt(lambda: self._rerank_by(settings, picked.label))
        else:
            self.screen.attempt(lambda: self._use(picked.values, picked.label))

    def do_stage(self, name: str) -> None:
        from console.cascades import with_stage
        from console.rerankers import picked

        settings, stage = with_stage(self.session.settings, picked(self.session, name))
        self._rerank_by(settings, f"further stage {stage}")

    def do_unstage(self) -> None:
        from console.cascades import without_stage

        settings, stage = without_stage(self.session.settings)
        self._rerank_by(settings, f"without stage {stage}")

    def _use(self, values: Mapping[str, object], label: str) -> None:
        """Put a reranker in place as one try, and ask it for what it has not scored."""
        self._rerank_by(replace_all(self.session.settings, values), label)

    def _rerank_by(self, settings: Settings, label: str) -> None:
        self.session.put(settings, label)
        self.session.rest()
        self.session.agreements.ask_again()
        self.screen.turned(rests=False)
        self.screen.asking.rerank_now()
        self.screen.tell(f"{label} · u undoes", "success")

    def do_unload(self) -> None:
        """End the worker of local models; the next query that needs one starts it again."""
        self.screen.asking.stop()
        self.screen.run_worker(self._unload(), group="unload", exclusive=True, exit_on_error=False)

    async def _unload(self) -> None:
        from console.views_local import bytes_text

        host = self.session.pipeline.resources.local
        if host is None:
            return
        held = bytes_text(host.state.memory_bytes)
        await host.unload()
        self.screen.panes.paint_chip()
        freed = f", {held} freed" if held else ""
        self.screen.tell(f"local models unloaded{freed} · the next query loads what it needs", "success")

    # ---- tuning

    def do_tune(self) -> None:
        from console.screens.tuning import TuningScreen

        self.screen.app.push_screen(TuningScreen(self.session), self._tuned)

    def _tuned(self, tuned: Tuned | None) -> None:
        if tuned is None:
            return
        self.screen.attempt(lambda: self._apply(tuned.values, tuned.label))
        if tuned.save:
            self.screen.attempt(lambda: self._save(tuned.header))

    def _save(self, header: str) -> None:
        from console.screens.save import SaveScreen

        self.screen.app.push_screen(SaveScreen(self.session, header=header), self._saved)
