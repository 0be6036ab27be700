"""Keys as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual.keys import format_key

from console.actions import Action

SIGNS = {
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "enter": "⏎",
    "space": "space",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "full_stop": ".",
    "backspace": "⌫",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def key_text(keys: Iterable[str]) -> str:
    """Keys as a person reads them: ``/``, ``ctrl+z``, ``↑``."""
    return " ".join(_one_key(key) for key in keys)


def _one_key(key: str) -> str:
    *modifiers, last = key.split("+") if key != "+" else [key]
    name = SIGNS.get(last) or (
        last if len(last) == 1 else last.upper() if last[:1] == "f" and last[1:].isdigit() else ""
    )
    return "+".join((*modifiers, name or format_key(last)))


def keys_of(action: Action, keymap: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The action's keys, the user's where they have their own."""
    return keymap.get(action.name, action.keys)
