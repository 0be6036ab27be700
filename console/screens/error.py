"""An error that needs more room than the last line: what, the way out, and for a fault of the program its place."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.screens.dialog import Dialog
from engine.analysis.display import clean
from engine.errors import RankscopeError


class ErrorScreen(Dialog[None]):
    """Shows one error. ``log_file`` is named for faults of the program."""

    heading = "Something went wrong"
    keys = "esc closes"

    DEFAULT_CSS = "ErrorScreen #text { height: auto; max-height: 100%; } ErrorScreen > #box { border: round $error; }"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "leave", "Close", show=False)]

    def __init__(self, error: BaseException, log_file: Path | None = None) -> None:
        super().__init__()
        self._error = error
        self._log_file = log_file

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text"):
            yield Static(Content.from_rich_text(self._text()), markup=False)

    def _text(self) -> Text:
        error, palette = self._error, self.palette
        if isinstance(error, RankscopeError):
            text = Text().append(clean(error.message), palette.error)
            text.append(f"\n\n{clean(error.hint)}" if error.hint else "", palette.text)
            return text.append(f"\n\nstage: {error.stage}" if error.stage else "", palette.muted)
        fault = f"A fault of the program: {type(error).__name__}: {clean(str(error))}\n"
        text = Text().append(fault, palette.error)
        text.append("\n" + clean("".join(traceback.format_exception(error)[-6:])), palette.muted)
        return text.append(f"\nThe log has the whole of it: {self._log_file}" if self._log_file else "", palette.text)
