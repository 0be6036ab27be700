"""Where a query's time went: a line of bars in view all the time, and on demand the waterfall with its overlaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip

from console.numbers import duration, milliseconds
from console.palette import Palette
from console.views_status import outcome_mark
from console.views_timing import Bar, Waterfall, fold, labels_of, lanes_of, waterfall
from console.widgets.direct import Direct
from console.widgets.lines import LinesWidget, Row, bar, fit, width_of
from engine.records import StagePart, StageReport, Status


class TimingStrip(Direct, LinesWidget):
    """One line, or with ``expanded`` a line per stage; as tall as what it shows."""

    DEFAULT_CSS = "TimingStrip { height: 1; width: 1fr; }"

    expanded: reactive[bool] = reactive(False, repaint=False)

    _view = Waterfall()

    def show(
        self,
        stages: Sequence[StageReport],
        running: Mapping[str, float] | None = None,
        now_ms: float = 0.0,
        said: Mapping[str, str] | None = None,
        legs: Sequence[str] = (),
    ) -> None:
        """Paints these stages in one frame; ``said`` is how far those under way are, in words."""
        before = self._view
        self._view = waterfall(stages, running or {}, now_ms, said or {}, legs)
        if self.expanded and rows_of(before) != rows_of(self._view):
            self._fit_height()
        self.repaint()

    def watch_expanded(self) -> None:
        self._fit_height()
        self.repaint()

    def _fit_height(self) -> None:
        self.styles.height = rows_of(self._view) if self.expanded else 1

    def on_click(self) -> None:
        self.expanded = not self.expanded

    def lines(self, width: int) -> Sequence[Strip]:
        if self.expanded:
            return expanded_lines(self._view, self.palette, width)
        lines = [compact_line(self._view, self.palette, width)]
        return [*lines, lanes_line(self._view, self.palette, width)] if self.content_size.height > 1 else lines


def compact_line(view: Waterfall, palette: Palette, width: int) -> Strip:
    """``lexical██▏ dense███▌ rerank████████ 50/50 +5 0.8          412 ms``: every bar on the same scale."""
    row = Row(width)
    if not view.bars:
        return row.add(" no query yet", palette.muted).strip()
    total = f" {duration(view.total_ms)} "
    tail = " ".join(view.said[b.name] for b in view.bars if b.name in view.said)
    marks = sum(2 for b in view.bars if b.outcome and not b.outcome.ok)
    room = width - width_of(total) - (width_of(tail) + 1 if tail else 0) - marks - 2
    shown, folded = fold(view.bars, room)
    labels = labels_of(shown, room)
    short = any(label != name for name, label in labels.items())
    rest = f"+{len(folded)}" if folded else ""
    rest += f" in {milliseconds(sum(b.ms for b in folded))}" if folded and not short else ""
    room -= sum(width_of(name) + 1 for name in labels.values()) + width_of(rest) + len(shown)
    scale = max(room, 0) / (sum(b.ms for b in shown) or 1.0)
    row.add(" ")
    for b in shown:
        style = bar_style(b, palette)
        row.add(labels[b.name], palette.text if b.running else palette.muted)
        if b.outcome and not b.outcome.ok:
            mark, role = outcome_mark(b.outcome.status)
            row.add(mark, palette.tone(role))
        row.add(shaded(b, b.ms * scale), style)
        row.add(f" {view.said[b.name]} " if b.name in view.said else " ", palette.text)
    row.add(rest, palette.muted)
    return row.right(total, palette.heading if not view.running else palette.text).strip()


LEAST_SPAN = 12
"""Cells of the time axis, below which when a stage began and where it ran are left out."""

SHADES = {"load": "░", "retries": "░", "limits": "░", "queue": "░", "network": "▒", "body": "▒", "tokenise": "▒"}
"""How a part of a stage is drawn: waiting light, the way there and back (or into tokens) darker, work solid."""


def shaded(b: Bar, cells: float) -> str:
    """The stage's bar, ``cells`` long; what it is known to have spent in parts is shaded so."""
    if not b.parts or cells < 2:
        return bar(cells)
    whole, step = int(cells), b.ms / cells
    middles = (b.start_ms + (cell + 0.5) * step for cell in range(whole))
    found = (next((part.name for part in b.parts if part.start_ms <= at <= part.end_ms), "") for at in middles)
    return "".join(SHADES.get(name, "█") for name in found) + bar(cells - whole)


def lanes_line(view: Waterfall, palette: Palette, width: int) -> Strip:
    """One time axis across the width: stages that ran together stand above one another in half cells."""
    row = Row(width).add(" ")
    lanes = lanes_of(view.bars)
    step = (view.total_ms or 1.0) / max(width - 2, 1)
    for cell in range(max(width - 2, 0)):
        middle = view.start_ms + (cell + 0.5) * step
        upper, lower = (next((b for b in lane if b.start_ms <= middle <= b.end_ms), None) for lane in lanes)
        if upper and lower:
            row.add("▀", bar_style(upper, palette) + Style(bgcolor=bar_style(lower, palette).color))
        elif upper or lower:
            only = upper or lower
            assert only is not None
            row.add("▀" if upper else "▄", bar_style(only, palette))
        else:
            row.add(" ")
    return row.strip()


