"""From a model's name to a loaded model: its files, whether it fits, its weights. Imports torch when it is called."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.local.base import ModelSpec
from engine.local.messages import Configure
from engine.local.models.fetch import fetch
from engine.local.models.files import revision_of
from engine.local.models.memory import Need, check_memory, estimate, free_memory
from engine.local.worker.slots import Model, OnProgress

_BUDGETS = {"cuda": 16_384, "mps": 4_096}
"""Tokens of a pass that the workspace is estimated for, where nobody says."""


def load_model(configure: Configure, spec: ModelSpec, progress: OnProgress) -> Model:
    """What the spec names. Raises ``ModelError`` and its kin, ``ImportError`` without torch or transformers, torch's
    own errors, and ``Stopped`` by way of ``progress``."""
    folder = fetch(spec, Path(configure.cache_dir), configure.offline, progress)
    spec = msgspec.structs.replace(spec, revision=revision_of(folder))
    progress("import", 0, 0)
    import torch

    if configure.threads:
        torch.set_num_threads(configure.threads)
    _check_memory(spec, folder)
    if spec.role == "embedder":
        from engine.local.worker.encoding.load import load_encoder

        return load_encoder(spec, folder, progress)
    from engine.local.worker.scoring.load import load_scorer

    return load_scorer(spec, folder, progress)


def _check_memory(spec: ModelSpec, folder: Path) -> None:
    """Refuse what does not fit, before anything of it is read."""
    import torch

    from engine.local.worker.scoring.dtype import NAMES, device_of, dtype_of

    device = device_of(spec.device)
    dtype = "int8" if spec.dtype == "int8" else NAMES[dtype_of(spec.dtype, device, torch.float32)]
    free = free_memory()
    if device.type == "cuda":
        devices = range(torch.cuda.device_count()) if spec.device in ("auto", "cuda") else [device]
        free = sum(torch.cuda.mem_get_info(each)[0] for each in devices)
    budget = spec.budget or _BUDGETS.get(device.type, 1024)
    need = estimate(folder, spec.role, dtype, budget)
    check_memory(spec.model, need, free, str(device))
    if device.type == "cuda":
        weights = Need(spec.role, dtype, need.weights)
        check_memory(spec.model, weights, free_memory(), "the main memory, through which it is read")
