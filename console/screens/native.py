"""The engine's own fusion beside ours: its forms on the left, both lists on the right."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.native import Beside, beside
from console.screens.dialog import Dialog
from console.views_native import native_text, option
from engine.errors import RankscopeError
from engine.search import Search
from engine.stores.base import Store
from engine.stores.elastic.native import ours
from engine.trace import Trace

NARROW = 110
"""Columns of the terminal below which the forms stand above the lists."""


class NativeScreen(Dialog[None]):
    """Asks the engine when it opens; Escape leaves, and breaks off what is still asked."""

    heading = "The engine's own fusion"
    keys = "↑↓ form · PgUp PgDn scroll · esc closes"

    DEFAULT_CSS = """
    NativeScreen > #box { max-width: 150; height: 90%; }
    NativeScreen Horizontal { height: 1fr; }
    NativeScreen OptionList { width: 27; height: 1fr; }
    NativeScreen Horizontal.-narrow { layout: vertical; }
    NativeScreen .-narrow OptionList { width: 1fr; height: auto; max-height: 6; }
    NativeScreen .-narrow #about { padding: 1 0 0 0; }
    NativeScreen #about { width: 1fr; height: 1fr; padding: 0 0 0 1; scrollbar-size-vertical: 1; }
    """

    def __init__(self, search: Search, trace: Trace, store: Store, base_dir: Path) -> None:
        super().__init__()
        self._search, self._trace, self._store, self._base_dir = search, trace, store, base_dir
        self.found: Beside | None = None

    def body(self) -> ComposeResult:
        with Horizontal():
            yield OptionList(id="list", markup=False)
            with VerticalScroll(id="about", can_focus=False):
                yield Static("asking the engine in every form that it has …", id="text", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.run_worker(self._ask(), exclusive=True)

    async def _ask(self) -> None:
        try:
            self.found = await beside(self._search, self._trace, self._store, self._base_dir)
        except RankscopeError as error:
            self._show(f"✗ {error.message}\n{error.hint}")
            return
        self.query_one("#box").border_title = Content(f"The fusion of {self.found.engine} itself")
        shown = self.query_one(OptionList)
        for number, native in enumerate(self.found.natives):
            shown.add_option(Option(option(native, self.palette), id=str(number)))
        shown.highlighted = 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._paint()

    def on_resize(self) -> None:
        self.query_one(Horizontal).set_class(self.size.width < NARROW, "-narrow")
        self.call_after_refresh(self._paint)

    def _paint(self) -> None:
        at = self.query_one(OptionList).highlighted
        if self.found is None or at is None:
            return
        native = self.found.natives[at]
        mine = ours(self._trace, self.found.depth, reranked=native.reranked)
        width = max(self.query_one("#about").size.width - 2, 24)
        text = native_text(native, mine, self.found.titles, self.palette, width)
        self._show(Content.from_rich_text(text))
        self.query_one("#about").scroll_home(animate=False)

    def _show(self, content: Content | str) -> None:
        self.query_one("#text", Static).update(content)

    def on_key(self, event: object) -> None:
        key = getattr(event, "key", "")
        if key in ("pagedown", "pageup"):
            about = self.query_one("#about", VerticalScroll)
            about.scroll_relative(y=(about.size.height - 1) * (1 if key == "pagedown" else -1), animate=False)
