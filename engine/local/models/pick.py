"""The reranker that goes with an embedder, where the settings name none."""

from __future__ import annotations

from engine.local.models.catalogue import find


def matching_reranker(embedder: str, fallback: str = "minilm-l6") -> str:
    """The reranker's preset that goes with an embedder of that name (``local/`` before it or not): its own family's
    where there is one, of about its size; ``fallback`` for an embedder that no preset knows."""
    preset = find(embedder.removeprefix("local/").partition("@")[0])
    return preset.reranker if preset and preset.reranker else fallback
