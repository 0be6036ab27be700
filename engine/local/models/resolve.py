"""What a model's name in the settings means: a preset, a name of the hub, or a folder."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from engine.errors import ModelError
from engine.local.base import Role
from engine.local.models.catalogue import Preset, find, presets
from engine.local.models.files import WHAT_NAMES

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_PATH = re.compile(r"[.~/\\]|[A-Za-z]:[\\/]")
_REVISED = re.compile(r"([\w-][\w.-]*(?:/[\w.-]+)?)@(.+)")


@dataclass(frozen=True, slots=True)
class Located:
    """``name`` is what other processes understand as well: the hub's name, or the folder's absolute path. ``folder``
    is None for a model of the hub."""

    name: str
    folder: Path | None
    preset: Preset | None


def locate(model: str, role: Role, base_dir: Path | None = None) -> Located:
    """What ``model`` names. A folder may be relative to ``base_dir`` (default: the current folder) or begin with ~.

    A folder that exists comes before a name of the hub that looks the same. Raises ``ModelError`` for a name that is
    none of the three, and for a preset of the other role.
    """
    if preset := find(model):
        if preset.role != role:
            raise ModelError(
                f"{preset.name} is a model for {_DOES[preset.role]}, not for {_DOES[role]}",
                kind="unknown",
                hint=f"presets for {_DOES[role]}: {', '.join(_names(role))}",
            )
        return Located(preset.model, None, preset)
    folder = _folder(model, base_dir)
    if model and (_PATH.match(model) or folder.is_dir()):
        folder = folder.resolve()
        return Located(str(folder), folder, None)
    if _HUB.fullmatch(model):
        return Located(model, None, None)
    near = get_close_matches(model.lower(), _names(role), n=1)
    raise ModelError(
        f"there is no model {model!r}" if model else f"no model for {_DOES[role]} is named",
        kind="unknown",
        hint=(f"did you mean {near[0]!r}? " if near else "") + WHAT_NAMES,
    )


def revised(name: str, base_dir: Path | None = None) -> tuple[str, str]:
    """Model and revision of ``NAME@REVISION``, '' without one; a folder has none, whatever signs its path has."""
    match = _REVISED.fullmatch(name)
    return (match[1], match[2]) if match and not _folder(name, base_dir).is_dir() else (name, "")


def _folder(model: str, base_dir: Path | None) -> Path:
    path = Path(model)
    with suppress(RuntimeError):  # ~ of a user that there is not
        path = path.expanduser()
    return (base_dir or Path()) / path


_DOES = {"reranker": "reranking", "embedder": "embedding"}


def _names(role: Role) -> list[str]:
    return [each.name for each in presets().values() if each.role == role]
