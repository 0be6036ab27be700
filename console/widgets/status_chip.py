"""The chip that always says what really ran; a click, or its tooltip, gives the whole account."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from console.messages import ActionRequested
from console.views_status import StatusView, status_view
from console.widgets.direct import Direct
from console.widgets.lines import LinesWidget, Row, width_of
from engine.local.state import HostState
from engine.trace import Trace


class StatusChip(Direct, LinesWidget):
    """One line, its text cut to the room there is."""

    DEFAULT_CSS = "StatusChip { height: 1; width: 1fr; }"

    view: StatusView = status_view(None)

    def show(self, trace: Trace | None, busy: bool | str = False, worker: HostState | None = None) -> None:
        """Paints what this trace says, or what is under way, and how it stands with the worker of local models."""
        view = status_view(trace, busy, worker)
        if view != self.view:
            self.view = view
            self.repaint()

    def lines(self, width: int) -> Sequence[Strip]:
        palette, view = self.palette, self.view
        text = _shortened(view, width - 4)
        style = palette.tone(view.role)
        words = palette.text if view.role == "success" else style
        return [Row(width).add(f" {view.mark} ", style).add(text, words).strip()]

    def on_enter(self) -> None:
        self.tooltip = "\n".join((self.view.text, *self.view.detail))

    def on_click(self) -> None:
        self.post_message(ActionRequested("status"))


def _shortened(view: StatusView, width: int) -> str:
    """The text in fewer words, without its last parts, else cut, unless so little would be left that the short one
    says more."""
    head = view.text if width_of(view.text) <= width else view.tight or view.text
    while head and width_of(head) > width:
        head = head.rpartition(" · ")[0]
    return head or (view.text if width > width_of(view.short) + 8 else view.short)
