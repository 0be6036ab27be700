"""The Textual application: themes, keys and the main screen. What a search is, and an action does, is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen

from console.launch import Launch
from console.locations import themes_dir
from console.no_color import WithoutColor
from console.screens.main import MainScreen
from console.themes import load_themes


class ConsoleApp(App[Path], inherit_bindings=False):
    """Rankscope's console. It ends with a settings file where that is to be opened next, else with None."""

    TITLE = "rankscope"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "say_how_to_leave", show=False, system=True)]

    def __init__(self, launch: Launch, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self.themes = load_themes((themes_dir(), *launch.themes))
        for name in list(self.available_themes):
            self.unregister_theme(name)
        for theme in self.themes.by_name.values():
            self.register_theme(theme)
        self.theme, notice = self.themes.pick(launch.theme)
        notices = (*launch.notices, *(problem.message for problem in self.themes.problems), *filter(None, (notice,)))
        self.main = MainScreen(replace(launch, notices=notices))
        self._held: list[events.Event] = []
        self.set_keymap({name: ",".join(keys) or f"none-for-{name}" for name, keys in launch.keymap.items()})

    def get_default_screen(self) -> MainScreen:
        """The main screen, ``main``, which is under all others."""
        return self.main

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual picks how to leave colours out before it knows the theme."""
        filters = super().get_line_filters()
        if not (self.no_color and self.native_ansi_color):
            return filters
        return [WithoutColor() if isinstance(each, Monochrome | NoColor) else each for each in filters]

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None: our own table of actions has them."""
        return ()

    async def on_event(self, event: events.Event) -> None:
        """Keys from before the query line is there wait for it; Textual would give them to nobody."""
        if isinstance(event, events.Key | events.Paste) and not self.main.ready:
            self._held.append(event)
            return
        await super().on_event(event)

    def on_screen_ready(self) -> None:
        """The query line has the focus: hand it what was typed."""
        for event in self._held:
            self.post_message(event)
        self._held.clear()

    def action_say_how_to_leave(self) -> None:
        """Whoever presses ctrl+c wants out, and may lose nothing by it."""
        self.main.tell("ctrl+q leaves")

    async def on_unmount(self) -> None:
        if self.main.session is not None:
            await self.main.session.close()
