"""Saving: the difference first, the file's name to change, and what to do where the file has changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from console.palette import Palette
from console.screens.dialog import Dialog, plain
from console.session import Session
from engine.analysis.display import clean
from engine.errors import RankscopeError, SettingsConflictError
from engine.settings.save import SaveResult

NEW_FILE = "rankscope.toml"


class SaveScreen(Dialog[SaveResult]):
    """Gives what was written, None where it was left. ``reload`` reads the file again in place of saving."""

    heading = "Save the settings"

    DEFAULT_CSS = """
    SaveScreen #diff { height: auto; max-height: 1fr; min-height: 3; scrollbar-size-vertical: 1; }
    SaveScreen #said { height: auto; color: $text-warning; }
    SaveScreen Static { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "overwrite", "Overwrite the changed file", show=False),
        Binding("ctrl+r", "reload", "Read the file again", show=False),
        Binding("pagedown", "scroll_diff(1)", "Further down the difference", show=False, priority=True),
        Binding("pageup", "scroll_diff(-1)", "Further up the difference", show=False, priority=True),
    ]

    def __init__(
        self,
        session: Session,
        path: Path | None = None,
        reload: Callable[[], None] | None = None,
        *,
        header: str = "",
    ) -> None:
        """``header`` becomes the first lines of a new file."""
        super().__init__()
        self._header = header
        self._session = session
        self._path = path or session.loaded.file or session.loaded.base_dir / NEW_FILE
        self._reload = reload
        self._conflict = False
        self.keys = "⏎ saves · esc leaves everything as it is"

    def body(self) -> ComposeResult:
        yield plain("File")
        yield Input(str(self._path), id="path", select_on_focus=False)
        yield Static(id="said", markup=False)
        with VerticalScroll(id="diff", can_focus=False):
            yield Static(id="lines", markup=False)

    def on_mount(self) -> None:
        self._compare()

    @property
    def _target(self) -> Path:
        return Path(self.query_one(Input).value).expanduser()

    def _compare(self) -> None:
        """Shows the difference to the file that is named now."""
        self._conflict = False
        try:
            difference = self._session.difference(self._target) if self._target.name else ""
        except (RankscopeError, OSError) as error:
            self._say(str(error))
            difference = ""
        else:
            self._say("" if difference else "The file already says all of this.")
        self.query_one("#lines", Static).update(Content.from_rich_text(colored(difference, self.palette)))

    def _say(self, text: str) -> None:
        said = self.query_one("#said", Static)
        said.update(Content(text))
        said.display = bool(text)

    def on_input_changed(self, _: Input.Changed) -> None:
        self._compare()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self._save(overwrite=False)

    def action_overwrite(self) -> None:
        if self._conflict:
            self._save(overwrite=True)

    def action_reload(self) -> None:
        if self._conflict and self._reload is not None:
            self._reload()
            self.dismiss(None)

    def action_scroll_diff(self, pages: int) -> None:
        diff = self.query_one("#diff", VerticalScroll)
        diff.scroll_relative(y=pages * max(diff.size.height - 1, 1), animate=False)

    def _save(self, *, overwrite: bool) -> None:
        if not self._target.name:
            self._say("Name a file.")
            return
        try:
            self.dismiss(self._session.save(self._target, overwrite=overwrite, header=self._header))
        except SettingsConflictError as error:
            self._conflict = True
            again = " · ctrl+r reads it again and drops your changes" if self._reload else ""
            self._say(f"{error.message}\nctrl+o overwrites it{again} · or name another file")
        except RankscopeError as error:
            self._say(f"{error.message}\n{error.hint}" if error.hint else error.message)


def colored(difference: str, palette: Palette) -> Text:
    """A unified diff with its lines in the colours of more and less; the signs say the same without colour."""
    text = Text()
    for line in difference.splitlines():
        if line.startswith(("+++", "---")):
            style = palette.muted
        elif line.startswith("@@"):
            style = palette.accent
        else:
            style = {"+": palette.up, "-": palette.down}.get(line[:1], palette.text)
        text.append(clean(line) + "\n", style)
    return text
