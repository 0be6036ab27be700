"""Tiny cross-encoders, each written once, and scorers of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.local.base import ModelSpec
from engine.local.worker.scoring.load import load_scorer
from engine.local.worker.scoring.scorer import LocalScorer
from tests.tiny_models import tiny_reranker

Load = Callable[..., LocalScorer]

torch.set_num_threads(1)  # models this small gain nothing from a second, and threads that wait for it spin


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    made: dict[str, Path] = {}

    def folder(family: str, **overrides: Any) -> Path:
        key = "-".join([family, *(f"{name}-{value}" for name, value in overrides.items())]).replace("/", "")
        if key not in made:
            made[key] = tiny_reranker(tmp_path_factory.mktemp("rerankers") / key, family, **overrides)
        return made[key]

    return folder


@pytest.fixture(scope="session")
def load(folder_of: Callable[..., Path]) -> Load:
    """A scorer of a family's tiny model; keywords are the spec's, ``overrides`` the config's."""

    def load(
        family: str, overrides: dict[str, Any] | None = None, folder: Path | None = None, **spec: Any
    ) -> LocalScorer:
        where = folder or folder_of(family, **(overrides or {}))
        asked = {"role": "reranker", "model": where.name, "dtype": "fp32", "device": "cpu"} | spec
        return load_scorer(ModelSpec(**asked), where, lambda *_: None)

    return load
