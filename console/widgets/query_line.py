"""The line that queries are typed on, with the queries before on ↑ and ↓."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from console.history import History
from console.messages import ActionRequested, QueryLeft, QuerySubmitted


class QueryLine(Input):
    """One line of text; Enter posts ``QuerySubmitted``."""

    DEFAULT_CSS = """
    QueryLine { width: 1fr; height: 1; border: none; padding: 0; background: transparent; }
    QueryLine:focus { border: none; background: transparent; background-tint: transparent 0%; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j", "submit", show=False),  # Enter, where it was typed before the terminal was ours
        Binding("up", "older", "Older query", id="query-older"),
        Binding("down", "newer", "Newer query; then to the lists", id="query-newer"),
    ]

    HELP = (
        'Enter asks; the words are searched in every field, and by meaning. "In quotes" they have to stand together; '
        "-word leaves out what has it; title:word asks one field. Letters are the query's here: esc leaves the line, "
        "and then they are keys. On an empty line ? lists every action."
    )

    def __init__(self, history: History, value: str = "") -> None:
        super().__init__(
            value, placeholder="type a query and press Enter", id="query", compact=True, select_on_focus=False
        )
        self.cursor_blink = False
        self._history = history
        self._at = 0
        self._draft = ""

    def on_key(self, event: events.Key) -> None:
        """A question mark alone asks nothing of an index: whoever types it first looks for the keys."""
        if event.key == "question_mark" and not self.value:
            event.prevent_default()
            event.stop()
            self.post_message(ActionRequested("actions"))

    def action_older(self) -> None:
        """The query before the one shown; the text being typed waits at the end."""
        self._recall(self._at + 1)

    def action_newer(self) -> None:
        """The query after the one shown; from the newest to what stands below."""
        if self._at:
            self._recall(self._at - 1)
        else:
            self.post_message(QueryLeft())

    def _recall(self, at: int) -> None:
        queries = self._history.queries
        if not 0 <= at <= len(queries):
            return
        if self._at == 0:
            self._draft = self.value
        self._at = at
        self.value = queries[-at] if at else self._draft
        self.cursor_position = len(self.value)

    async def action_submit(self) -> None:
        self._at = 0
        self.post_message(QuerySubmitted(self.value))
