"""What each action of ``console.actions`` does on the main screen: one method per action, named ``do_NAME``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.messages import FUSED, RERANKED
from console.screens.exporting import ExportingDeeds
from console.screens.judging import JudgingDeeds
from console.screens.looking import LookingDeeds
from engine.errors import UsageError
from engine.settings import knobs

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget

    from console.screens.main import MainScreen
    from console.session import Session
    from engine.settings.save import SaveResult
    from engine.trace import Trace


ROOMY = 36
"""Lines of a terminal from which the waterfall with an engine's phases leaves room for the lists."""


class Deeds(JudgingDeeds, LookingDeeds, ExportingDeeds):
    """The actions of one main screen. Methods raise ``RankscopeError``; the screen shows it."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self._leaving = False

    def do(self, name: str, args: Sequence[str]) -> None:
        """Run an action. Raises ``UsageError`` for arguments that it does not take."""
        deed = getattr(self, f"do_{name.replace('-', '_')}")
        self._leaving = self._leaving and name == "quit"
        try:
            deed(*args)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:  # the call itself
                raise UsageError(f"{name} does not take {len(args)} arguments") from error
            raise

    @property
    def session(self) -> Session:
        session = self.screen.session
        if session is None:
            raise UsageError("the index is still being opened")
        return session

    # ---- searching

    def do_query(self) -> None:
        line = self.screen.query_line
        self.screen.set_focus(line)
        line.action_select_all()

    def do_search(self, *words: str) -> None:
        text = " ".join(words)
        self.screen.query_line.value = text
        self.screen.ask(text)

    def do_again(self) -> None:
        self.session.agreements.ask_again()
        self.screen.ask(self.session.query)

    def do_cancel(self) -> None:
        self.screen.asking.stop()
        self.screen.tell("stopped; what is here stays")

    def do_back(self) -> None:
        """One step out: what runs, the maximised pane, the weights over the document, the query line, judging, the
        pane."""
        screen = self.screen
        if screen.asking.busy:
            self.do_cancel()
        elif screen.attributing.running:
            screen.attributing.stop()
            screen.tell("stopped; what is known stays marked · a hides it")
        elif screen.panes.alone:
            self._maximise("")
        elif screen.focused is screen.query_line:
            screen.set_focus(screen.panes.middle)
        elif screen.panes.weights_open and screen.pane_of(screen.focused) is screen.panes.weights_pane:
            self._close_weights()
        elif screen.judging:
            self.do_judging()
        elif screen.focused is not screen.panes.middle:
            screen.set_focus(screen.panes.middle)

    def do_score(self) -> None:
        self.session.agreements.ask_again()
        self.screen.asking.settle()

    def do_reload(self) -> None:
        self.screen.asking.open()

    # ---- panes

    def do_fused(self) -> None:
        self._go(self.screen.panes.lists.fused, FUSED)

    def do_reranked(self) -> None:
        self._go(self.screen.panes.lists.reranked, RERANKED)

    def do_weights(self) -> None:
        screen = self.screen
        if screen.panes.weights_open and screen.panes.knobs.has_focus:
            self._close_weights()
            return
        screen.panes.weights_open = True
        self._go(screen.panes.knobs, "weights")

    def do_document(self) -> None:
        screen = self.screen
        screen.panes.weights_open = False
        self._go(screen.panes.document, "document")

    def _close_weights(self) -> None:
        self.screen.panes.weights_open = False
        self.screen.panes.lay_out()
        self.screen.set_focus(self.screen.panes.middle)

    def _go(self, widget: Widget, pane: str) -> None:
        screen = self.screen
        if screen.panes.alone:
            screen.panes.alone = pane
        screen.panes.lay_out()
        screen.set_focus(widget)  # at once: keys behind this one are for it

    def do_maximise(self) -> None:
        pane = self.screen.pane_of(self.screen.focused)
        self._maximise("" if self.screen.panes.alone else pane.action if pane else RERANKED)

    def _maximise(self, pane: str) -> None:
        self.screen.panes.alone = pane
        self.screen.panes.lay_out()
        self.screen.call_after_refresh(self.screen.paint)

    def do_legs(self) -> None:
        screen = self.screen
        screen.panes.legs_shown = not screen.panes.with_legs
        screen.panes.lay_out()
        screen.paint()

    def do_timings(self) -> None:
        self.screen.panes.timings.expanded = not self.screen.panes.timings.expanded

    def do_status(self) -> None:
        view = self.screen.panes.chip.view
        self.screen.app.notify("\n".join(view.detail) or view.text, title=view.text if view.detail else "")

    # ---- knobs and tries

    def do_set(self, path: str, *value: str) -> None:
        session = self.session
        wanted = knobs.get(knobs.replace_text(session.settings, path, " ".join(value)), path)
        session.turn(path, wanted)
        self.screen.turned(path)

    def do_rerank(self, to: str = "") -> None:
        self._switch("rerank.enabled", "rerank", to)
        self.screen.tell(f"reranker {'on' if self.session.settings.rerank.enabled else 'off'}")

    def do_profile(self, to: str = "") -> None:
        """Have the engine tell its phases, in a line per stage; the legs are asked again only to learn them."""
        self._switch("store.profile", "profile", to)
        on = self.session.settings.store.profile
        if on and self.screen.size.height >= ROOMY:
            self.screen.panes.timings.expanded = True
        self.screen.app.notify(
            "t shows them, a line each; searches are slower for it" if on else "what is here stays",
            title="The engine tells its phases" if on else "No phases asked for",
        )

    def _switch(self, path: str, action: str, to: str) -> None:
        """Turn a setting on, off, or over."""
        if to not in ("", "on", "off"):
            raise UsageError(f"{action} {to}: it is on or off")
        session = self.session
        session.turn(path, to == "on" if to else not knobs.get(session.settings, path))
        session.rest()
        self.screen.turned(path)

    def do_preset(self, name: str) -> None:
        self.session.preset(name)
        self.screen.turned()

    def do_revert(self) -> None:
        self.session.revert()
        self.screen.turned()
        self.screen.tell("all knobs as they are saved · u undoes")

    def do_undo(self) -> None:
        undone = self.session.last_change
        self.session.undo()
        self.screen.turned()
        self.screen.tell(f"undone: {undone}")

    def do_redo(self) -> None:
        self.session.redo()
        self.screen.turned()
        self.screen.tell(f"redone: {self.session.last_change}")

    def do_presets(self) -> None:
        from console.screens.presets import PresetScreen

        self._choose(PresetScreen(self.session), lambda name: self.do_preset(name))

    def do_save(self, file: str = "") -> None:
        session = self.session
        if file:
            self._saved(session.save(Path(file).absolute()))
            return
        from console.screens.save import SaveScreen

        self.screen.app.push_screen(SaveScreen(session), self._saved)

    def _saved(self, result: SaveResult | None) -> None:
        if result is not None:
            self.screen.paint()
            self.screen.tell(f"saved to {result.path}", "success")

    # ---- documents

    def do_pin(self, document_id: str = "") -> None:
        wanted = document_id or self.screen.cursor_id
        session = self.session
        session.pinned = "" if wanted == session.pinned else wanted
        self.screen.paint()

    def do_unpin(self) -> None:
        self.session.pinned = ""
        self.screen.paint()

    def do_copy(self) -> None:
        from console.screens.copy import CopyScreen

        self._choose(CopyScreen(), self.screen.perform)

    def do_copy_document(self) -> None:
        from console.copying import document_json

        self._copy(document_json(self._trace(), self.screen.cursor_id), self.screen.cursor_id)

    def do_copy_view(self) -> None:
        from console.copying import lists_markdown

        self._copy(lists_markdown(self._trace()), "both lists")

    def do_copy_command(self) -> None:
        from console.copying import command

        session = self.session
        self._copy(command(session.loaded, session.settings, session.query), "the command")

    def _copy(self, text: str, what: str) -> None:
        self.screen.app.copy_to_clipboard(text)
        self.screen.tell(f"copied {what}, {len(text):,} characters", "success")

    def _trace(self) -> Trace:
        trace = self.session.trace
        if trace is None:
            raise UsageError("there is no query yet")
        return trace

    # ---- the application

    def do_palette(self) -> None:
        from textual.command import CommandPalette

        from console.screens.palette import ActionProvider

        self.screen.app.push_screen(CommandPalette(providers=[ActionProvider]))

    def do_actions(self) -> None:
        from console.screens.help import ActionsScreen

        self._choose(ActionsScreen(self.screen.context, self.screen.launch.keymap), self.screen.perform)

    def do_help(self) -> None:
        from console.screens.help import HelpScreen, pane_help

        focused = self.screen.focused
        pane = self.screen.pane_of(focused)
        title = pane.heading.text if pane else "Query" if focused is self.screen.query_line else "Rankscope"
        self.screen.app.push_screen(HelpScreen(pane_help(focused, title, self.screen.launch.keymap)))

    def _choose(self, dialog: Screen[str], then: Callable[[str], None]) -> None:
        """Show a dialog, and go on with what was chosen in it; errors are shown."""

        def chosen(name: str | None) -> None:
            if name:
                self.screen.attempt(lambda: then(name))

        self.screen.app.push_screen(dialog, chosen)

    def do_screenshot(self, file: str = "") -> None:
        app = self.screen.app
        path = Path(file or "rankscope.svg")
        path.write_text(app.export_screenshot(title="rankscope"), encoding="utf-8")
        self.screen.tell(f"wrote {path.absolute()}")

    def do_theme(self, name: str = "") -> None:
        app = self.screen.app
        names = sorted(app.available_themes)
        if name and name not in names:
            raise UsageError(f"there is no theme {name!r}", hint=f"there are {', '.join(names)}")
        app.theme = name or names[(names.index(app.theme) + 1) % len(names)]
        self.screen.tell(f"theme {app.theme}")

    def do_quit(self) -> None:
        """Leave; with unsaved settings only when it is asked twice."""
        screen = self.screen
        if screen.session is not None and screen.session.dirty and not self._leaving:
            self._leaving = True
            screen.tell("the settings are not saved · ctrl+q again leaves all the same, s saves them", "warning")
            return
        screen.app.exit()