def rows_of(view: Waterfall) -> int:
    """Lines of the expanded strip."""
    return max(len(view.bars) + sum(len(b.parts) for b in view.bars) + 1, 2)


def expanded_lines(view: Waterfall, palette: Palette, width: int) -> list[Strip]:
    """The waterfall: per stage its bar between start and end, when it began, how long, where, how it ended.

    Where it is narrow, the bars have the room of when and where.
    """
    if not view.bars:
        return [Row(width).add(" no query yet", palette.muted).strip()]
    notes = [_note(b, view) for b in view.bars]
    names = [b.name for b in view.bars] + [f"  {part.name}" for b in view.bars for part in b.parts]
    name_width = min(max(map(width_of, names)) + 2, 18)
    note_width = min(max(map(width_of, notes)) + 1, max(width // 4, 10))
    spare = width - name_width - note_width - 14
    begins, where = spare >= 17 + LEAST_SPAN, spare >= 8 + LEAST_SPAN
    room = max(spare - 9 * begins - 8 * where, 4)
    lines: list[Strip] = []
    for b, note in zip(view.bars, notes, strict=True):
        row = Row(width).add(f" {fit(b.name, name_width - 2):{name_width - 2}} ", palette.text)
        _add_span(row, b.start_ms, b.end_ms, view, room, bar_style(b, palette))
        if begins:
            row.add(f" {'+' + milliseconds(b.start_ms - view.start_ms):>8}", palette.muted)
        row.add(f"{duration(b.ms):>10} ", palette.text)
        if where:
            row.add(f" {b.where:7}", palette.muted)
        mark, role = outcome_mark(b.outcome.status) if b.outcome else ("…", "accent")
        lines.append(row.add(f" {mark} ", palette.tone(role)).add(note, palette.muted).strip())
        lines.extend(_part_line(part, b, view, palette, name_width, room, begins, width) for part in b.parts)
    axis = "╵0"
    for share in (0.25, 0.5, 0.75):
        tick = "╵" + milliseconds(view.total_ms * share)
        if len(axis) < int(room * share) <= room - len(tick):
            axis = f"{axis:{int(room * share)}}{tick}"
    scale = Row(width).add(" " * name_width).add(f"{axis:{room}}", palette.muted).add(" " * (9 * begins))
    return [*lines, scale.add(f"{duration(view.total_ms):>10}", palette.heading).add("  in all", palette.muted).strip()]


def _part_line(
    part: StagePart, of: Bar, view: Waterfall, palette: Palette, name_width: int, room: int, begins: bool, width: int
) -> Strip:
    row = Row(width).add(f"   {fit(part.name, name_width - 4):{name_width - 4}} ", palette.muted)
    _add_span(row, part.start_ms, part.end_ms, view, room, bar_style(of, palette), SHADES.get(part.name, "▓"))
    if begins:
        row.add(f" {'+' + milliseconds(part.start_ms - view.start_ms):>8}", palette.muted)
    return row.add(f"{duration(part.end_ms - part.start_ms):>10}", palette.muted).strip()


def _add_span(
    row: Row, start_ms: float, end_ms: float, view: Waterfall, room: int, style: Style, shade: str = ""
) -> None:
    """Adds ``room`` cells with a bar from start (to a half cell) to end (an eighth), or of whole cells of a shade."""
    scale = room / (view.total_ms or 1.0)
    first = min((start_ms - view.start_ms) * scale, room - 0.125)
    last = min(max((end_ms - view.start_ms) * scale, first + 0.125), room)
    if shade:
        begin, cells = int(first), max(int(last) - int(first), 1)
        row.add(" " * begin).add(shade * cells, style).add(" " * (room - begin - cells))
        return
    begin, offset = int(first), first % 1
    if last - first < 1:
        text = "▕" if offset > 0.75 else "▐" if offset > 0.4 else bar(last - first)
    else:
        head = "▕" if offset > 0.75 else "▐" if offset > 0.25 else "█"
        text = head + (bar(last - begin - 1) if last - begin - 1 > 1 / 16 else "")
    row.add(" " * begin).add(text, style).add(" " * (room - begin - width_of(text)))


def bar_style(b: Bar, palette: Palette) -> Style:
    """A leg's own colour, the reranker's, or the accent; a failure is drawn as one."""
    if b.outcome and b.outcome.status is Status.FAILED:
        return palette.error
    if b.leg >= 0:
        return palette.leg(b.leg)
    return palette.rerank if b.reranks or b.name == "blend" else palette.fused


def _note(b: Bar, view: Waterfall) -> str:
    if b.running:
        return view.said.get(b.name, "running")
    assert b.outcome is not None
    counts = f"{b.outcome.done}/{b.outcome.total}" if b.outcome.total else ""
    if b.leg >= 0 and not b.outcome.ok and any(o.name == "embed" and o.outcome == b.outcome for o in view.bars):
        return "no query vector"  # the embedder's own line says why
    said = b.outcome.text or b.outcome.reason
    return ", ".join(filter(None, (counts, said if not b.outcome.ok else "")))
