"""Painting straight to the compositor: rows come complete, so Textual's per-line style look-ups are left out.

They are some 60 % of a frame of lists. What they would have done is then done here: the ground under every row, the
crop, and the filters of NO_COLOR and terminal colours. Widgets of this kind have no border, padding, opacity or links.
"""

from __future__ import annotations

from typing import Any

from textual.containers import Horizontal, Vertical
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from console.widgets.lines import Painted


class Covered(Widget):
    """A container that its children cover whole: it paints nothing, and so costs nothing in a frame."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return []


class SideBySide(Horizontal, Covered):
    """Children side by side, with nothing between or behind them."""


class Stacked(Vertical, Covered):
    """Children one above the other, with nothing between or behind them."""


class Direct(Painted):
    """``rows`` must be exactly as wide as the widget, every segment with a ground."""

    ALLOW_SELECT = False

    _on_screen: dict[int, Strip]
    """The rows as they were painted last, by their place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_screen = {}

    def refresh_changed(self) -> None:
        """Ask for a frame of the rows that are not on the screen yet, or of none."""
        width, height = self.size
        rows = self.rows(0, height) if width and height else []
        changed = [y for y, row in enumerate(rows) if self._on_screen.get(y) != row]
        if len(changed) == len(rows):
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = self.rows(crop.y, crop.bottom)
        self._on_screen.update(enumerate(strips, crop.y))
        filters = [each for each in self.get_line_filters() if not isinstance(each, ANSIToTruecolor)]
        if filters:  # our themes have true colours, or are for terminals that keep their own
            background = self.background_colors[1]
            for line_filter in filters:
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
