"""Help made from the tables: every action, searchable and runnable, and what the focused pane shows and listens to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from console.actions import ACTIONS, BY_NAME, Action, Context
from console.keys import key_text, keys_of
from console.palette import Palette
from console.screens.dialog import Dialog
from console.widgets.lines import pad

TITLE_WIDTH = 26
KEY_WIDTH = 11
HELP_KEY_WIDTH = 16


def matches(action: Action, text: str, keys: str) -> bool:
    """Whether every word of the text stands in the action's name, title, group, help or keys."""
    about = f"{action.name} {action.group} {action.title} {action.help} {keys}".lower()
    return all(word in about for word in text.lower().split())


class ActionsScreen(Dialog[str]):
    """Every action with its keys; typing narrows the list, Enter gives the name of the chosen one.

    An action that does not apply now is there, with the reason.
    """

    heading = "Actions"
    keys = "type to search · ⏎ runs · esc closes"

    DEFAULT_CSS = """
    ActionsScreen > #box { height: 90%; }
    ActionsScreen #more { color: $text-muted; border-top: solid $border-blurred; height: 3; }
    ActionsScreen OptionList, ActionsScreen OptionList:focus {
        height: 1fr; max-height: 1fr; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self, context: Context, keymap: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self._applies = context
        self._keymap = keymap or {}

    def body(self) -> ComposeResult:
        yield Input(placeholder="what do you want to do?", id="find")
        yield OptionList(id="list", markup=False)
        yield Static(id="more", markup=False)

    def on_mount(self) -> None:
        self._fill("")

    def _fill(self, text: str) -> None:
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(self._options(text))
        shown.action_first()

    def _options(self, text: str) -> list[Option]:
        """All actions under their headings; once something is typed those that match, by title first."""
        options: list[Option] = []
        group = ""
        found = [action for action in ACTIONS if matches(action, text, self._keys(action))]
        if text:
            found.sort(key=lambda action: not all(word in action.title.lower() for word in text.lower().split()))
        for action in found:
            if action.group != group and not text:
                group = action.group
                options.append(Option(Text(group, style=self.palette.heading), disabled=True))
            line = action_line(action, self._keys(action), self._applies, self.palette)
            options.append(Option(line, id=action.name, disabled=needs_argument(action)))
        if not options:
            options.append(Option(Text("no action has these words", style=self.palette.muted), disabled=True))
        return options

    def _keys(self, action: Action) -> str:
        return key_text(keys_of(action, self._keymap))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        action = BY_NAME.get(event.option_id or "")
        if action is not None:
            reason = action.when(self._applies)
            about = f"{action.label}. {action.help}" + (f" ✗ {reason}" if reason else "")
            self.query_one("#more", Static).update(Content(about))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id or "")

    def on_key(self, event: events.Key) -> None:
        """The list follows the arrows while the words are being typed."""
        moves = {"down": "cursor_down", "up": "cursor_up", "pagedown": "page_down", "pageup": "page_up"}
        if event.key in moves and self.focused is self.query_one(Input):
            event.stop()
            getattr(self.query_one(OptionList), f"action_{moves[event.key]}")()


def needs_argument(action: Action) -> bool:
    """Whether the action can only be run with something after its name."""
    return bool(action.arguments) and not action.arguments.startswith("[")


def action_line(action: Action, keys: str, context: Context, palette: Palette) -> Text:
    """Keys, title, and what the action does, or why it does not apply now."""
    reason = f"in a script: {action.name} {action.arguments}" if needs_argument(action) else action.when(context)
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"  {pad(keys, KEY_WIDTH)} ", palette.muted if reason else palette.accent)
    line.append(f"{pad(action.title, TITLE_WIDTH)} ", palette.absent if reason else palette.text)
    if needs_argument(action):
        return line.append(reason, palette.muted)
    return line.append(f"✗ {reason}", palette.warning) if reason else line.append(action.help, palette.muted)


@dataclass(frozen=True, slots=True)
class PaneHelp:
    """What the focused pane is for, its own keys, and the actions that go with it: (keys, what they do)."""

    title: str
    text: str
    keys: tuple[tuple[str, str], ...]
    actions: tuple[tuple[str, str], ...]


def pane_help(widget: Widget | None, title: str, keymap: Mapping[str, Sequence[str]] | None = None) -> PaneHelp:
    """The help of a focused widget: its ``HELP``, its bindings, and every action that has a key."""
    own = _bindings(widget) if widget is not None else ()
    actions = tuple(
        (key_text(keys), f"{action.group}: {action.title}")
        for action in ACTIONS
        if (keys := keys_of(action, keymap or {}))
    )
    return PaneHelp(title, getattr(widget, "HELP", ""), own, actions)


def _bindings(widget: Widget) -> tuple[tuple[str, str], ...]:
    """(keys, description) of our own bindings of the widget, one line per description; what every line of text and
    every scrolled view knows is left out."""
    lines: dict[str, list[str]] = {}
    for active in widget.screen.active_bindings.values():
        if active.node is widget and active.binding.description and active.binding.show:
            lines.setdefault(active.binding.description, []).append(active.binding.key)
    return tuple((key_text(keys), description) for description, keys in lines.items())


class HelpScreen(Dialog[None]):
    """F1: the focused pane explained."""

    keys = "esc closes · ? lists every action"

    DEFAULT_CSS = "HelpScreen #text { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,q,enter", "leave", "Close", show=False)]

    def __init__(self, help: PaneHelp) -> None:
        super().__init__()
        self._help = help
        self.heading = help.title

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text"):
            yield Static(Content.from_rich_text(self._text()), markup=False)

    def _text(self) -> Text:
        palette, help = self.palette, self._help
        text = Text()
        if help.text:
            text.append(f"{help.text}\n\n", palette.text)
        for heading, lines in (("Keys of this pane", help.keys), ("Keys everywhere", help.actions)):
            if lines:
                text.append(f"{heading}\n", palette.heading)
            for keys, what in lines:
                text.append(f"  {pad(keys, HELP_KEY_WIDTH)} ", palette.accent).append(f"{what}\n", palette.text)
            text.append("\n")
        text.rstrip()
        return text
