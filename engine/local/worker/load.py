"""From a model's name to a loaded model: its files, whether it fits, its weights. Imports torch when it is called."""

from __future__ import annotations

from pathlib import Path

from engine.local.base import ModelSpec
from engine.local.messages import Configure
from engine.local.models.cache import cache_folder
from engine.local.models.fetch import fetch
from engine.local.worker.slots import Model, OnProgress


class ModelLoader:
    """Loads what a spec names, as the settings of the host say."""

    def __init__(self, configure: Configure) -> None:
        self._configure = configure
        self._ready = False

    def __call__(self, spec: ModelSpec, progress: OnProgress) -> Model:
        """Raises ``ModelError``, ``ImportError`` without torch or transformers, ``Stopped`` by way of ``progress``."""
        cache = cache_folder(self._configure.cache_dir)
        folder = fetch(spec, cache, self._configure.offline, progress)
        progress("import", 0, 0)
        self._prepare()
        if spec.role == "embedder":
            from engine.local.worker.encoding.load import load_encoder

            return load_encoder(spec, folder, progress)
        return self._reranker(spec, folder, progress)

    @staticmethod
    def _reranker(spec: ModelSpec, folder: Path, progress: OnProgress) -> Model:
        from engine.local.worker.scoring.load import load_scorer

        return load_scorer(spec, folder, progress)

    def _prepare(self) -> None:
        """Import torch, once, and bound its threads."""
        if self._ready:
            return
        import torch

        if self._configure.threads:
            torch.set_num_threads(self._configure.threads)
        self._ready = True
