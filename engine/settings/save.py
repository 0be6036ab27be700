"""Saving: a new file holds what differs from the defaults, an existing one is edited in place.

Comments, order and spelling of what did not change stay as they are. The file is written beside its place and moved
over it, so that a crash leaves the old one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from engine.errors import SettingsConflictError, SettingsError
from engine.files import write_atomically
from engine.secrets import is_reference, mask
from engine.settings import knobs
from engine.settings.load import Loaded, digest, moved, parse_toml
from engine.settings.merge import Source, SourceKind
from engine.settings.paths import Keys, join
from engine.settings.schema import Settings
from engine.settings.shape import ROOT, Shape, child, kinds_of

Tree = dict[str, Any]
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What was written: the file, the unified diff (secrets masked), and the settings as they now stand loaded."""

    path: Path
    diff: str
    loaded: Loaded


def difference(loaded: Loaded, settings: Settings, path: Path, *, header: str = "") -> str:
    """The unified diff that ``save`` would make, '' for none. Secrets are masked."""
    old = _read(path)
    return _diff(path, old, _new_text(loaded, settings, path, old, header)[0])


def save(
    loaded: Loaded, settings: Settings, path: Path | None = None, *, overwrite: bool = False, header: str = ""
) -> SaveResult:
    """Writes ``settings`` to ``path`` (default: ``loaded.file``); ``header`` is a comment for a new file.

    Relative paths are rewritten for the file's folder. Keys that came from a variable or ``--set`` as plain text are
    left out. Raises ``SettingsConflictError`` where the file changed since it was read, unless ``overwrite``.
    """
    target = path or loaded.file
    if target is None:
        raise SettingsError("there is no file to save to", hint="name one")
    old = _read(target)
    if not overwrite and old and _same(target, loaded.file) and loaded.digest != _digest_of(target):
        raise SettingsConflictError(
            f"{target} has changed on disk since it was read", hint="reload it, or save again with overwrite"
        )
    new, rebased = _new_text(loaded, settings, target, old, header)
    if new != old:
        try:
            write_atomically(target, new)
        except OSError as error:
            raise SettingsError(
                f"cannot write {target}: {error.strerror}", hint="the file is as it was; save elsewhere"
            ) from error
    return SaveResult(target, _diff(target, old, new), _reloaded(loaded, rebased, target))


def _reloaded(loaded: Loaded, settings: Settings, file: Path) -> Loaded:
    """What loading the file would now give: every value that is set, or differs from the defaults, comes from it,
    except for secrets that were not written."""
    written = Source(SourceKind.FILE, str(file))
    sources: dict[str, Source] = {}
    for keys, value, shape in knobs.leaves(settings):
        name = join(keys)
        if shape.knob and shape.knob.secret and _not_to_keep(loaded, keys, value):
            sources[name] = loaded.source(name)
        elif loaded.explicit(name) or _unusual(settings, name):
            sources[name] = written
    return replace(
        loaded,
        settings=settings,
        sources=sources,
        file=file,
        base_dir=_folder(file),
        digest=_digest_of(file),
    )


def _unusual(settings: Settings, path: str) -> bool:
    try:
        return bool(knobs.get(settings, path) != knobs.get(Settings(), path))
    except SettingsError:
        return True


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}", hint="save elsewhere") from error


def _digest_of(path: Path) -> str:
    return digest(path.read_bytes()) if path.exists() else ""


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and os.path.realpath(one) == os.path.realpath(other)


def _folder(path: Path) -> Path:
    return Path(os.path.abspath(path)).parent


def _diff(path: Path, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{path} (on disk)" if old else "/dev/null", str(path), lineterm=""
    )
    return mask("\n".join(lines))


def _new_text(loaded: Loaded, settings: Settings, path: Path, old: str, header: str) -> tuple[str, Settings]:
    """The file's new text, and the settings with their paths made relative to it."""
    rebased = _rebase(settings, loaded.base_dir, _folder(path))
    text = old.removeprefix(_BOM).replace("\r\n", "\n")
    present = parse_toml(text, str(path))
    wanted = _wanted(loaded, rebased, present)
    if not text.strip():
        comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
        return text + (comment + "\n" if comment else "") + tomli_w.dumps(wanted), rebased
    from engine.settings.edit import edit

    new = edit(text, wanted)
    if parse_toml(new, str(path)) != wanted:
        raise SettingsError(f"{path} is laid out in a way that cannot be edited in place", hint="save elsewhere")
    if "\r\n" in old:
        new = new.replace("\n", "\r\n")
    return (_BOM if old.startswith(_BOM) else "") + new, rebased


def _rebase(settings: Settings, old: Path, new: Path) -> Settings:
    if old == new:
        return settings
    rebased = {
        join(keys): moved(shape.knob, value, lambda path: _relative(old / path, new))
        for keys, value, shape in knobs.leaves(settings)
        if shape.knob and isinstance(value, str)
    }
    return knobs.replace_all(settings, rebased)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return str(path)


def _wanted(loaded: Loaded, settings: Settings, present: Mapping[str, Any]) -> Tree:
    """What the file has to hold: what it names already, and what differs from the defaults or the layers below it."""
    kinds = kinds_of(settings)

    def build(shape: Shape, keys: Keys, now: Any, default: Any, below: Any, held: Any) -> Tree:
        tree: Tree = {}
        names = now if isinstance(now, dict) else now.__struct_fields__
        for name in names:
            value, inner = _item(now, name), child(shape, name, kinds)
            assert inner is not None
            there = held.get(name) if isinstance(held, dict) else None
            usual, lower = _default(shape, keys, name, inner, default), _item(below, name)
            if inner.form in ("table", "tables"):
                table = build(inner, (*keys, name), value, usual, lower, there)
                emptied = inner.form == "tables" and there  # the last of its tables goes with its name
                if table or (there is not None and not emptied):
                    tree[name] = table
            elif inner.knob and inner.knob.secret and _not_to_keep(loaded, (*keys, name), value):
                if there is not None:
                    tree[name] = there
            elif there is not None or value != usual or (lower is not None and value != lower):
                tree[name] = msgspec.to_builtins(value)
        return tree

    return build(ROOT, (), settings, Settings(), loaded.below, present)


def _item(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, dict) else getattr(node, name, None)


def _default(parent: Shape, keys: Keys, name: str, inner: Shape, default: Any) -> Any:
    """What stands at ``name`` when the file does not say: a leg's kind is its name, its other keys follow its kind."""
    if parent.form == "tables":
        return inner.type(**{info.name: None for info in msgspec.structs.fields(inner.type) if info.required})
    return keys[-1] if keys[:1] == ("legs",) and name == "kind" else _item(default, name)


def _not_to_keep(loaded: Loaded, keys: Keys, value: str) -> bool:
    transient = loaded.source(join(keys)).kind in (SourceKind.ENVIRONMENT, SourceKind.SET)
    return transient and not is_reference(value)
