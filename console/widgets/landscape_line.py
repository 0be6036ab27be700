"""The strip under a weight's slider: the metric at the places of the track, on one scale for all strips. Pure.

Blocks are the metric; those on the plateau are shaded and bold. Ticks on the slider's own track stand where documents
enter the first 10. Without judgments the strip counts these documents.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from rich.style import Style
from textual.strip import Strip

from console.landscapes import Charted
from console.numbers import counted, score
from console.palette import Palette
from console.views_judging import title
from console.widgets.lines import Row, pad
from console.widgets.slider import KnobRow, SliderShape, share_of, value_text
from engine.evaluation import metrics

BLOCKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class StripRow:
    """The strip of one knob. ``low`` and ``high`` are the scale; ``stale`` says that something else has changed."""

    knob: KnobRow
    chart: Charted
    low: float
    high: float
    stale: bool = False

    @property
    def path(self) -> str:
        return self.knob.path

    @property
    def judged(self) -> bool:
        return self.chart.landscape.queries > 0

    @property
    def look(self) -> tuple[object, ...]:
        """What decides how it is painted, to be compared."""
        return id(self.chart), self.knob, self.low, self.high, self.stale


@dataclass(frozen=True, slots=True)
class Cells:
    """A strip over ``track`` cells.

    scores   the best metric of the stops in a cell, of the nearest stop where none is in it; NaN for none
    plateau  whether one of them is on the plateau
    entered  documents that enter the first 10 there
    """

    scores: tuple[float, ...]
    plateau: tuple[bool, ...]
    entered: tuple[int, ...]

    @property
    def ticks(self) -> frozenset[int]:
        """The cells in which the first 10 change."""
        return frozenset(at for at, count in enumerate(self.entered) if count)


def cells_of(row: StripRow, track: int) -> Cells:
    """The landscape at the cells of a track: a stop lies in the cell in which the slider's knob would stand."""
    found = row.chart.landscape
    places = np.array([round(share_of(row.knob, value) * (track - 1)) for value in found.values.tolist()])
    scores, plateau, entered = [], [], [0] * track
    for cell in range(track):
        distance = np.abs(places - cell)
        some = np.flatnonzero(distance == distance.min())
        known = found.scores[some][~np.isnan(found.scores[some])]
        scores.append(float(known.max()) if len(known) else np.nan)
        plateau.append(bool(found.plateau[some].any()))
    for at, count in enumerate(found.entered.tolist()):
        entered[(int(places[at]) + int(places[at + 1]) + 1) // 2] += count
    return Cells(tuple(scores), tuple(plateau), tuple(entered))


def scale_of(charts: Collection[Charted]) -> tuple[float, float]:
    """The least and greatest metric of all strips: a weight that matters little looks flat beside one that does."""
    parts = [chart.landscape.scores for chart in charts]
    every = np.concatenate(parts) if parts else np.zeros(0)
    every = every[~np.isnan(every)]
    return (float(every.min()), float(every.max())) if len(every) else (0.0, 0.0)


def block(value: float, low: float, high: float) -> str:
    """The metric as a block; a middle one where nothing differs."""
    if value != value:
        return NOTHING
    share = (value - low) / (high - low) if high - low > _EQUAL else 0.5
    return BLOCKS[min(round(share * (len(BLOCKS) - 1)), len(BLOCKS) - 1)]


def count_text(count: int) -> str:
    """How many documents enter, in one cell."""
    return NOTHING if not count else str(count) if count < 10 else "+"


def paint_strip(row: StripRow, shape: SliderShape, palette: Palette, width: int) -> Strip:
    """The line, its blocks under the slider's track."""
    cells = cells_of(row, shape.track)
    line = Row(width).add(" ").add(pad(f"  {_label(row)}", shape.label), palette.absent).add("  ")
    here = round(share_of(row.knob, row.knob.number) * (shape.track - 1))
    fill = palette.leg(row.knob.leg) if row.knob.leg >= 0 else palette.accent
    shaded = fill + Style(bold=True) + palette.cursor_blurred
    for cell in range(shape.track):
        if not row.judged:
            style = palette.text if cells.entered[cell] else palette.track
            line.add(count_text(cells.entered[cell]), _dimmed(row, palette, style))
            continue
        style = shaded if cells.plateau[cell] else palette.heading if cell == here else palette.muted
        line.add(block(cells.scores[cell], row.low, row.high), _dimmed(row, palette, style))
    return line.add(*_gain(row, palette)).strip()


class StripPainter:
    """Keeps the last line of every strip, with its cells: most stay as they are while one knob turns."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[tuple[object, ...], Strip]] = {}
        self._ticks: dict[str, tuple[tuple[object, ...], frozenset[int]]] = {}

    def line(self, row: StripRow, shape: SliderShape, palette: Palette, width: int) -> Strip:
        key = (*row.look, shape, palette, width)
        known = self._lines.get(row.path)
        if known is None or known[0] != key:
            known = self._lines[row.path] = (key, paint_strip(row, shape, palette, width))
        return known[1]

    def ticks(self, row: StripRow, shape: SliderShape) -> frozenset[int]:
        """The cells of the slider's track that point down: where documents enter the first 10."""
        if row.stale or row.chart.landscape.queries != 1:  # some query's first 10 change everywhere
            return frozenset()
        key = (id(row.chart), row.knob.low, row.knob.high, shape)
        known = self._ticks.get(row.path)
        if known is None or known[0] != key:
            known = self._ticks[row.path] = (key, cells_of(row, shape.track).ticks)
        return known[1]


def _dimmed(row: StripRow, palette: Palette, style: Style) -> Style:
    return palette.track if row.stale else style


def _label(row: StripRow) -> str:
    queries = row.chart.landscape.queries
    if not queries:
        return "enter top 10"
    return title(metrics.parse(row.chart.metric)) + (f" ×{queries}" if queries > 1 else "")


def _gain(row: StripRow, palette: Palette) -> tuple[str, Style]:
    """What this weight alone could still gain."""
    if row.stale or not row.judged:
        return "", palette.muted
    gain = best(row) - here_score(row)
    if gain <= _EQUAL:
        return "  best", palette.success
    return f" {'+' + score(gain, 3):>5}", palette.up


def here_score(row: StripRow) -> float:
    """The metric at the stop that is nearest to where the knob stands."""
    found = row.chart.landscape
    return float(found.scores[int(np.abs(found.values - row.knob.number).argmin())])


def best(row: StripRow) -> float:
    return float(np.nanmax(row.chart.landscape.scores))


@dataclass(frozen=True, slots=True)
class Strips:
    """Charts by path, and which of them hold no more. One object is one state."""

    charts: dict[str, Charted] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()


def told(row: StripRow) -> str:
    """The strip in one line of words."""
    found = row.chart.landscape
    if row.stale:
        return "the strip is of before: it follows when knobs rest"
    if not row.judged:
        entered = int(found.entered.sum())
        return f"{counted(entered, 'document')} {'enters' if entered == 1 else 'enter'} along it · J judges"
    values = found.values[found.plateau].tolist()
    ends = list(dict.fromkeys(value_text(row.knob, value) for value in (values[0], values[-1]))) if values else []
    name = "best" if found.queries == 1 else "no worse than the best"
    return f"{_label(row)} {score(here_score(row), 3)}; {name} {score(best(row), 3)} at {'–'.join(ends)}"
