"""RAGFlow's five rankings of the present question on one screen, with what its filter loses and which quirks hit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import msgspec
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import SelectionList, Static
from textual.widgets.selection_list import Selection
from textual.worker import WorkType

from console.ragflow import compare, store_of, with_options
from console.screens.dialog import Dialog
from console.session import Session
from console.text import clean
from console.views_ragflow import WIDE, Cursor, first_cursor, lists, moved, summary, turned
from console.views_ragflow_chunk import detail, lost
from engine.errors import RankscopeError
from engine.settings.schema import RagflowSettings
from engine.stores.ragflow.comparison import Comparison
from engine.stores.ragflow.fields import VERSIONS
from engine.stores.ragflow.index import KnowledgeBase

LOWEST = 30
"""Lines of the terminal below which the details are short."""


class RagflowScreen(Dialog[RagflowSettings]):
    """Gives the options that were chosen, None where they are as before. Asks the index on its own: the lists behind it
    stay as they are."""

    heading = "RAGFlow, taken apart"
    keys = "←→ ranking · ↑↓ chunk · v version · [] page · b bases · ⏎ keeps · esc back"

    DEFAULT_CSS = """
    RagflowScreen > #box { width: 100%; max-width: 100%; height: 100%; max-height: 100%; }
    RagflowScreen #summary { height: auto; margin: 0 0 1 0; }
    RagflowScreen #lists { height: 1fr; }
    RagflowScreen #below { height: 14; margin: 1 0 0 0; }
    RagflowScreen #detail { width: 1fr; height: 100%; }
    RagflowScreen #lost { width: 58; height: 100%; margin: 0 0 0 2; }
    RagflowScreen.-narrow #lost { display: none; }
    RagflowScreen.-low #below { height: 9; margin: 0; }
    RagflowScreen.-low #summary { margin: 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Further up", show=False),
        Binding("pagedown", "move(10)", "Further down", show=False),
        Binding("home,g", "move(-9999)", "The first", show=False),
        Binding("end,G", "move(9999)", "The last", show=False),
        Binding("left,shift+tab", "turn(-1)", "The ranking before", show=False),
        Binding("right,tab", "turn(1)", "The next ranking", show=False),
        Binding("v", "version", "Another version", show=False),
        Binding("left_square_bracket", "page(-1)", "The page before", show=False),
        Binding("right_square_bracket", "page(1)", "The next page", show=False),
        Binding("b", "bases", "Knowledge bases", show=False),
        Binding("enter", "keep", "Keep these options", show=False),
    ]

    def __init__(self, session: Session) -> None:
        """Raises ``UsageError`` where the index is not RAGFlow's."""
        super().__init__()
        self._session = session
        self._store = store_of(session.pipeline)
        self._before = self._store.settings
        self.options = self._before
        self.cursor = Cursor()
        self.view: Comparison | None = None

    # ---- structure

    def body(self) -> ComposeResult:
        yield Static(id="summary", markup=False)
        yield Static("asking …", id="lists", markup=False)
        with Horizontal(id="below"):
            yield Static(id="detail", markup=False)
            yield Static(id="lost", markup=False)

    def on_mount(self) -> None:
        self._ask()

    def on_resize(self) -> None:
        self.set_class(self.size.width < WIDE, "-narrow")
        self.set_class(self.size.height < LOWEST, "-low")
        self.call_after_refresh(self._show)

    # ---- asking

    def _ask(self) -> None:
        """Ask with the present options; an older asking is dropped."""
        job: WorkType[None] = self._work
        self.run_worker(job, exclusive=True, exit_on_error=False)

    async def _work(self) -> None:
        session = self._session
        try:
            settings = with_options(session.settings, self.options)
            view = await compare(session.pipeline, settings, session.search.query.positive if session.search else "")
        except RankscopeError as error:
            self.view = None
            told = f"{error.message}\n{error.hint}" if error.hint else error.message
            self.query_one("#lists", Static).update(Content(told))
            for name in ("#summary", "#detail", "#lost"):
                self.query_one(name, Static).update("")
            return
        self.view = view
        if self.cursor.chunk not in view.chunks:
            self.cursor = first_cursor(view)
        self._show()

    # ---- what it shows

    def _show(self) -> None:
        view, palette = self.view, self.palette
        if view is None:
            return
        text, low = self._session.query, self.has_class("-low") or self.has_class("-narrow")
        painters: dict[str, Callable[[int, int], Text]] = {
            "#summary": lambda width, height: summary(view, text, palette, width, sentences=not low),
            "#lists": lambda width, height: lists(view, self.cursor, palette, width, height),
            "#detail": lambda width, height: detail(view, self.cursor, palette, width, height, sentences=low),
            "#lost": lambda width, height: lost(view, self.cursor, palette, width, height),
        }
        for name, paint in painters.items():
            room = self.query_one(name, Static)
            if room.display and room.size.width:
                room.update(Content.from_rich_text(paint(room.size.width, room.size.height)))

    # ---- what the keys do

    def action_move(self, by: int) -> None:
        if self.view is not None:
            self.cursor = moved(self.view, self.cursor, by)
            self._show()

    def action_turn(self, by: int) -> None:
        if self.view is not None:
            self.cursor = turned(self.view, self.cursor, by)
            self._show()

    def _change(self, **values: object) -> None:
        self.options = msgspec.structs.replace(self.options, **values)
        self._ask()

    def action_version(self) -> None:
        names = [*VERSIONS]
        self._change(version=names[(names.index(self.options.version) + 1) % len(names)])

    def action_page(self, by: int) -> None:
        self._change(page=max(1, self.options.page + by))

    def action_keep(self) -> None:
        self.dismiss(None if self.options == self._before else self.options)

    async def action_bases(self) -> None:
        try:
            known = await self._store.catalogue()
        except RankscopeError as error:
            self.notify(f"{error.message}\n{error.hint}", severity="error", markup=False)
            return
        self.app.push_screen(KnowledgeScreen(known, self.options), self._narrow)

    def _narrow(self, chosen: tuple[list[str], list[str]] | None) -> None:
        if chosen is not None:
            self._change(kb_ids=chosen[0], doc_ids=chosen[1], page=1)


