"""What ``rankscope config …`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from console.exit_codes import ExitCode, describe
from console.locations import locations, sample_configs_dir, themes_dir
from console.opening import Wanted, load_settings
from console.output import emit, encoded, grid, json_bytes, note
from engine import secrets
from engine.errors import SettingsError, UsageError
from engine.files import write_atomically
from engine.rerankers.remote.keys import key_source
from engine.rerankers.remote.providers import provider
from engine.settings import knobs
from engine.settings.document import template
from engine.settings.load import Loaded
from engine.settings.paths import join, quote, split
from engine.settings.schema import Settings

STDOUT = Path("-")


def show_settings(names: Sequence[str], wanted: Wanted, *, changed: bool, as_json: bool) -> None:
    """Every value, or those at and below the names, with its source. Raises ``SettingsError`` for unknown names."""
    loaded = load_settings(wanted)
    for name in names:
        knobs.get(loaded.settings, name)
    rows = [row for row in values(loaded) if _asked(row["name"], names) and not (changed and row["kind"] == "default")]
    if as_json:
        emit(json_bytes(rows))
    else:
        emit(encoded(grid(["name", "value", "source"], ([r["name"], _toml(r["value"]), _told(r)] for r in rows))))


def values(loaded: Loaded) -> list[dict[str, Any]]:
    """Name, value, kind of source and source of every setting; secrets and credentials in addresses are masked, and
    ``key_from`` says where a secret is kept, '' for nowhere."""
    rows = []
    for keys, value, shape in knobs.leaves(loaded.settings):
        name = join(keys)
        source = loaded.source(name)
        secret = shape.knob is not None and shape.knob.secret
        shown = value
        if isinstance(value, str):
            shown = secrets.shown_setting(value, secret=secret)
        row = {"name": name, "value": shown, "kind": source.kind.value, "source": str(source)}
        if secret and isinstance(value, str):
            row["key_from"] = _kept(name, value, loaded.settings)
        rows.append(row)
    return rows


def _kept(name: str, value: str, settings: Settings) -> str:
    """Where a secret setting's value is, or the variable that a provider's key is taken from instead."""
    match split(name):
        case ("rerank", "api_key"):
            of = settings.rerank.provider
        case ("rerank", "cascade", stage, "api_key"):
            of = settings.rerank.cascade[stage].provider
        case ("providers", of, "api_key"):
            pass
        case _:
            of = ""
    row = provider(of, settings.providers)
    place = value if secrets.is_reference(value) else value and "settings"
    if row is not None:
        place = key_source(row, value)
    return secrets.told_source(place) if place else ""


def _told(row: Mapping[str, Any]) -> str:
    """The source of a value; behind it, of a key, where the key itself is."""
    kept = row.get("key_from")
    return f"{row['source']}; key: {kept}" if kept else row["source"]


def _asked(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(split(name)[: len(split(one))] == split(one) for one in wanted)


def _toml(value: Any) -> str:
    """A value as a settings file has it; JSON's texts, numbers and lists are TOML's as well."""
    import msgspec

    if isinstance(value, dict):
        return f"{{ {', '.join(f'{quote(key)} = {_toml(inner)}' for key, inner in value.items())} }}"
    return msgspec.json.encode(value).decode()


def validate_files(files: Sequence[Path], wanted: Wanted) -> ExitCode:
    """Load each file, or the settings as they are; tell what is wrong with each."""
    code = ExitCode.OK
    for one in [Wanted(file, wanted.index, wanted.sets) for file in files] or [wanted]:
        try:
            loaded = load_settings(one)
        except SettingsError as error:
            for line in describe(error):
                note(line)
            code = ExitCode.USAGE
        else:
            own = loaded.file if loaded.file and loaded.file.exists() else "the defaults"
            note(f"{one.config or own}: ok")
    return code


def write_template(file: Path | None, *, force: bool) -> None:
    """The commented file, to a path or to stdout. Raises ``UsageError`` rather than write over one."""
    if file == STDOUT:
        emit(template().encode())
        return
    target = file or locations().settings_file
    if target.exists() and not force:
        raise UsageError(f"{target} is there already", hint="--force writes over it; `config init FILE` names another")
    write_atomically(target, template())
    note(f"written: {target}")


def show_places(*, as_json: bool) -> None:
    """Name, path and whether it is there."""
    places = locations()
    found = {
        "settings": places.settings_file,
        "keymap": places.keymap_file,
        "themes": places.user_themes,
        "indexes": places.indexes,
        "demo index": places.demo_index,
        "history": places.history_file,
        "judgments": places.judgments,
        "cache": places.cache,
        "log": places.log_file,
        "shipped themes": themes_dir(),
        "sample settings": sample_configs_dir(),
    }
    if as_json:
        emit(json_bytes({name: {"path": str(path), "exists": path.exists()} for name, path in found.items()}))
    else:
        rows = ([name, str(path), "" if path.exists() else "not there yet"] for name, path in found.items())
        emit(encoded(grid(["what", "path", ""], rows)))
