"""The models that have a short name: ``models.toml`` as records."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from engine.local.base import Role


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model; what each key means stands at the top of ``models.toml``. ``parameters`` are in millions."""

    name: str
    model: str
    role: Role
    family: str
    parameters: float
    max_tokens: int
    languages: str
    suits: str
    licence: str
    dimension: int = 0
    instruction: str = ""
    query: str = ""
    passage: str = ""
    reranker: str = ""


@cache
def presets() -> Mapping[str, Preset]:
    """Every preset by name, in the file's order."""
    with (Path(__file__).parent / "models.toml").open("rb") as file:
        rows = tomllib.load(file)
    return {name: msgspec.convert({"name": name, **row}, Preset) for name, row in rows.items()}


def find(model: str) -> Preset | None:
    """The preset of that short name or hub name, None for any other model. Case does not matter, as on the hub."""
    wanted = model.lower()
    return next((each for each in presets().values() if wanted in (each.name, each.model.lower())), None)
