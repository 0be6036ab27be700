"""A pane: a one-line heading with its number key above the widget that it frames."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widget import Widget

from console.widgets.bars import PaneTitle
from console.widgets.direct import Stacked


class Pane(Stacked):
    """``action`` is the action that goes to the pane; a click on the heading asks for it."""

    DEFAULT_CSS = "Pane { width: 1fr; height: 1fr; }"

    def __init__(self, key: str, heading: str, action: str, content: Widget) -> None:
        super().__init__(id=f"pane-{action}")
        self.heading = PaneTitle(key, heading, action)
        self.action = action
        self.content = content

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.content