class KnowledgeScreen(Dialog[tuple[list[str], list[str]]]):
    """Gives the chosen knowledge bases and documents."""

    heading = "Knowledge bases and documents"
    keys = "↑↓ · space chooses · ⏎ searches these · esc closes"

    DEFAULT_CSS = """
    KnowledgeScreen SelectionList, KnowledgeScreen SelectionList:focus {
        border: none; padding: 0; height: auto; max-height: 30;
        background: $surface; background-tint: $surface 0%;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "Search these", show=False, priority=True)]

    def __init__(self, known: Sequence[KnowledgeBase], options: RagflowSettings) -> None:
        super().__init__()
        self._known, self._options = known, options

    def body(self) -> ComposeResult:
        yield SelectionList[tuple[str, str]](*self._selections(), id="list")

    def _selections(self) -> Iterator[Selection[tuple[str, str]]]:
        palette, options = self.palette, self._options
        for base in self._known:
            graph = f", {base.graph} of its knowledge graph" if base.graph else ""
            name = Text(no_wrap=True).append(clean(base.id), palette.heading)
            name.append(f"  {base.chunks:,} chunks{graph}", palette.muted)
            yield Selection(Content.from_rich_text(name), ("kb", base.id), base.id in options.kb_ids)
            for document, title, count in base.documents:
                line = Text("  ", no_wrap=True).append(f"{count:>6,}  ", palette.muted)
                line.append(clean(title or document), palette.text)
                yield Selection(Content.from_rich_text(line), ("doc", document), document in options.doc_ids)

    def on_mount(self) -> None:
        self.query_one(SelectionList).focus()

    def action_take(self) -> None:
        chosen = self.query_one(SelectionList).selected
        bases = [i for kind, i in chosen if kind == "kb"]
        documents = [i for kind, i in chosen if kind == "doc"]
        if not bases:
            self.notify("Choose at least one knowledge base.", severity="warning")
            return
        self.dismiss((bases, documents))
