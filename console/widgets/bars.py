"""The one-line frames of the screen: title bar, headings of the panes, the line of messages and keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.strip import Strip

from console.messages import ActionRequested
from console.widgets.direct import Direct
from console.widgets.lines import Row, width_of, wrap


class TitleBar(Direct):
    """Program, settings file with its unsaved mark, and the index on the right."""

    DEFAULT_CSS = "TitleBar { height: 1; }"

    _shown = ("", False, "", "")

    def show(self, settings: str, *, dirty: bool, note: str, index: str) -> None:
        """``settings`` is the file's name, ``note`` follows it; ``index`` is what is searched."""
        shown = (settings, dirty, note, index)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        settings, dirty, note, index = self._shown
        row = Row(self.size.width).add(" rankscope ", palette.heading).add("─ ", palette.rule)
        row.add(settings, palette.text).add("*" if dirty else "", palette.warning).add(note, palette.muted)
        gap = row.left - width_of(index) - 3
        if gap > 0:
            row.add(" ").add("─" * gap, palette.rule).add(f" {index} ", palette.muted)
        return row.strip(self.ground)


class PaneTitle(Direct):
    """The heading of a pane: its number key, its name, a note, and a rule to the edge."""

    DEFAULT_CSS = "PaneTitle { height: 1; }"

    def __init__(self, key: str, heading: str, action: str) -> None:
        super().__init__()
        self._key, self._heading, self._action = key, heading, action
        self._note = ""
        self._focused = False

    @property
    def text(self) -> str:
        return self._heading

    def show(self, heading: str, note: str) -> None:
        if (heading, note) != (self._heading, self._note):
            self._heading, self._note = heading, note
            self.refresh()

    def mark(self, focused: bool) -> None:
        """Whether the keys go to this pane."""
        if focused != self._focused:
            self._focused = focused
            self.refresh()

    def on_click(self) -> None:
        self.post_message(ActionRequested(self._action))

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        line = palette.accent if self._focused else palette.rule
        row = Row(self.size.width).add("━" if self._focused else "─", line)
        row.add(f" {self._key} " if self._key else " ", palette.muted)
        row.add(f"{self._heading} ", palette.heading if self._focused else palette.text)
        row.add(f"{self._note} " if self._note else "", palette.muted)
        return row.add(("━" if self._focused else "─") * row.left, line).strip(self.ground)


class FootLine(Direct):
    """The last line: how good the list is, then a message or the keys that apply. Keys can be clicked.

    A message that is too long for it gets a second line: the way out stands at its end.
    """

    DEFAULT_CSS = "FootLine { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._hints: Sequence[tuple[str, str, str]] = ()
        self._message = ""
        self._tone = "text"
        self._lead: Sequence[tuple[str, str]] = ()
        self._spans: list[tuple[int, int, str]] = []
        self._lines = ("", "")

    def show(
        self,
        hints: Sequence[tuple[str, str, str]],
        message: str = "",
        tone: str = "text",
        lead: Sequence[tuple[str, str]] = (),
    ) -> None:
        """``hints`` are (key, label, action or ''); a message takes their place until the next one is shown. ``lead``,
        texts and their roles, stands before both, unless the message needs the whole line."""
        if (hints, message, tone, lead) != (self._hints, self._message, self._tone, self._lead):
            self._hints, self._message, self._tone, self._lead = hints, message, tone, lead
            self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Break the message in two where it is wider than the line."""
        message = " ".join(self._message.split())
        end = next(iter(wrap(message, self.size.width - 1)))[1]
        self._lines = message[:end], message[end:].lstrip()
        height = 2 if self._lines[1] else 1
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        for start, end, action in self._spans:
            if start <= event.x < end:
                self.post_message(ActionRequested(action))

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        row = Row(self.size.width).add(" ")
        if y:
            return row.add(self._lines[1], palette.tone(self._tone)).strip(self.ground)
        self._spans = []
        lead = sum(width_of(text) for text, _ in self._lead)
        if lead and width_of(self._message) + lead + 4 <= row.left:
            for text, role in self._lead:
                row.add(text, palette.tone(role))
            row.add(" │ ", palette.rule)
        if self._message:
            return row.add(self._lines[0], palette.tone(self._tone)).strip(self.ground)
        for key, label, action in self._hints:
            if row.left < width_of(key) + width_of(label) + 3:
                break
            start = row.width - row.left
            row.add(key, palette.heading).add(f" {label}", palette.muted)
            if action:
                self._spans.append((start, row.width - row.left, action))
            row.add("  ")
        return row.strip(self.ground)


class Divider(Direct):
    """A vertical rule."""

    DEFAULT_CSS = "Divider { width: 1; height: 1fr; }"

    def rows(self, top: int, bottom: int) -> list[Strip]:
        return [Row(1).add("│", self.palette.rule).strip(self.ground)] * (bottom - top)


class QueryMark(Direct):
    """The prompt before the query line."""

    DEFAULT_CSS = "QueryMark { width: 3; height: 1; }"

    def render_line(self, y: int) -> Strip:
        return Row(3).add(" ❯ ", self.palette.heading).strip(self.ground)
