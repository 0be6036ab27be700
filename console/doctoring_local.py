"""What ``rankscope doctor`` checks of a model on this machine: the packages it needs and its files. Nothing is
downloaded, and what is whole is then asked as any service is."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from console.findings import Finding
from console.numbers import count
from engine.errors import ModelError
from engine.local.base import Role
from engine.local.models.cache import whole
from engine.local.models.files import check_folder
from engine.local.models.resolve import Located, locate

_PACKAGES = ("torch", "transformers")


def packages() -> Finding:
    """Whether what local models need is installed."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            return Finding("local models", False, f"{name} is not installed", "pip install 'rankscope[local]'")
    return Finding("local models", True, ", ".join(found))


def files(what: str, model: str, role: Role, revision: str, cache: Path, base_dir: Path | None) -> Finding:
    """Whether the model's files are on this machine; ``ok`` is None for one of the hub that is not here yet."""
    what = f"{what}, files"
    try:
        place = locate(model, role, base_dir)
        if place.folder is not None:
            check_folder(place.folder)
            return Finding(what, True, str(place.folder))
    except ModelError as error:
        return Finding.failed(what, error)
    if (found := whole(cache, place.name, revision)) is not None:
        return Finding(what, True, f"{place.name} at {found.revision[:12]}, {count(round(found.bytes / 1e6))} MB")
    return Finding(what, None, ", ".join(_absent(place)), f"rankscope models fetch {place.name}")


def _absent(place: Located) -> Iterator[str]:
    yield f"{place.name} is not on this machine yet and is downloaded with its first use"
    if place.preset is not None:
        yield f"{place.preset.parameters:g} million parameters"
