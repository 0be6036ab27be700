"""What the Hugging Face cache on this machine holds, read from its folders: ``models--ORG--NAME/snapshots/COMMIT``.

The layout is that of huggingface_hub (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): files of a
snapshot are links to ``blobs``, ``refs/BRANCH`` holds a commit, and a download in progress ends in ``.incomplete``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.local.models.files import missing_files

_PREFIX = "models--"


@dataclass(frozen=True, slots=True)
class Cached:
    """A model in the cache. ``bytes`` are what its files take on disk, ``missing`` what it lacks ('' parts: nothing),
    ``partial`` the bytes of downloads that were broken off."""

    model: str
    revision: str
    folder: Path
    bytes: int
    missing: tuple[str, ...] = ()
    partial: int = 0

    @property
    def complete(self) -> bool:
        return not self.missing


def cache_folder(setting: str = "", environ: Mapping[str, str] | None = None, base_dir: Path | None = None) -> Path:
    """Where models are kept: the setting ``local.cache_dir``, else where huggingface_hub keeps them."""
    variables = os.environ if environ is None else environ
    if setting:
        return ((base_dir or Path()) / Path(setting).expanduser()).resolve()
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if place := variables.get(name):
            return Path(place).expanduser() / below
    home = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "huggingface" / "hub"


def model_folder(cache: Path, model: str) -> Path:
    """Where the cache keeps the model."""
    return cache / (_PREFIX + model.replace("/", "--"))


def models(cache: Path) -> list[Cached]:
    """Every model in the cache with its newest revision, by name."""
    if not cache.is_dir():
        return []
    names = sorted(child.name for child in cache.iterdir() if child.name.startswith(_PREFIX) and child.is_dir())
    found = (snapshot(cache, name.removeprefix(_PREFIX).replace("--", "/")) for name in names)
    return [each for each in found if each is not None]


def snapshot(cache: Path, model: str, revision: str = "") -> Cached | None:
    """The model's files at ``revision`` (a branch, a tag or a commit; '' the newest), None where there are none."""
    root = model_folder(cache, model)
    folder = _snapshot_folder(root, revision)
    partial = sum(file.stat().st_size for file in (root / "blobs").glob("*.incomplete"))
    if folder is None:
        return Cached(model, "", root, 0, ("everything",), partial) if partial else None
    return held(folder, model, folder.name, partial)


def held(folder: Path, model: str, revision: str = "", partial: int = 0) -> Cached:
    """What a folder of the cache, or any other, holds of the model."""
    blobs = {file.resolve() for file in folder.rglob("*") if file.is_file()}  # equal files are one
    size = sum(file.stat().st_size for file in blobs)
    try:
        missing = missing_files(folder)
    except ModelError as error:
        missing = (error.message,)
    return Cached(model, revision, folder, size, missing, partial)


def whole(cache: Path, model: str, revision: str = "") -> Cached | None:
    """The same where nothing of it is missing, else None."""
    found = snapshot(cache, model, revision)
    return found if found is not None and found.complete else None


def _snapshot_folder(root: Path, revision: str) -> Path | None:
    snapshots, reference = root / "snapshots", root / "refs" / (revision or "main")
    if reference.is_file():
        found = snapshots / reference.read_text().strip()
        return found if found.is_dir() else None
    if revision:
        matching = sorted(snapshots.glob(f"{revision}*")) if revision.isalnum() else []
        return matching[0] if len(matching) == 1 else None
    folders = [each for each in snapshots.glob("*") if each.is_dir()]
    return max(folders, key=lambda each: each.stat().st_mtime, default=None)
