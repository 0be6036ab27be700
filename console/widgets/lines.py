"""What the line-painted widgets share: rows exact in width, bars in eighths of a cell, the palette of the theme."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, zip_longest

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from console.palette import Palette, palette_of

EIGHTHS = " ▏▎▍▌▋▊▉█"

PLAIN = Style()
"""Never None: Textual's monochrome filter needs a style on every segment."""


def width_of(text: str) -> int:
    """Cells that the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int) -> str:
    """The text in at most ``width`` cells, its end replaced by … where it is longer."""
    if width_of(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """The text in exactly ``width`` cells."""
    text = fit(text, width)
    return text + " " * (width - width_of(text))


def bar(cells: float) -> str:
    """A bar from the left, ``cells`` long in eighths of a cell; anything above 0 is seen."""
    eighths = max(round(cells * 8), 1 if cells > 0 else 0)
    return "█" * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


class Row:
    """One line under construction: texts are cut at the width, ``strip`` fills what is left."""

    __slots__ = ("left", "segments", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.left = width
        self.segments: list[Segment] = []

    def add(self, text: str, style: Style = PLAIN) -> Row:
        """The row with the text at its end; what could break the row or drive the terminal is cleaned away."""
        if not text.isprintable():
            from engine.analysis.display import clean  # rarely needed, and not before the first frame

            text = clean(text, newlines=False)
        width = width_of(text)
        if width > self.left:
            text = fit(text, self.left)
            width = width_of(text)
        if text:
            self.segments.append(Segment(text, style))
            self.left -= width
        return self

    def right(self, text: str, style: Style = PLAIN) -> Row:
        """The row with the text at its right edge, where there is room for it."""
        gap = self.left - width_of(text)
        return self.add(" " * gap).add(text, style) if gap >= 0 else self

    def strip(self, ground: Style | None = None) -> Strip:
        """The finished line; ``ground`` is laid under every segment and the rest of the row."""
        self.add(" " * self.left)
        segments = (
            self.segments if ground is None else [Segment(text, ground + style) for text, style, _ in self.segments]
        )
        return Strip(segments, self.width)


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Where the lines of the text begin and end (characters) when broken at spaces to at most ``width`` cells.

    Newlines break as well. A word longer than the line is cut.
    """
    lines: list[tuple[int, int]] = []
    start = 0
    for paragraph in text.split("\n"):
        lines.extend((start + a, start + b) for a, b in _wrap_paragraph(paragraph, max(width, 1)))
        start += len(paragraph) + 1
    return lines


def _wrap_paragraph(text: str, width: int) -> list[tuple[int, int]]:
    if len(text) <= width and width_of(text) <= width:
        return [(0, len(text))]
    wide = not text.isascii()
    lines: list[tuple[int, int]] = []
    start = used = 0
    space = -1
    for at, character in enumerate(text):
        cells = cell_len(character) if wide else 1
        if used + cells > width:
            end = at if character == " " or space <= start else space
            lines.append((start, end))
            start = end + 1 if text[end] == " " else end
            used, space = width_of(text[start:at]), -1
        if at < start:
            continue
        if character == " ":
            space = at
        used += cells
    if start < len(text):
        lines.append((start, len(text)))
    return lines


class Painted(Widget):
    """A widget that paints whole lines itself. Palette and ground are resolved once, until its styles change."""

    _resolved: tuple[Theme, Palette] | None = None
    _ground: Style | None = None

    @property
    def palette(self) -> Palette:
        if self._ground is None or self._resolved is None:
            self._resolve()
        assert self._resolved is not None
        return self._resolved[1]

    @property
    def ground(self) -> Style:
        """What lies under every cell: rows are painted as they are, so each must bring its background."""
        if self._ground is None:
            self._resolve()
        assert self._ground is not None
        return self._ground

    def rows(self, top: int, bottom: int) -> list[Strip]:
        """The lines ``top`` to ``bottom`` of what is in view; sizes and offsets are looked up once for all of them."""
        return [self.render_line(y) for y in range(top, bottom)]

    def refresh_changed(self) -> None:
        """Ask for a frame, of all of it where nobody knows what has changed."""
        self.refresh()

    def _resolve(self) -> None:
        theme = self.app.current_theme
        if self._resolved is None or self._resolved[0] is not theme:
            self._resolved = (theme, palette_of(theme))
        self._ground = Style(bgcolor=self.background_colors[1].rich_color) + self._resolved[1].text

    def notify_style_update(self) -> None:
        """Called by Textual when the theme or a style of the widget has changed."""
        self._ground = None
        super().notify_style_update()


class LinesWidget(Painted):
    """A widget whose lines are built whole from its view, on the first paint after ``repaint``."""

    _built: tuple[int, Sequence[Strip]] | None = None
    _before: tuple[Style, Sequence[Strip], Sequence[Strip]] | None = None
    """The ground, the lines as they were last, and the same on the ground."""

    def lines(self, width: int) -> Sequence[Strip]:
        """The lines of the present view, each exactly ``width`` wide."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Forgets the lines and asks for a frame of those that come out otherwise."""
        self._built = None
        self.refresh_changed()

    def built(self, width: int) -> Sequence[Strip]:
        if self._built is None or self._built[0] != width:
            lines = self.lines(width)
            self._built = (width, self._grounded(lines))
            self._before = (self.ground, lines, self._built[1])
        return self._built[1]

    def _grounded(self, lines: Sequence[Strip]) -> list[Strip]:
        """The lines on the ground; one that has not changed is the one painted last: Textual keeps its work in it."""
        ground, before = self.ground, self._before
        known = zip(before[1], before[2], strict=True) if before is not None and before[0] == ground else ()
        pairs = zip_longest(lines, islice(known, len(lines)))
        return [
            same[1] if same is not None and (same[0] is line or same[0] == line) else line.apply_style(ground)
            for line, same in pairs
        ]

    def notify_style_update(self) -> None:
        self._built = None
        super().notify_style_update()

    def rows(self, top: int, bottom: int) -> list[Strip]:
        width = self.content_size.width
        return _rows(self.built(width), top, bottom, Strip.blank(width, self.ground))

    def render_line(self, y: int) -> Strip:
        return self.rows(y, y + 1)[0]


def _rows(lines: Sequence[Strip], top: int, bottom: int, blank: Strip) -> list[Strip]:
    """The lines between, with blank ones behind the last."""
    rows = list(lines[top:bottom])
    return rows + [blank] * (bottom - top - len(rows))


def stretch(view: ScrollView, size: Size) -> None:
    """Give a widget whose scroll bar is always there so much to scroll. Textual would lay the whole screen out anew
    (14 ms at 160×45), though nothing moves but the bar's thumb."""
    if size == view.virtual_size:
        return
    view.set_reactive(Widget.virtual_size, size)
    thumb = view.vertical_scrollbar
    thumb.window_virtual_size, thumb.window_size = size.height, view.container_size.height
    view.scroll_y = view.validate_scroll_y(view.scroll_y)


class ScrolledLines(LinesWidget, ScrollView):
    """The same, taller than its room."""

    def repaint(self) -> None:
        self._built = None
        self._measure()
        self.refresh_changed()

    def on_resize(self) -> None:
        self._measure()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        if width and self.is_attached:
            stretch(self, Size(width, len(self.built(width))))

    def rows(self, top: int, bottom: int) -> list[Strip]:
        width, above = self.scrollable_content_region.width, int(self.scroll_offset.y)
        return _rows(self.built(width), above + top, above + bottom, Strip.blank(width, self.ground))
