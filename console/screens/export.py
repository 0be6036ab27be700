"""Exporting: pick a target, see its text and what it cannot express, copy or save it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from console.screens.dialog import Dialog
from console.views_export import ExportView, export_text, export_views
from engine.errors import RankscopeError
from engine.export.base import Wish
from engine.export.registry import ENGINES
from engine.files import write_atomically

FILE = "rankscope-{}"


class ExportScreen(Dialog[str]):
    """Gives what was copied or written, as a sentence; None where it was left.

    ``wish`` is for the query that is shown, ``bare`` for any; None where there is no query yet.
    """

    heading = "Export"

    DEFAULT_CSS = """
    ExportScreen > #box { max-width: 150; height: 90%; }
    ExportScreen Horizontal { height: 1fr; }
    ExportScreen OptionList { width: 20; height: 1fr; }
    ExportScreen #about { width: 1fr; height: 1fr; padding: 0 0 0 1; scrollbar-size-vertical: 1; }
    ExportScreen Input { display: none; }
    ExportScreen Input.-asked { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "copy", "Copy", show=False),
        Binding("s", "save", "Save", show=False),
        Binding("q", "query", "This query or any", show=False),
        Binding("f", "form", "The next form", show=False),
        Binding("pagedown", "page(1)", "Down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Up", show=False, priority=True),
    ]

    def __init__(self, bare: Wish, wish: Wish | None, target: str = "") -> None:
        super().__init__()
        self._bare, self._wish = bare, wish
        self._for_query = wish is not None
        self._target = target
        self._form = ""
        self._views: dict[str, ExportView] = {}
        self._make()

    def _make(self) -> None:
        wish = self._wish if self._for_query and self._wish is not None else self._bare
        self._views = {view.target.name: view for view in export_views(wish, self._form)}
        what = "q for any query" if self._for_query else "q for this query"
        query = f"{what} · " if self._wish is not None else ""
        self.keys = f"{query}f form · y copies · s saves · PgDn · esc closes"

    def body(self) -> ComposeResult:
        yield Input(placeholder="a file", id="file")
        with Horizontal():
            yield OptionList(*self._options(), id="list", markup=False)
            with VerticalScroll(id="about", can_focus=False):
                yield Static(id="text", markup=False)

    def _options(self) -> Iterator[Option]:
        for name, view in self._views.items():
            mark, role = view.mark
            yield Option(Text.assemble((f" {mark} ", self.palette.tone(role)), name), id=name)

    def on_mount(self) -> None:
        shown = self.query_one(OptionList)
        shown.focus()
        names = list(self._views)
        shown.highlighted = names.index(self._target) if self._target in names else 0

    @property
    def view(self) -> ExportView:
        at = self.query_one(OptionList).highlighted or 0
        return list(self._views.values())[at]

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._paint()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_copy()

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        width = max(self.query_one("#about").size.width - 2, 24)
        text = export_text(self.view, self.palette, width)
        self.query_one("#text", Static).update(Content.from_rich_text(text))
        self.query_one("#about").scroll_home(animate=False)

    def _again(self) -> None:
        """Everything afresh, the cursor where it is."""
        shown = self.query_one(OptionList)
        at = shown.highlighted
        self._make()
        shown.clear_options()
        shown.add_options(list(self._options()))
        shown.highlighted = at
        self.show_keys(self.keys)
        self._paint()

    def action_query(self) -> None:
        if self._wish is not None:
            self._for_query = not self._for_query
            self._again()

    def action_form(self) -> None:
        """The next form of the target's engine; after the last the one that suits."""
        made = self.view.made
        engine = made.engine if made else self.view.target.engine or "elasticsearch"
        names = ["", *(form.name for form in ENGINES[engine].forms)]
        at = names.index(self._form) if self._form in names else 0
        self._form = names[(at + 1) % len(names)]
        self._again()

    def action_page(self, pages: int) -> None:
        about = self.query_one("#about", VerticalScroll)
        about.scroll_relative(y=pages * max(about.size.height - 1, 1), animate=False)

    def action_copy(self) -> None:
        made = self.view.made
        if made is None:
            self.notify(self.view.problem, severity="warning")
            return
        self.app.copy_to_clipboard(made.text)
        self.dismiss(f"copied the export to {made.target.name}, {len(made.text):,} characters")

    def action_save(self) -> None:
        made = self.view.made
        if made is None:
            self.notify(self.view.problem, severity="warning")
            return
        field = self.query_one(Input)
        field.add_class("-asked")
        field.value = FILE.format(made.target.name) + made.target.suffix
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        made, path = self.view.made, Path(event.value).expanduser()
        if made is None or not path.name:
            return
        try:
            write_atomically(path, made.text)
        except (OSError, RankscopeError) as error:
            self.notify(str(error), severity="error")
            return
        self.dismiss(f"wrote the export to {path.absolute()}")

    def action_leave(self) -> None:
        field = self.query_one(Input)
        if field.has_class("-asked"):
            field.remove_class("-asked")
            self.query_one(OptionList).focus()
        else:
            self.dismiss(None)
