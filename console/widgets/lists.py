"""The row of ranked lists with the flow between neighbours: each leg's own where there is room, fused, reranked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from textual import events
from textual.app import ComposeResult

from console.messages import FUSED, RERANKED
from console.views import ListView
from console.widgets.direct import SideBySide
from console.widgets.flow import Flow
from console.widgets.pane import Pane
from console.widgets.result_list import ResultList


class Lists(SideBySide):
    """``by_name`` holds the lists from left to right: legs, ``fused``, ``reranked``; ``latest`` had the focus last."""

    DEFAULT_CSS = "Lists { height: 1fr; min-height: 4; width: 1fr; }"

    def __init__(self, legs: Sequence[str]) -> None:
        super().__init__(id="lists")
        headings = {**{leg: leg for leg in legs}, FUSED: "Fused", RERANKED: "Reranked"}
        keys = {FUSED: "1", RERANKED: "2"}
        self.by_name = {name: ResultList(name) for name in headings}
        self.panes = {
            name: Pane(keys.get(name, ""), headings[name], name, content) for name, content in self.by_name.items()
        }
        content = list(self.by_name.values())
        self.flows = [Flow(left, right) for left, right in pairwise(content)]
        self.legs = tuple(legs)
        self.latest = RERANKED

    def compose(self) -> ComposeResult:
        for place, pane in enumerate(self.panes.values()):
            if place:
                yield self.flows[place - 1]
            yield pane

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.latest = event.widget.name or self.latest

    def on_mount(self) -> None:
        for flow, (left, right) in zip(self.flows, self._neighbours(), strict=True):
            for each in (left, right):
                self.watch(each, "scroll_y", partial(_redraw, flow), init=False)

    def _neighbours(self) -> Iterator[tuple[ResultList, ResultList]]:
        content = list(self.by_name.values())
        yield from pairwise(content)

    @property
    def fused(self) -> ResultList:
        return self.by_name[FUSED]

    @property
    def reranked(self) -> ResultList:
        return self.by_name[RERANKED]

    def lay_out(self, *, with_legs: bool, alone: str, flow_width: int) -> None:
        """Show the legs' lists or not, with no flow between them where it is 0 cells wide; ``alone`` names the one list
        that has the room to itself."""
        shown = {name: name == alone if alone else with_legs or name not in self.legs for name in self.by_name}
        for name, pane in self.panes.items():
            pane.display = shown[name]
        for flow, (left, right) in zip(self.flows, self._neighbours(), strict=True):
            flow.display = flow_width > 0 and shown[left.name or ""] and shown[right.name or ""]
            flow.styles.width = flow_width

    def show(self, views: Sequence[ListView], cursor_id: str, pinned_id: str) -> None:
        """Put new views in place, one refresh each; a list without a view is emptied."""
        given = {view.name: view for view in views}
        for name, content in self.by_name.items():
            view = given.get(name)
            if self.panes[name].display:  # Textual lays the screen out anew when what is hidden asks for a frame
                content.show(view, cursor_id, pinned_id)
                if view is not None:
                    self.panes[name].heading.show(view.heading, view.note)
        self._refresh_flows()

    def point_at(self, document_id: str) -> None:
        """Put every list's cursor on a document, with its row in view."""
        for content in self._shown():
            content.point_at(document_id)
        self._refresh_flows()

    @property
    def ahead(self) -> str:
        """Where keys have moved a cursor that is not painted there yet, '' where every list is painted."""
        return next((content.ahead for content in self._shown() if content.ahead), "")

    def _refresh_flows(self) -> None:
        for flow in self.flows:
            if flow.display:
                flow.refresh_changed()

    def to_top(self) -> None:
        for content in self.by_name.values():
            content.to_top()

    def refresh_rows(self) -> None:
        """Paint the same views again, as when texts have come."""
        for content in self._shown():
            content.refresh_changed()

    def _shown(self) -> Iterator[ResultList]:
        return (content for name, content in self.by_name.items() if self.panes[name].display)

    @property
    def visible_ids(self) -> list[str]:
        """Ids of every row in view, each once."""
        shown = [content.visible_ids for content in self._shown()]
        return list(dict.fromkeys(i for ids in shown for i in ids))


def _redraw(flow: Flow) -> None:
    """Textual counts a watcher's parameters, defaults as well, to decide what to call it with."""
    flow.refresh_changed()
