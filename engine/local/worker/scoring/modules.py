"""Cross-encoders in the manner of sentence-transformers' modules: an encoder, and the layers of the score in folders of
their own (the Ettin rerankers).

Dense, LayerNorm and Dense after the pooling are what ModernBERT's own classifier is, so they take its place and every
backend runs the model as it runs the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import RerankerError
from engine.local.worker.encoding.layers import build
from engine.local.worker.encoding.layout import Layout, read_layout

PARTS = ("head.", "classifier.")
"""What transformers calls the layers that are replaced."""


def score_modules(folder: Path, config: Any) -> Layout | None:
    """The folder's layers where they end in a score; the config is then made to say so. None for any other model.

    Raises ``RerankerError`` for an architecture whose classifier has another shape.
    """
    if not (folder / "modules.json").is_file():
        return None
    layout = read_layout(folder)
    if not layout.layers or int(layout.layers[-1].config.get("out_features", 0)) != 1:
        return None
    if config.model_type != "modernbert" or layout.poolings not in (("cls",), ("mean",)):
        raise RerankerError(
            f"{folder.name} scores by modules on a {config.model_type}, which cannot be computed here",
            hint="those on a ModernBERT, pooled by its first token or their mean, can",
        )
    config.num_labels, config.classifier_pooling = 1, layout.poolings[0]
    return layout


def put_on(model: Any, layout: Layout, dtype: torch.dtype) -> None:
    """The folder's layers in the place of the model's own head."""
    *before, last = (build(layer).to(dtype) for layer in layout.layers)
    model.head, model.classifier = nn.Sequential(*before), last
