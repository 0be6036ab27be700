"""One knob as a line: its arithmetic (steps, places on the track) and its picture. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from textual.strip import Strip

from console.numbers import score
from console.palette import Palette, leg_mark
from console.widgets.lines import Row, fit, pad, width_of
from engine.settings.table import Knob

Value = float | int | bool | str

COARSE = 5
"""Steps at a time with shift."""


@dataclass(frozen=True, slots=True)
class KnobRow:
    """One line of the panel.

    value, saved  as the settings have them; ``saved`` is what the file has
    low, high     of the track; a value beyond ``high`` (a weight of 3) stands at its end
    leg           place of the leg whose weight it is, −1 for every other knob
    reason        why it cannot be turned or makes no difference now; '' where it does
    """

    path: str
    label: str
    group: str
    knob: Knob
    value: Value
    saved: Value
    low: float = 0.0
    high: float = 1.0
    leg: int = -1
    reason: str = ""

    @property
    def kind(self) -> str:
        """``switch``, ``choice`` or ``slider``."""
        if isinstance(self.value, bool):
            return "switch"
        return "choice" if self.knob.choices else "slider"

    @property
    def changed(self) -> bool:
        return self.value != self.saved

    @property
    def number(self) -> float:
        return float(self.value)


def stepped(row: KnobRow, steps: int) -> Value:
    """The value so many steps on: a choice cycles, a switch flips, a number stays inside its range.

    A knob with a logarithmic track moves by about a twelfth of a doubling, at least by its step.
    """
    if row.kind == "switch":
        return not row.value
    if row.kind == "choice":
        choices = row.knob.choices
        at = choices.index(str(row.value)) if row.value in choices else 0
        return choices[(at + steps) % len(choices)]
    least = row.knob.step or 0.01
    if row.knob.log:
        factor = 2 ** (steps / 12)
        moved = max(abs(row.number * factor - row.number), abs(steps) * least)
        return rounded(row, row.number + math.copysign(moved, steps))
    return rounded(row, row.number + steps * least)


def rounded(row: KnobRow, value: float) -> Value:
    """The value on the knob's grid and inside its range; whole for whole numbers."""
    least = row.knob.step or 0.01
    limit = row.knob.maximum if row.knob.maximum is not None else math.inf
    floor = row.knob.minimum if row.knob.minimum is not None else -math.inf
    value = min(max(round(value / least) * least, floor), limit)
    return round(value) if isinstance(row.value, int) else round(value, 6)


def share_of(row: KnobRow, value: float) -> float:
    """Where a value stands on the track, 0…1."""
    low, high = row.low, row.high
    if row.knob.log and low > 0:
        share = math.log(max(value, low) / low) / math.log(high / low)
    else:
        share = (value - low) / (high - low)
    return min(max(share, 0.0), 1.0)


def value_at(row: KnobRow, share: float) -> Value:
    """The value at a place on the track, 0…1."""
    share = min(max(share, 0.0), 1.0)
    if row.knob.log and row.low > 0:
        return rounded(row, row.low * (row.high / row.low) ** share)
    return rounded(row, row.low + share * (row.high - row.low))


def typed(row: KnobRow, text: str) -> Value:
    """The number that was typed, held inside the range. Raises ``ValueError`` where it is none."""
    value = float(text.replace(",", "."))
    if not math.isfinite(value):
        raise ValueError(text)
    floor, limit = row.knob.minimum, row.knob.maximum
    value = max(value, floor) if floor is not None else value
    value = min(value, limit) if limit is not None else value
    return round(value) if isinstance(row.value, int) else value


def value_text(row: KnobRow, value: Value) -> str:
    """The value as the panel writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value or "auto"
    if isinstance(value, int):
        return str(value)
    return score(value, 2) if 0 < abs(value) < 1 else f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class SliderShape:
    """Where the parts of a line lie: cells from the left. The track takes ``track`` cells from ``begin``."""

    label: int
    begin: int
    track: int
    value: int

    @classmethod
    def of(cls, width: int, label: int) -> SliderShape:
        """The shape at that width; labels give way to the track when it is narrow."""
        value = 6
        label = max(min(label, width * 2 // 5, width - value - 8), 2)
        return cls(label, label + 3, max(width - label - value - 4, 4), value)

    def share(self, x: int) -> float:
        """The place on the track, 0…1, under that column."""
        return (x - self.begin) / max(self.track - 1, 1)


def paint(
    row: KnobRow,
    shape: SliderShape,
    palette: Palette,
    width: int,
    *,
    cursor: bool,
    focused: bool,
    typed: str | None = None,
    ticks: Collection[int] = (),
) -> Strip:
    """The knob's line. The saved value is marked ◇ on the track where the value has left it; a number that is being
    ``typed`` stands in the value's place. ``ticks`` are cells of the track that point down."""
    dead = bool(row.reason)
    label_style = palette.absent if dead else palette.text
    mark_style = palette.leg(row.leg) if row.leg >= 0 and not dead else palette.accent
    line = Row(width).add("▌" if cursor else " ", palette.accent if focused else palette.muted)
    label = f"{leg_mark(row.leg)} {row.label}" if row.leg >= 0 else row.label
    if row.leg >= 0:
        line.add(leg_mark(row.leg), palette.absent if dead else mark_style)
        line.add(pad(label[1:], shape.label - 1), label_style)
    else:
        line.add(pad(label, shape.label), label_style)
    line.add("*" if row.changed else " ", palette.warning).add(" ")
    if row.kind == "slider":
        _track(line, row, shape, palette, typed, ticks)
    else:
        _choice(line, row, shape, palette)
    ground = None
    if cursor:
        ground = palette.cursor if focused else palette.cursor_blurred
    return line.strip(ground)


def _track(
    line: Row, row: KnobRow, shape: SliderShape, palette: Palette, typed: str | None, ticks: Collection[int]
) -> None:
    dead = bool(row.reason)
    last = shape.track - 1
    at = round(share_of(row, row.number) * last)
    saved = round(share_of(row, float(row.saved)) * last)
    fill = palette.absent if dead else palette.leg(row.leg) if row.leg >= 0 else palette.accent
    cells = ["━"] * at + ["●" if not dead else "○"] + ["─" if not dead else "┄"] * (last - at)
    for tick in ticks:
        cells[tick] = {"━": "┯", "─": "┬"}.get(cells[tick], cells[tick])
    if row.changed and saved != at:
        cells[saved] = "◇"
    line.add("".join(cells[: at + 1]), fill).add("".join(cells[at + 1 :]), palette.muted if dead else palette.track)
    text = value_text(row, row.value) if typed is None else f"{typed[-shape.value + 2 :]}▏"
    value_style = palette.absent if dead else palette.pinned if row.changed else palette.text
    line.add(f" {text:>{shape.value - 1}}"[: shape.value + 1], value_style)


def _choice(line: Row, row: KnobRow, shape: SliderShape, palette: Palette) -> None:
    dead = bool(row.reason)
    room = shape.track + shape.value
    style = palette.absent if dead else palette.pinned if row.changed else palette.text
    if row.kind == "switch":
        on = bool(row.value)
        line.add("━━●" if on else "○──", palette.absent if dead else palette.success if on else palette.muted)
        line.add(f" {value_text(row, row.value)}", style)
        return
    text = fit(value_text(row, row.value), room - 4)
    arrows = palette.absent if dead else palette.accent
    line.add("‹ ", arrows).add(text, style).add(" " * (room - 4 - width_of(text))).add(" ›", arrows)
