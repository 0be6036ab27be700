"""NO_COLOR on a theme of the terminal's own colours: none at all, and reversed where a ground stood out."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_NONE = Style.parse("default on default")
_REVERSED = Style.parse("default on default reverse")


@lru_cache(1024)
def without_color(style: Style) -> Style:
    """The style in the terminal's two default colours; a ground of its own becomes their reverse."""
    stands_out = style.bgcolor is not None and not style.bgcolor.is_default
    return style + (_REVERSED if stands_out else _NONE)


class WithoutColor(LineFilter):
    """In place of Textual's greys: made of colours that only the terminal knows they would be black on black."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and without_color(style), control) for text, style, control in segments]
