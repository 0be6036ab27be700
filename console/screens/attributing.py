"""Asking what carried a document's rerank score, for the main screen: on demand, one document at a time, called off by
moving on."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import WorkType

from engine.loading import Loading, told

if TYPE_CHECKING:
    from console.screens.main import MainScreen
    from engine.rerankers.attribution import Attribution
    from engine.search import Search
    from engine.settings.schema import RerankSettings

_GROUP = "attribution"


@dataclass(frozen=True, slots=True)
class _Of:
    """What an attribution is of: it counts for no other query, document or reranker."""

    search: Search
    document: str
    rerank: RerankSettings


class Attributing:
    """The attribution that is shown, or asked for.

    latest   what is known of it, None for none
    running  whether more is to come
    """

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._of: _Of | None = None
        self.latest: Attribution | None = None
        self.running = False

    def toggle(self) -> None:
        """Ask for the document under the cursor; where it is shown or asked for already, no longer."""
        wanted, before = self._now(), self._of
        self._let_go()
        if wanted is not None and wanted != before:
            self._of, self.running = wanted, True
            self._screen.tell("scoring it without each of its sentences …")
            job: WorkType[None] = partial(self._ask, wanted)
            self._screen.run_worker(job, group=_GROUP, exclusive=True, exit_on_error=False)
        self._screen.panes.paint_document()

    def stop(self) -> None:
        """Ask no further; what is known stays."""
        self._screen.workers.cancel_group(self._screen, _GROUP)
        self.running = False
        self._screen.panes.paint_document()

    def look(self) -> None:
        """Let go of what belongs to another document, query or reranker than is shown now."""
        if self._of is not None and self._of != self._now():
            self._let_go()

    def _let_go(self) -> None:
        self._of = self.latest = None
        self.running = False
        self._screen.workers.cancel_group(self._screen, _GROUP)

    def _now(self) -> _Of | None:
        session = self._screen.session
        if session is None or session.search is None:
            return None
        return _Of(session.search, self._screen.cursor_id, session.settings.rerank)

    async def _ask(self, of: _Of) -> None:
        from engine.rerankers.attribution import attribute

        screen = self._screen
        try:
            with told(self._hear):
                async with aclosing(attribute(of.search, of.document)) as answers:
                    async for answer in answers:
                        if self._of != of:
                            return
                        first, self.latest = self.latest is None, answer
                        screen.panes.paint_document()
                        if first:
                            screen.panes.document.to_text()
            screen.tell("the sentences are marked in the text · a hides it", "success")
        except Exception as error:
            if self._of == of:
                self._of = None
                screen.tell_error(error)
        finally:
            if self._of in (of, None):
                self.running = False
                screen.call_later(screen.panes.paint_document)

    def _hear(self, loading: Loading | None) -> None:
        if loading is not None:
            self._screen.tell(loading.text)
