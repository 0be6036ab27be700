"""From a model's name to a loaded model: its files, whether it fits, its weights. Imports torch when it is called."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.local.base import ModelSpec
from engine.local.messages import Configure
from engine.local.models.fetch import fetch
from engine.local.models.files import revision_of
from engine.local.models.memory import check_memory, estimate, free_memory
from engine.local.worker.slots import Model, OnProgress

_BUDGETS = {"cuda": 16_384, "mps": 4_096}
"""Tokens of a pass that the workspace is estimated for, where nobody says."""


class ModelLoader:
    """Loads what a spec names, as the settings of the host say."""

    def __init__(self, configure: Configure) -> None:
        self._configure = configure
        self._ready = False

    def __call__(self, spec: ModelSpec, progress: OnProgress) -> Model:
        """Raises ``ModelError``, ``ImportError`` without torch or transformers, ``Stopped`` by way of ``progress``."""
        cache = Path(self._configure.cache_dir)
        folder = fetch(spec, cache, self._configure.offline, progress)
        spec = msgspec.structs.replace(spec, revision=revision_of(folder))
        progress("import", 0, 0)
        self._prepare()
        self._check_memory(spec, folder)
        if spec.role == "embedder":
            from engine.local.worker.encoding.load import load_encoder

            return load_encoder(spec, folder, progress)
        from engine.local.worker.scoring.load import load_scorer

        return load_scorer(spec, folder, progress)

    @staticmethod
    def _check_memory(spec: ModelSpec, folder: Path) -> None:
        """Refuse what does not fit, before anything of it is read. Of a CUDA device any may take a share."""
        import torch

        from engine.local.worker.scoring.dtype import NAMES, device_of, dtype_of

        device = device_of(spec.device)
        dtype = "int8" if spec.dtype == "int8" else NAMES[dtype_of(spec.dtype, device, torch.float32)]
        free = free_memory()
        if device.type == "cuda":
            devices = range(torch.cuda.device_count()) if spec.device in ("auto", "cuda") else [device]
            free = sum(torch.cuda.mem_get_info(each)[0] for each in devices)
        budget = spec.budget or _BUDGETS.get(device.type, 1024)
        check_memory(spec.model, estimate(folder, spec.role, dtype, budget), free, str(device))

    def _prepare(self) -> None:
        """Import torch, once, and bound its threads."""
        if self._ready:
            return
        import torch

        if self._configure.threads:
            torch.set_num_threads(self._configure.threads)
        self._ready = True
