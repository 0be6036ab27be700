"""The user's keys: a TOML file with a table ``[keys]``, action or list key → key or list of keys.

[keys]
undo = "ctrl+z"
list-down = ["down", "ctrl+n"]
theme = []                        # no key
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from console.actions import ACTIONS, Action
from engine.errors import SettingsError

Keymap = Mapping[str, tuple[str, ...]]
"""Binding id → keys."""

WIDGET_KEYS = (
    *("list-up", "list-down", "list-page-up", "list-page-down", "list-first", "list-last"),
    *("query-older", "query-newer"),
    *("knob-up", "knob-down", "knob-page-up", "knob-page-down", "knob-less", "knob-more", "knob-much-less"),
    *("knob-much-more", "knob-least", "knob-greatest", "knob-next", "knob-type", "knob-reset", "knob-forget"),
    *("document-up", "document-down", "document-page-up", "document-page-down", "document-top", "document-end"),
    *("document-next-match", "document-unfold"),
    *("suggestion-up", "suggestion-down", "suggestion-run"),
)
"""Ids of the keys that belong to a widget and to no action."""


def read_keymap(file: Path, known: Collection[str] = ()) -> Keymap:
    """The file's keys, none where there is no file.

    Raises ``SettingsError`` for a file that is no key map, an unknown name (with the nearest one), or one key for two
    actions.
    """
    names = known or [*(action.name for action in ACTIONS), *WIDGET_KEYS]
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"key map {file}: {error}", hint='write [keys] and lines like undo = "ctrl+z"') from error
    table = tree.get("keys")
    if not isinstance(table, dict) or len(tree) != 1:
        raise SettingsError(f"key map {file}: it has to be one table [keys]", hint='lines are like undo = "ctrl+z"')
    keymap = {name: _keys(file, name, value) for name, value in table.items()}
    for name in keymap:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`?` in the console lists the names"
            raise SettingsError(f"key map {file}: there is no action {name!r}", hint=hint)
    _refuse_shared(file, keymap)
    return keymap


def _keys(file: Path, name: str, value: object) -> tuple[str, ...]:
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise SettingsError(f"key map {file}: {name} has to be a key or a list of keys", hint='as in undo = "ctrl+z"')
    return tuple(keys)


def _counts(action: Action, keymap: Keymap) -> bool:
    """Whether the action's own keys are taken: a mode's are only while it is on."""
    return action.name not in keymap and not action.modal


def _refuse_shared(file: Path, keymap: Keymap) -> None:
    owners = {key: action.name for action in ACTIONS if _counts(action, keymap) for key in action.keys}
    for name, keys in keymap.items():
        for key in keys:
            if name not in WIDGET_KEYS and owners.setdefault(key, name) != name:
                hint = f"give one of them another key: {owners[key]} = []"
                raise SettingsError(f"key map {file}: {key} is both {owners[key]} and {name}", hint=hint)
