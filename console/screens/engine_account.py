"""The engine's own account of the score of one document, whole."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.engine_account import account_lines, account_of
from console.screens.dialog import Dialog
from engine.analysis.display import clean
from engine.errors import RankscopeError

if TYPE_CHECKING:
    from console.session import Session


class EngineAccountScreen(Dialog[None]):
    """Asks when it is shown; what goes wrong stands in its place."""

    keys = "↑↓ scrolls · esc closes"

    DEFAULT_CSS = "EngineAccountScreen #text { height: auto; max-height: 100%; scrollbar-gutter: stable; }"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q,X", "leave", "Close", show=False)]

    def __init__(self, session: Session, document_id: str | None) -> None:
        super().__init__()
        self._session = session
        self._id: str = document_id or ""
        self.heading = f"{session.pipeline.store.info.kind}: {clean(self._id)}"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text"):
            yield Static(Content("asking …"), id="tree", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._ask(), exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        try:
            tree = await account_of(self._session, self._id)
        except RankscopeError as error:
            text = Text(clean(f"{error.message}\n{error.hint}"), self.palette.error)
        else:
            text = self._text(list(account_lines(tree))) if tree else Text("the query's words do not match it")
        self.query_one("#tree", Static).update(Content.from_rich_text(text))

    def _text(self, lines: list[tuple[int, float, str]]) -> Text:
        text, width = Text(), self.query_one("#tree").size.width
        for depth, value, what in lines:
            number = f"{value:.6g}"
            indent = 2 * depth + len(number) + 2
            told = f"\n{' ' * indent}".join(wrap(what, max(width - indent, 20)))
            text.append("  " * depth)
            text.append(number, self.palette.accent if depth < 3 else self.palette.text)
            text.append(f"  {told}\n", self.palette.text if what.startswith("weight(") else self.palette.muted)
        text.rstrip()
        return text
