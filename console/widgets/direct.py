"""Painting straight to the compositor: rows come complete, so Textual's per-line style look-ups are left out.

They are some 60 % of a frame of lists. What they would have done is then done here: the ground under every row, the
crop, and the filters of NO_COLOR and terminal colours. Widgets of this kind have no border, padding, opacity or links.
"""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.theme import Theme

from console.widgets.lines import Painted


class Direct(Painted):
    """``render_line`` must give rows exactly as wide as the widget, every segment with a ground."""

    ALLOW_SELECT = False

    _ground: tuple[Theme, Style] | None = None

    @property
    def ground(self) -> Style:
        """The colours that a row lies on, resolved once per theme."""
        theme = self.app.current_theme
        if self._ground is None or self._ground[0] is not theme:
            background = self.background_colors[1].rich_color
            self._ground = (theme, Style(bgcolor=background) + self.palette.text)
        return self._ground[1]

    def notify_style_update(self) -> None:
        self._ground = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = [self.render_line(y) for y in crop.line_range]
        filters = self.get_line_filters()
        if filters:
            background = self.background_colors[1]
            for line_filter in filters:
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
