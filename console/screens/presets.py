"""Presets: what each would change, and how the first results would then stand. Nothing is asked or recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.palette import Palette
from console.screens.dialog import Dialog
from console.session import Session
from console.views_presets import Moved, PresetView, moved, preset_views
from console.widgets.lines import fit, pad, width_of
from engine.errors import RankscopeError
from engine.fusion.presets import apply

HEIGHT = 22
SHOWN_RESULTS = 8
NAME_WIDTH = 33


class PresetScreen(Dialog[str]):
    """Gives the chosen preset's name. The preview ranks what is here already; legs not run yet count as they are."""

    heading = "Presets"
    keys = "↑↓ look · ⏎ puts it in place (u undoes) · PgDn · esc closes"

    DEFAULT_CSS = """
    PresetScreen Horizontal { height: auto; }
    PresetScreen OptionList { width: 24; }
    PresetScreen #about { width: 1fr; padding: 0 0 0 1; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", "Further down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Further up", show=False, priority=True),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._views = {view.preset.name: view for view in preset_views(session.settings)}

    def body(self) -> ComposeResult:
        with Horizontal():
            yield OptionList(*self._options(), id="list", markup=False)
            with VerticalScroll(id="about", can_focus=False):
                yield Static(id="text", markup=False)

    def _options(self) -> Iterator[Option]:
        for heading, imitation in (("Profiles", False), ("As other products rank", True)):
            yield Option(Text(heading, style=self.palette.heading), disabled=True)
            for name, view in self._views.items():
                if bool(view.preset.imitates) is imitation:
                    mark = "✗" if view.problem else " " if view.changes else "✓"
                    yield Option(Text(f" {mark} {name}"), id=name)

    def on_mount(self) -> None:
        shown = self.query_one(OptionList)
        shown.focus()
        shown.highlighted = 1

    def on_resize(self) -> None:
        """Both halves are as high as there is room for: in cells, so that what is further down is scrolled to."""
        height = min(HEIGHT, self.rows)
        self.query_one(OptionList).styles.max_height = height
        self.query_one("#about").styles.height = height
        self.call_after_refresh(self._show)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show()

    def action_page(self, pages: int) -> None:
        about = self.query_one("#about", VerticalScroll)
        about.scroll_relative(y=pages * max(about.size.height - 1, 1), animate=False)

    def _show(self) -> None:
        """The right half, of the preset under the cursor."""
        option = self.query_one(OptionList).highlighted_option
        if option is not None and option.id:
            view = self._views[option.id]
            width = max(self.query_one("#about").size.width - 2, 20)
            text = preset_text(view, self._preview(view), self.palette, width)
            self.query_one("#text", Static).update(Content.from_rich_text(text))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        view = self._views[event.option_id or ""]
        if view.problem:
            self.notify(view.problem, title=view.preset.name, severity="warning")
        else:
            self.dismiss(view.preset.name)

    def _preview(self, view: PresetView) -> tuple[Moved, ...]:
        """How the first results would stand; empty before the first query."""
        session = self._session
        if session.search is None or session.trace is None or view.problem:
            return ()
        try:
            after = session.search.turn(apply(session.settings, view.preset.name))
            return moved(session.trace, after, SHOWN_RESULTS)
        except RankscopeError:
            return ()  # said by the view's problem, or when it is put in place
        finally:
            session.search.turn(session.settings)


def preset_text(view: PresetView, results: tuple[Moved, ...], palette: Palette, width: int) -> Text:
    """The right half: summary, changes, and the first results with their moves."""
    preset = view.preset
    text = Text()
    text.append(f"{preset.summary}\n", palette.text)
    text.append(f"{preset.imitates}\n" if preset.imitates else "", palette.muted)
    if view.problem:
        return text.append(f"\n✗ {view.problem}", palette.error)
    text.append("\nChanges\n" if view.changes else "\nThe settings already say all of this.\n", palette.heading)
    column = NAME_WIDTH if width >= NAME_WIDTH + 30 else 0
    for name, now, then in view.changes:
        text.append(f" {pad(name, column)} " if column else f" {fit(name, width - 1)}\n   ", palette.muted)
        before = fit(now, 20 if column else (width - 6) // 2) or "–"
        room = width - (column or 1) - 5 - width_of(before)
        text.append(before, palette.down).append(" → ", palette.muted)
        text.append(f"{fit(then, room) or '–'}\n", palette.up)
    text.append("\nThe first results would be\n" if results else "", palette.heading)
    for line in results:
        text.append(f" {line.rank:>2} ", palette.accent)
        mark, role = _move(line)
        text.append(f"{mark:>5} ", palette.tone(role))
        text.append(f"{fit(line.title, width - 12)}\n", palette.text)
    return text


def _move(line: Moved) -> tuple[str, str]:
    if line.before == 0:
        return "new", "accent"
    won = line.before - line.rank
    if won == 0:
        return "=", "muted"
    return (f"▲{won}", "up") if won > 0 else (f"▼{-won}", "down")
