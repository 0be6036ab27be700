"""What ``rankscope models`` tells and does: which models there are, which are here or loaded, and fetching one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from console.locations import locations
from console.numbers import count
from console.opening import Wanted, load_settings
from console.output import emit, encoded, grid, json_bytes, note
from console.progress import Bar
from console.resident import Resident, residents
from engine.errors import ModelError
from engine.local.base import Role
from engine.local.models import cache, fetch
from engine.local.models.catalogue import Preset, find, presets
from engine.local.models.files import check_folder, read_config
from engine.local.models.resolve import Located, locate
from engine.settings.load import Loaded

_DOES = {"reranker": "rerank", "embedder": "embed"}
_MB = 1_000_000


def list_models(names: Sequence[str], wanted: Wanted, *, here: bool, as_json: bool) -> None:
    """Print the table: presets, and other models of the cache that rerank or embed. Raises ``ModelError`` for a name
    that names nothing."""
    loaded = load_settings(wanted)
    folder, running = _cache(loaded), residents(locations().cache)
    rows = model_rows(folder, running)
    if names:
        places = {place.name: place for name in names for place in [locate(name, _role(name), loaded.base_dir)]}
        rows = [row for place in places.values() for row in _rows_of(place, rows, folder, running)]
    rows = [row for row in rows if row["state"] != "absent" or not here]
    if as_json:
        emit(json_bytes(rows))
        return
    header = ["name", "does", "parameters", "here", "loaded", "suits"]
    lines = (
        [row["name"], _DOES[row["role"]], _parameters(row), _here(row), _loaded(row), row["suits"]] for row in rows
    )
    emit(encoded(grid(header, lines, numeric=["parameters"])))
    note(f"{len(rows)} models; those of the hub are kept in {folder}; `rankscope models fetch NAME` gets one")


def _rows_of(
    place: Located, rows: Sequence[dict[str, Any]], folder: Path, loaded: Sequence[Resident]
) -> list[dict[str, Any]]:
    """The row of a model that was named: of the table where it is a model of the hub there, else one of its own. Raises
    ``ModelError`` for a folder that there is not."""
    if place.folder is None:
        named = [row for row in rows if row["model"].lower() == place.name.lower()]
        found = None if named else cache.snapshot(folder, place.name)
    else:
        if not place.folder.is_dir():
            check_folder(place.folder)
        named, found = [], cache.held(place.folder, place.name)
    preset = found and _described(found)
    return named or [_row(preset or _unlisted(place.name, _role(place.name), "", 0), found, loaded)]


def model_rows(folder: Path, loaded: Sequence[Resident]) -> list[dict[str, Any]]:
    """Every preset, every other reranker or embedder in the cache, and folders that are loaded, as JSON has it."""
    found = {each.model.lower(): each for each in cache.models(folder)}
    rows = [_row(each, found.pop(each.model.lower(), None), loaded) for each in presets().values()]
    rows += [_row(preset, each, loaded) for each in found.values() if (preset := _described(each)) is not None]
    known = {(row["model"].lower(), row["role"]) for row in rows}
    others = {(model.model, model.role): model for each in loaded for model in each.models}
    rows += [
        _row(_unlisted(model.model, model.role, model.family, model.max_tokens), None, loaded)
        for (name, role), model in others.items()
        if (name.lower(), role) not in known
    ]
    return rows


def _described(each: cache.Cached) -> Preset | None:
    """What the files say of a model that no preset knows; None for one that neither reranks nor embeds."""
    config = _config(each)
    role: Role | None = "reranker" if "ForSequenceClassification" in str(config.get("architectures")) else None
    if role is None and (each.folder / "1_Pooling").is_dir():
        role = "embedder"
    if role is None:
        return None
    longest = config.get("max_position_embeddings")
    return _unlisted(each.model, role, str(config.get("model_type", "")), longest if isinstance(longest, int) else 0)


def _config(found: cache.Cached) -> Mapping[str, Any]:
    """What the files say of themselves; nothing where they are damaged or not here yet."""
    try:
        return read_config(found.folder)
    except ModelError:
        return {}


def _unlisted(name: str, role: Role, family: str, max_tokens: int) -> Preset:
    """A row for a model of no preset."""
    return Preset(
        name=name,
        model=name,
        role=role,
        family=family,
        parameters=0,
        max_tokens=max_tokens,
        languages="",
        suits="",
        licence="",
    )


def _row(preset: Preset, found: cache.Cached | None, loaded: Sequence[Resident]) -> dict[str, Any]:
    running = [
        {
            "worker": each.worker,
            "memory_bytes": each.memory_bytes,
            "dtype": model.dtype,
            "device": model.device,
            "backend": model.backend,
            "weights_bytes": model.weights_bytes,
            "revision": model.revision,
        }
        for each in loaded
        for model in each.models
        if model.model.lower() == preset.model.lower() and model.role == preset.role
    ]
    state = "absent" if found is None else "cached" if found.complete else "partial"
    return {
        "name": preset.name,
        "model": preset.model,
        "role": preset.role,
        "family": preset.family,
        "parameters": round(preset.parameters * 1e6),
        "max_tokens": preset.max_tokens,
        "dimension": preset.dimension,
        "languages": preset.languages,
        "suits": preset.suits,
        "licence": preset.licence,
        "instruction": preset.instruction,
        "reranker": preset.reranker,
        "state": "loaded" if running else state,
        "revision": found.revision if found else "",
        "bytes": found.bytes + found.partial if found else 0,
        "dtype": _stored(found),
        "missing": list(found.missing) if found else [],
        "folder": str(found.folder) if found else "",
        "loaded": running,
    }


def _stored(found: cache.Cached | None) -> str:
    """The number format of the files, '' where they do not say."""
    if found is None:
        return ""
    config = _config(found)
    name = str(config.get("dtype") or config.get("torch_dtype") or "")
    return {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}.get(name, name)


def _parameters(row: Mapping[str, Any]) -> str:
    millions = row["parameters"] / 1e6
    if not millions:
        return "–"
    return f"{millions / 1000:.1f} B" if millions >= 1000 else f"{millions:.0f} M"


def _here(row: Mapping[str, Any]) -> str:
    if not row["bytes"]:
        return "–"
    size = f"{count(round(row['bytes'] / _MB))} MB {row['dtype']}".rstrip()
    return f"✓ {size}" if not row["missing"] else f"part: {size}"


def _loaded(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{each['dtype']} on {each['device']}" for each in row["loaded"]) or "–"


def fetch_model(name: str, revision: str, wanted: Wanted) -> None:
    """Download what is missing of the model, with a bar, going on where an earlier attempt stopped. Raises
    ``ModelError``."""
    loaded = load_settings(wanted)
    place = locate(name, _role(name), loaded.base_dir)
    if place.folder is not None:
        check_folder(place.folder)
        note(f"{place.folder} is a whole model already; nothing to fetch")
        return
    if loaded.settings.remote.offline:
        raise ModelError(
            f"offline: {place.name} is on the internet, and nothing may leave this machine",
            kind="offline",
            hint="drop --offline (remote.offline)",
        )
    start = time.monotonic()
    with Bar() as bar:
        try:
            folder = fetch.download(
                place.name, revision, _cache(loaded), lambda step, done, total: _show(bar, place.name, done, total)
            )
        except KeyboardInterrupt:
            bar.note("what was downloaded stays; the same command goes on from there")
            raise
    seconds = time.monotonic() - start
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    note(f"{place.name} at {folder.name[:12]}: {count(round(size / _MB))} MB in {folder}, {seconds:.0f} s")
    about = place.preset or _described(cache.held(folder, place.name))
    for line in _use(place.preset or name, about.role) if about else ():
        note(line)


def _show(bar: Bar, model: str, done: int, total: int) -> None:
    bar.at(f"{model.rpartition('/')[2]}, MB", done // _MB, max(1, total // _MB))


def _use(model: Preset | str, role: Role) -> Iterator[str]:
    """How the model is put to use."""
    name = model.name if isinstance(model, Preset) else model
    if role == "reranker":
        yield f"use it: --set rerank.provider=local --set rerank.model={name}"
    else:
        yield f"use it: rankscope index SOURCE --into DIR --embedder local/{name}"


def _role(name: str) -> Role:
    preset = find(name)
    return preset.role if preset else "reranker"


def _cache(loaded: Loaded) -> Path:
    return cache.cache_folder(loaded.settings.local.cache_dir, base_dir=loaded.base_dir)
