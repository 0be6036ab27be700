"""The keys on the last line: what one would want next where the cursor is, as things stand. ``?`` has the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from console.actions import BY_NAME, Context
from console.keys import key_text, keys_of

Hint = tuple[str, str, str]
"""Key, label, and the action that a click runs; '' for a key of the pane itself."""

LABELS = {
    "query": "search",
    "actions": "all keys",
    "reload": "read anew",
    "score": "score newcomers",
    "revert": "back to the file",
    "why": "why",
    "attribute": "carried by",
    "account": "engine's account",
    "native": "its own fusion",
    "ragflow": "RAGFlow's way",
    "unload": "unload models",
    "judging": "judge",
    "compare": "compare",
    "copy": "copy",
    "export": "export",
    "connect": "connect",
    "landscape": "landscapes",
}
"""Actions in a word or two, where their name does not do."""

PANE_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "panes": (("fused", "reranked", "weights", "document"), ("1", "2", "3", "4"), "panes"),
    "turn": (("knob-less", "knob-more"), ("left", "right"), "turn"),
    "type": (("knob-type",), ("enter",), "type a number"),
    "reset": (("knob-reset",), ("backspace",), "as saved"),
    "next-match": (("document-next-match",), ("right_square_bracket",), "next match"),
    "unfold": (("document-unfold",), ("enter",), "whole text"),
}
"""Keys that are no single action: their ids in a key map, the keys without one, and a label."""

_ALWAYS = ("query", "panes", "actions")
_CHANGED = ("reload", "score", "save", "undo")
"""What applies only after something has happened, and is likely what comes next."""
_LISTS = (
    *(*_ALWAYS, *_CHANGED, "why", "attribute", "filter", "account", "native", "ragflow", "rerankers", "judging"),
    *("export", "presets", "unload", "pin", "copy", "queries", "compare", "tune", "help", "quit"),
)
_DOCUMENT = (
    *(*_ALWAYS, *_CHANGED, "attribute", "account", "why", "next-match", "unfold", "pin", "copy", "judging"),
    *("rerankers", "export", "help", "quit"),
)
_WEIGHTS = (
    *("actions", "turn", *_CHANGED, "type", "reset", "presets", "rerankers", "landscape", "revert", "export"),
    *("tune", "compare", "native", "ragflow", "unload", "query", "help", "quit"),
)
_EMPTY = (*_ALWAYS, *_CHANGED, "filter", "connect", "rerankers", "presets", "queries", "theme", "help", "quit")
_ORDERS = {"weights": _WEIGHTS, "document": _DOCUMENT, "": _EMPTY}
"""By pane, the most wanted first: where room is short the last ones go."""

_NOT_YET: Mapping[str, Callable[[Context], bool]] = {
    "save": lambda context: context.session is None or not context.session.dirty,
    "reload": lambda context: not context.newer,
    "score": lambda context: context.busy,
    "compare": lambda context: context.session is None or len(context.session.tries) < 2,
}
"""Actions that apply, and that nobody wants as things stand."""

TYPING: tuple[Hint, ...] = (
    ("⏎", "ask", "query"),
    ("esc", "to the other keys", "back"),
    ("↑", "earlier queries", "query"),
    ("^p", "actions", "palette"),
    ("F1", "help", "help"),
    ("^q", "quit", "quit"),
)
"""On the query line, where letters are a query's."""

_GRADES = (("grade-no", "no"), ("grade-related", "related"), ("grade-good", "good"), ("grade-answer", "answer"))
_JUDGING = (("judging", "judging:"), *_GRADES, ("ungrade", "remove"), ("undo", "undo"), ("queries", "queries"))


def hints(pane: str, context: Context, keymap: Mapping[str, Sequence[str]]) -> tuple[Hint, ...]:
    """The keys that apply with the cursor in that pane (its action's name, '' for none), the most wanted first."""
    return tuple(hint for name in _ORDERS.get(pane, _LISTS) if (hint := _hint(name, context, keymap)) is not None)


def judging_hints(keymap: Mapping[str, Sequence[str]]) -> tuple[Hint, ...]:
    """The keys that grade."""
    return tuple((_key(keys_of(BY_NAME[name], keymap)), label, name) for name, label in _JUDGING)


def _hint(name: str, context: Context, keymap: Mapping[str, Sequence[str]]) -> Hint | None:
    """None for what does not apply now, or has no key."""
    if name in PANE_KEYS:
        ids, keys, label = PANE_KEYS[name]
        found = [_key(keymap.get(each, (key,))) for each, key in zip(ids, keys, strict=True)]
        shown = ("" if all(len(key) == 1 for key in found) else " ").join(found).replace("1234", "1-4")
        return (shown, label, "") if shown.strip() else None
    keys = tuple(keys_of(BY_NAME[name], keymap))
    if not keys or (name in _NOT_YET and _NOT_YET[name](context)) or BY_NAME[name].when(context):
        return None
    return _key(keys), LABELS.get(name, name), name


def _key(keys: Sequence[str]) -> str:
    """The first of the keys, as short as the line needs it: ``^q``."""
    return key_text(keys[:1]).replace("ctrl+", "^")
