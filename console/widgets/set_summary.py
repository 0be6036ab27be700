"""The line above the query table: how far asking has come, the means of the whole set, and the paired test."""

from __future__ import annotations

from textual.strip import Strip

from console.numbers import score
from console.views_queries import COMPARED, Means, signed, test_text
from console.widgets.direct import Direct
from console.widgets.lines import Row, width_of

METER = 12


class SetSummary(Direct):
    """One line, or what was told last until the next ``show``."""

    DEFAULT_CSS = "SetSummary { height: 2; }"

    def __init__(self) -> None:
        super().__init__()
        self._means: Means | None = None
        self._compared, self._title = "settings", ""
        self._progress: tuple[int, int] | None = None
        self._said = ("", "text")

    def show(self, means: Means | None, compared: str, title: str, progress: tuple[int, int] | None) -> None:
        """``progress`` is queries done, of how many; None where nothing is under way."""
        self._means, self._compared, self._title, self._progress = means, compared, title, progress
        self._said = ("", "text")
        self.refresh()

    def tell(self, message: str, tone: str = "text") -> None:
        """Say something in the place of the test."""
        self._progress = None
        self._said = (message, tone)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        row = Row(self.size.width).add(" ")
        return (self._second(row) if y else self._first(row)).strip(self.ground)

    def _first(self, row: Row) -> Row:
        palette, means = self.palette, self._means
        if means is None:
            return row.add(f"mean {self._title} —", palette.muted)
        before, after = COMPARED[self._compared]
        gain = means.after - means.before
        row.add(f"mean {self._title} ", palette.muted).add(f"{before} ", palette.muted)
        row.add(score(means.before), palette.text).add(" → ", palette.rule).add(f"{after} ", palette.muted)
        row.add(score(means.after), palette.heading).add("  ")
        row.add(signed(gain, 3), palette.up if gain > 0 else palette.down if gain < 0 else palette.absent)
        about = f" · {means.count} queries · {means.judged * 100:.0f} % of the first {means.cut} judged"
        return row.add(about, palette.muted) if width_of(about) <= row.left else row

    def _second(self, row: Row) -> Row:
        palette, means = self.palette, self._means
        if self._said[0]:
            return row.add(self._said[0], palette.tone(self._said[1]))
        if self._progress is not None:
            done, total = self._progress
            filled = round(METER * done / total) if total else METER
            row.add(f"asking {done}/{total} ", palette.accent)
            return row.add("━" * filled, palette.accent).add("─" * (METER - filled), palette.track).add(" esc stops")
        if means is None:
            return row.add("no query has a grade above 0: judge some with J", palette.muted)
        if means.paired is None:
            return row.add("…" if means.count > 1 else "one query: nothing to test", palette.muted)
        return row.add(test_text(means.paired), palette.text if means.paired.p < 0.05 else palette.muted)
