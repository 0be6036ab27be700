"""The pinned document's way through every stage, in one line."""

from __future__ import annotations

from textual.strip import Strip

from console.views import Journey
from console.widgets.direct import Direct
from console.widgets.lines import Row, fit, width_of
from console.widgets.result_list import PINNED_MARK
from engine.analysis.display import clean


class JourneyLine(Direct):
    """The pinned document's place at every stage; takes no room while none is pinned."""

    DEFAULT_CSS = "JourneyLine { height: 1; display: none; }"

    _journey: Journey | None = None

    def show(self, journey: Journey | None) -> None:
        """Paint this way, or hide."""
        if journey != self._journey:
            self._journey = journey
            self.display = journey is not None
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, way = self.palette, self._journey
        row = Row(self.size.width)
        if way is None:
            return row.strip(self.ground)
        tail = "".join(f"  {stage} {place}" for stage, place in way.steps)
        room = row.width - width_of(tail) - width_of(way.end) - 8
        row.add(f" {PINNED_MARK} ", palette.pinned).add(fit(clean(way.title), max(room, 8)), palette.text)
        for stage, place in way.steps:
            row.add(f"  {stage} ", palette.muted).add(place, palette.heading)
        return (
            row.add("  → ", palette.rule)
            .add(way.end, palette.success if way.kept else palette.warning)
            .strip(self.ground)
        )
