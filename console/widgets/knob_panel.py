"""The live knobs under headings: a slider, choice or switch per line, by keys and mouse.

The panel holds no settings. A turn posts ``KnobTurned``; whoever handles it sorts, and then paints panel and lists in
one frame through ``show``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from console.messages import KnobTurned
from console.palette import Palette
from console.views_knobs import Layout, knob_rows
from console.widgets.direct import Direct
from console.widgets.landscape_line import StripPainter, StripRow, Strips, told
from console.widgets.lines import LinesWidget, Row, fit, wrap
from console.widgets.slider import (
    COARSE,
    KnobRow,
    SliderShape,
    Value,
    paint,
    stepped,
    typed,
    value_at,
    value_text,
)
from engine.settings.schema import Settings

FOOT = 4
"""Lines below the knobs that explain the one under the cursor; fewer where there is little room."""

LABEL = 14

BURST_S = 0.25
"""Longer than a posted turn can take to be painted."""


class KnobPanel(Direct, LinesWidget, can_focus=True):
    """All live knobs; the cursor stands on one."""

    DEFAULT_CSS = "KnobPanel { width: 1fr; height: 1fr; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Knob above", id="knob-up"),
        Binding("down,j", "move(1)", "Knob below", id="knob-down"),
        Binding("pageup", "move(-8)", "Knobs above", id="knob-page-up"),
        Binding("pagedown", "move(8)", "Knobs below", id="knob-page-down"),
        Binding("left", "turn(-1)", "A step down", id="knob-less"),
        Binding("right", "turn(1)", "A step up", id="knob-more"),
        Binding("shift+left", "turn(-5)", "Five steps down", id="knob-much-less"),
        Binding("shift+right", "turn(5)", "Five steps up", id="knob-much-more"),
        Binding("home", "end(0)", "Least value", id="knob-least"),
        Binding("end", "end(1)", "Greatest value", id="knob-greatest"),
        Binding("space", "next", "Next choice, on or off", id="knob-next"),
        Binding("enter,equals_sign", "enter", "Type a number; Enter once more sets it", id="knob-type"),
        Binding("backspace,delete", "reset", "Back to the saved value", id="knob-reset"),
        Binding("escape", "drop_typed", "Forget what was typed", id="knob-forget"),
    ]

    HELP = (
        "Every knob that acts at once: both lists move while it turns, and nothing is asked again. ◇ marks the saved "
        "value, * a changed one; Enter takes a typed number. A grey knob makes no difference now: the "
        "lines below say why. With the mouse: click or drag a track, or turn the wheel over the chosen knob. The last "
        "weight above 0 stops at its least step, because some leg has to count. The strip under a weight (l) is the "
        "metric along it: shaded where it is best, with what that gains; ticks above it are where documents enter the "
        "first 10. Without judgments it counts them."
    )

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._layout_of_rows = Layout()
        self._painted: dict[str, tuple[tuple[object, ...], Strip]] = {}
        self._strips = StripPainter()
        self._cursor = ""
        self._top = 0
        self._typed: str | None = None
        self._dragging = False
        self._posted: tuple[str, Value, float] = ("", 0, 0.0)

    # --- what it shows

    def show(
        self,
        settings: Settings,
        saved: Settings,
        greyed: Mapping[str, str] | None = None,
        strips: Strips | None = None,
    ) -> None:
        """Paints these settings in one frame; ``greyed`` is path → why the knob makes no difference, ``strips`` what
        stands under the weights."""
        rows = knob_rows(settings, saved, greyed or {})
        self._layout_of_rows = Layout.of(rows, strips)
        if self._layout_of_rows.line_of(self._cursor) < 0:
            self._cursor = rows[0].path if rows else ""
        self.repaint()

    @property
    def row(self) -> KnobRow | None:
        """The knob under the cursor."""
        line = self._layout_of_rows.line_of(self._cursor)
        found = self._layout_of_rows.lines[line] if line >= 0 else None
        return found if isinstance(found, KnobRow) else None

    def select(self, path: str) -> None:
        """Puts the cursor on that knob."""
        if self._layout_of_rows.line_of(path) >= 0:
            self._cursor, self._typed = path, None
            self.repaint()

    @property
    def _room(self) -> int:
        """Lines for knobs, above the foot."""
        height = self.content_size.height
        foot = FOOT + 2 * bool(self._layout_of_rows.strips)
        return max(height - min(foot, max(height // 3, 1)), 1)

    @property
    def _turning(self) -> KnobRow | None:
        """The knob under the cursor with the value that was just posted for it: keys that come in a burst each count
        a step, though none of them is painted yet."""
        row = self.row
        path, value, at = self._posted
        return replace(row, value=value) if row is not None and path == row.path and monotonic() - at < BURST_S else row

    def _shape(self) -> SliderShape:
        return SliderShape.of(self.content_size.width, LABEL)

    def lines(self, width: int) -> Sequence[Strip]:
        lines, room, height = self._layout_of_rows.lines, self._room, self.content_size.height
        cursor = self._layout_of_rows.line_of(self._cursor)
        above = 1 if cursor > 0 and isinstance(lines[cursor - 1], str) else 0  # a knob's heading comes along
        self._top = min(max(self._top, cursor - room + 1, 0), max(cursor - above, 0), max(len(lines) - room, 0))
        painted = [self._line(line, width) for line in lines[self._top : self._top + room]]
        painted += [Row(width).strip()] * (room - len(painted))
        return [*painted, *self._foot(width, height - room)]

    def _line(self, line: KnobRow | StripRow | str, width: int) -> Strip:
        """The line, the same object as before where it shows the same: most knobs stay as they are while one turns."""
        if isinstance(line, StripRow):
            return self._strips.line(line, self._shape(), self.palette, width)
        path = line if isinstance(line, str) else line.path
        cursor = path == self._cursor
        ticks = self._ticks(path)
        key = (line, width, self.palette, cursor and (self.has_focus, self._typed), ticks)
        known = self._painted.get(path)
        if known is None or known[0] != key:
            known = self._painted[path] = (key, self._paint_line(line, width, cursor))
        return known[1]

    def _ticks(self, path: str) -> frozenset[int]:
        """The cells of a knob's track at which the first 10 change, where its strip shows it."""
        row = self._layout_of_rows.strips.get(path)
        return self._strips.ticks(row, self._shape()) if row else frozenset()

    def _paint_line(self, line: KnobRow | str, width: int, cursor: bool) -> Strip:
        palette = self.palette
        if isinstance(line, str):
            row = Row(width).add(f" {line} ", palette.heading)
            return row.add("─" * max(row.left - 1, 0), palette.rule).strip()
        text, ticks, focused = self._typed if cursor else None, self._ticks(line.path), self.has_focus
        return paint(line, self._shape(), palette, width, cursor=cursor, focused=focused, typed=text, ticks=ticks)

    def _foot(self, width: int, height: int) -> list[Strip]:
        """What the knob under the cursor is, and why it cannot be turned, under a rule that says what is hidden."""
        palette, row = self.palette, self.row
        hidden = len(self._layout_of_rows.lines) - self._room
        rule = Row(width).add("─" * width, palette.rule)
        if hidden > 0:
            more = f" {'↑' if self._top else ' '}{'↓' if self._top < hidden else ' '} "
            rule = Row(width).add("─" * max(width - 6, 0), palette.rule).add(more, palette.muted)
            rule.add("─" * rule.left, palette.rule)
        foot = [rule.strip()]
        if row is not None:
            strip = self._layout_of_rows.strips.get(row.path)
            lines = about(row, self._typed, palette, width - 2, told(strip) if strip else "")
            foot += [Row(width).add(" ").add(text, style).strip() for text, style in lines]
        return [*foot, *[Row(width).strip()] * height][:height]

    def watch_has_focus(self, _: bool) -> None:
        self.repaint()

    def on_resize(self) -> None:
        self._built = None

    # --- keys

    def action_move(self, step: int) -> None:
        line = self._layout_of_rows.next_knob(self._layout_of_rows.line_of(self._cursor), step)
        target = self._layout_of_rows.lines[line] if 0 <= line < len(self._layout_of_rows.lines) else None
        if isinstance(target, KnobRow):
            self.select(target.path)

    def action_turn(self, steps: int) -> None:
        if (row := self._turning) is not None:
            self._post(row, stepped(row, steps if row.kind == "slider" else (1 if steps > 0 else -1)))

    def action_end(self, share: int) -> None:
        if (row := self.row) is None:
            return
        if row.kind == "slider":
            self._post(row, value_at(row, share))
        else:
            values: Sequence[Value] = row.knob.choices or (False, True)
            self._post(row, values[-1 if share else 0])

    def action_next(self) -> None:
        if (row := self._turning) is not None and row.kind != "slider":
            self._post(row, stepped(row, 1))

    def action_enter(self) -> None:
        """Begins a number, or sets the one that was typed; a choice goes on to the next."""
        if (row := self.row) is None or row.kind != "slider":
            self.action_next()
        elif self._typed is None:
            self._typed = ""
            self.repaint()
        else:
            text, self._typed = self._typed, None
            try:
                self._post(row, typed(row, text) if text else row.value)
            except ValueError:
                self.notify(f"{text!r} is not a number", title=row.path, severity="error")
                self.repaint()

    def action_reset(self) -> None:
        if self._typed:
            self._typed = self._typed[:-1]
            self.repaint()
        elif (row := self.row) is not None:
            self._post(row, row.saved)

    def action_drop_typed(self) -> None:
        self._typed = None
        self.repaint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is ours only while a number is being typed."""
        return self._typed is not None if action == "drop_typed" else True

    def on_key(self, event: events.Key) -> None:
        """Digits are ours only while a number is being typed: otherwise they go to the panes."""
        if self._typed is None or event.character is None:
            return
        if event.character in "0123456789.," or (event.character == "-" and not self._typed):
            event.stop()
            self._typed += event.character
            self.repaint()

    def on_blur(self) -> None:
        self._typed = None

    def _post(self, row: KnobRow, value: Value) -> None:
        self._typed = None
        if row.reason:
            self.notify(row.reason, title=row.path, severity="warning")
        if value != row.value:
            self._posted = (row.path, value, monotonic())
            self.post_message(KnobTurned(row.path, value))
        else:
            self.repaint()

    # --- mouse

    def _at(self, y: int) -> KnobRow | None:
        line = self._top + y
        found = self._layout_of_rows.lines[line] if y < self._room and line < len(self._layout_of_rows.lines) else None
        found = found.knob if isinstance(found, StripRow) else found
        return found if isinstance(found, KnobRow) else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        row = self._at(event.y)
        if row is None or event.button != 1:
            return
        self._cursor, self._typed = row.path, None
        shape = self._shape()
        if event.x < shape.begin - 1:
            self.repaint()
        elif row.kind == "slider":
            if event.x < shape.begin + shape.track:
                self._dragging = True
                self.capture_mouse()
                self._post(row, value_at(row, shape.share(event.x)))
            else:
                self.repaint()
        else:
            self._post(row, stepped(row, -1 if row.kind == "choice" and event.x < shape.begin + 2 else 1))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging and (row := self.row) is not None:
            self._post(row, value_at(row, self._shape().share(event.x)))

    def on_mouse_up(self, _: events.MouseUp) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        """Over the slider under the cursor the wheel turns it, anywhere else it moves the cursor."""
        event.stop()
        row = self._at(event.y)
        if row is not None and row.path == self._cursor and event.x >= self._shape().begin - 1:
            self.action_turn(direction * (COARSE if event.shift else 1))
        else:
            self.action_move(-direction)


def about(row: KnobRow, text: str | None, palette: Palette, width: int, strip: str = "") -> list[tuple[str, Style]]:
    """The foot: what is being typed, else why the knob is grey, else what it does, after what its ``strip`` says; then
    range and saved value."""
    lines: list[tuple[str, Style]] = [(strip[a:b], palette.heading) for a, b in wrap(strip, width)[:2] if strip]
    if text is not None:
        lines.append((f"{row.label} = {text}▏  ⏎ sets it, esc forgets", palette.heading))
    elif row.reason:
        lines.extend((row.reason[a:b], palette.warning) for a, b in wrap(row.reason, width)[:2])
    else:
        lines.extend((row.knob.help[a:b], palette.text) for a, b in wrap(row.knob.help, width)[:2])
    facts = row.knob.range_text if row.kind == "slider" else ""
    if row.changed:
        facts = f"saved {value_text(row, row.saved)} (⌫ resets)" + (f" · {facts}" if facts else "")
    return [*lines, (fit(facts, width), palette.muted)]
