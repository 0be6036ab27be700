"""The Textual application: themes and screens. What a search is, and what an action does, is elsewhere."""

from __future__ import annotations

from textual.app import App

from console.screens.main import MainScreen


class ConsoleApp(App[None]):
    """Rankscope's console."""

    def get_default_screen(self) -> MainScreen:
        return MainScreen()
