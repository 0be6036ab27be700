"""The menu of what can be copied."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from console.screens.dialog import Dialog

CHOICES = (
    ("copy-document", "d", "the document under the cursor, as JSON"),
    ("copy-view", "v", "both lists, as a Markdown table"),
    ("copy-command", "c", "the search, as a rankscope command"),
)


class CopyScreen(Dialog[str]):
    """Dismisses with the name of the action to run."""

    heading = "Copy"
    keys = "d v c or ⏎ copies · esc closes"

    DEFAULT_CSS = "CopyScreen > #box { max-width: 56; }"

    def body(self) -> ComposeResult:
        yield OptionList(*(Option(f"{key}  {text}", id=name) for name, key, text in CHOICES), markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id or "")

    def on_key(self, event: events.Key) -> None:
        for name, key, _ in CHOICES:
            if event.key == key:
                event.stop()
                self.dismiss(name)
