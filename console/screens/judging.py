"""What the actions of judging do on the main screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.session import Session, following

if TYPE_CHECKING:
    from console.query_set import QuerySet
    from console.screens.main import MainScreen
    from console.widgets.result_list import ResultList


class JudgingDeeds:
    """Grades, metric and query set. Methods raise ``RankscopeError``; the screen shows it."""

    screen: MainScreen
    _query_set: QuerySet | None = None

    @property
    def session(self) -> Session:
        raise NotImplementedError

    def do_judging(self) -> None:
        """Switch judging on or off; on, the keys have to be in a list or the document."""
        screen = self.screen
        screen.judging = not screen.judging
        if screen.judging and not screen.panes.shows_documents(screen.focused):
            screen.set_focus(screen.panes.lists.reranked)
        screen.refresh_bindings()
        screen.paint()
        if not screen.judging and self.session.judgments is not None and self.session.judgments:
            screen.tell(f"judgments are in {self.session.judgments.folder}")

    def do_grade_no(self) -> None:
        self._grade(0)

    def do_grade_related(self) -> None:
        self._grade(1)

    def do_grade_good(self) -> None:
        self._grade(2)

    def do_grade_answer(self) -> None:
        self._grade(3)

    def do_ungrade(self) -> None:
        self.session.grade(self.screen.cursor_id, None)
        self.screen.graded(self.screen.cursor_id)

    def do_judge(self, document_id: str, grade: str) -> None:
        from console.judging import grade_from

        self.session.grade(document_id, grade_from(grade))
        self.screen.graded(self.screen.cursor_id)

    def _grade(self, grade: int) -> None:
        """Grade the document under the cursor, and go on to the next of the list that had the focus last."""
        screen = self.screen
        self.session.grade(screen.cursor_id, grade)
        screen.graded(self._next())

    def _next(self) -> str:
        content = self._list
        following = content.view.id_at(content.place + 1) if content.view and content.place >= 0 else ""
        return following or self.screen.cursor_id

    @property
    def _list(self) -> ResultList:
        lists = self.screen.panes.lists
        focused = self.screen.focused
        return next((each for each in lists.by_name.values() if each is focused), lists.by_name[lists.latest])

    def do_queries(self) -> None:
        """Show the query set; its searches are kept for the next time."""
        from console.query_set import QuerySet
        from console.screens.queries import QuerySetScreen

        screen, session = self.screen, self.session
        assert session.judgments is not None  # else the action does not apply
        session.judgments.refresh()
        known = self._query_set
        if known is None or known.pipeline is not session.pipeline:
            known = self._query_set = QuerySet(session.pipeline, session.judgments)

        def chosen(text: str | None) -> None:
            screen.paint()
            if text:
                screen.query_line.value = text
                screen.ask(text, syntax=False)

        screen.app.push_screen(QuerySetScreen(session, known), chosen)

    def do_metric(self, name: str = "") -> None:
        """Measure by the metric that was named, else by the next one."""
        from engine.evaluation.metrics import parse

        session = self.session
        session.metric = str(parse(name or following(session.metric)))
        self.screen.paint()
