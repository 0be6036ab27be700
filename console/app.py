"""The entry of the terminal application. Imports no Textual before the terminal is ready for keys."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from console.collector import settle
from console.keymap import read_keymap
from console.launch import Launch
from console.locations import locations
from engine.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from engine.pipeline import Pipeline
    from engine.settings.load import Loaded

FPS = "120"
"""At Textual's own 60 frames a second a drag of a slider is painted twice as late."""


def run_app(
    loaded: Loaded, open_index: Callable[[], Pipeline], query: str | None = None, *, theme: str = "", data: str = ""
) -> Path | None:
    """Run the console until the user leaves; the settings to open next, None for none. ``open_index`` is called once
    the first frame stands.

    Raises ``UsageError`` where there is no terminal that can show it.
    """
    refuse_terminal(os.environ.get("TERM", ""), sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty())
    hold_keys()
    prepare_textual()
    places = locations()
    notices: list[str] = []
    try:
        keymap = read_keymap(places.keymap_file)
    except SettingsError as error:
        keymap, notices = {}, [f"{error.message} · {error.hint}"]
    from console.ui import ConsoleApp

    launch = Launch(
        loaded,
        open_index,
        query or "",
        history=places.history_file,
        data=data,
        judgments=places.judgments,
        agreements=places.agreements_file,
        keymap=keymap,
        themes=(places.user_themes,),
        theme=theme,
        notices=tuple(notices),
        log=places.log_file,
        settled=settle,
    )
    return ConsoleApp(launch).run()


def refuse_terminal(term: str, stdin: bool, stdout: bool, stderr: bool = True) -> None:
    """Raise ``UsageError`` where the console cannot be shown: no terminal, or one that only prints."""
    hint = "`rankscope search QUERY` needs no screen"
    if not stdout:
        raise UsageError("the console needs a terminal, and the output is a pipe or a file", hint=hint)
    if not stdin:
        raise UsageError("the console needs a terminal, and the input is a pipe or a file", hint=hint)
    if not stderr:
        raise UsageError(
            "the console draws on the terminal, and its notes go to a pipe or a file",
            hint="leave out the redirection of stderr; --log FILE keeps a log",
        )
    if term in ("dumb", "unknown"):
        raise UsageError(f"the console needs a terminal with a screen, and TERM is {term}", hint=hint)


def hold_keys() -> None:
    """Keep keys that are typed during the imports for the console: uncooked, unechoed. Undone when the process ends.

    In the cooked terminal Enter would arrive as ctrl+j, Backspace eat, and every key be echoed on the screen.
    """
    try:
        import termios
    except ImportError:  # Windows reads keys elsewhere
        return
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    held = termios.tcgetattr(stdin)
    held[0] &= ~(termios.ICRNL | termios.IXON)
    held[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    atexit.register(termios.tcsetattr, stdin, termios.TCSANOW, before)
    termios.tcsetattr(stdin, termios.TCSANOW, held)


def prepare_textual() -> None:
    """Set what Textual reads when it is imported."""
    os.environ.setdefault("TEXTUAL_FPS", FPS)
