"""The screen that stands where lists would be empty: what happened, and things to try that can be run at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from console.messages import ActionRequested, QuerySubmitted
from console.views_empty import EmptyView, Suggestion
from console.widgets.direct import Direct
from console.widgets.lines import LinesWidget, Row, width_of, wrap

MARGIN = 2
WIDEST = 76


class EmptyState(Direct, LinesWidget, can_focus=True):
    """Suggestions are chosen by arrow or mouse, and run by Enter."""

    DEFAULT_CSS = "EmptyState { width: 1fr; height: 1fr; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Suggestion above", id="suggestion-up"),
        Binding("down,j", "move(1)", "Suggestion below", id="suggestion-down"),
        Binding("enter,space", "run", "Run the suggestion", id="suggestion-run"),
    ]

    HELP = "Why the lists are empty, and things to try: Enter or a click runs one."

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.view = EmptyView("")
        self._chosen = 0
        self._first_line = 0

    def show(self, view: EmptyView) -> None:
        """Paints this view; the first suggestion is chosen."""
        if view != self.view:
            self.view, self._chosen = view, 0
        self.repaint()

    def lines(self, width: int) -> Sequence[Strip]:
        margin = max((width - WIDEST) // 2, MARGIN)
        strips = list(self._text(width, margin))
        above = max((self.content_size.height - len(strips) - len(self.view.suggestions)) // 3, 0)
        strips = [Row(width).strip()] * above + strips
        self._first_line = len(strips)
        return [*strips, *(self._suggestion(at, each, width, margin) for at, each in enumerate(self.view.suggestions))]

    def _text(self, width: int, margin: int) -> Iterator[Strip]:
        palette, view = self.palette, self.view
        yield Row(width).add(" " * margin).add(view.heading, palette.heading).strip()
        yield Row(width).strip()
        for text, role in view.lines:
            for start, end in wrap(text, width - 2 * margin):
                yield Row(width).add(" " * margin).add(text[start:end], palette.tone(role)).strip()
        if view.suggestions:
            yield Row(width).strip()
            how = "⏎ runs it" if self.has_focus else "↓ chooses, or a click"
            yield Row(width).add(" " * margin).add("Try ", palette.text).add(f"· {how}", palette.muted).strip()

    def _suggestion(self, at: int, suggestion: Suggestion, width: int, margin: int) -> Strip:
        palette = self.palette
        chosen = at == self._chosen
        row = Row(width).add(" " * (margin - 2)).add("❯ " if chosen and self.has_focus else "  ", palette.accent)
        row.add(suggestion.text, palette.heading if chosen and self.has_focus else palette.accent)
        note = f"  {suggestion.note}"
        return row.add(note if suggestion.note and row.left >= width_of(note) else "", palette.muted).strip()

    def watch_has_focus(self, _: bool) -> None:
        self.repaint()

    def on_resize(self) -> None:
        self.repaint()

    def action_move(self, step: int) -> None:
        if self.view.suggestions:
            self._chosen = (self._chosen + step) % len(self.view.suggestions)
            self.repaint()

    def action_run(self) -> None:
        if self._chosen < len(self.view.suggestions):
            suggestion = self.view.suggestions[self._chosen]
            if suggestion.query:
                self.post_message(QuerySubmitted(suggestion.query))
            else:
                self.post_message(ActionRequested(suggestion.action, suggestion.args))

    def on_click(self, event: events.Click) -> None:
        at = event.y - self._first_line
        if 0 <= at < len(self.view.suggestions):
            self._chosen = at
            self.action_run()
