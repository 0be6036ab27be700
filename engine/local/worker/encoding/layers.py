"""The layers between pooling and vector: Dense and LayerNorm, with the weights of their own folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.errors import ModelError
from engine.local.worker.encoding.layout import Layer

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (nn.Identity, nn.Tanh, nn.ReLU, nn.GELU, nn.SiLU, nn.Sigmoid)
}


class _Dense(nn.Module):
    """``linear`` and ``residual`` are named as the files name them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        wide, narrow = int(config["in_features"]), int(config["out_features"])
        self.linear = nn.Linear(wide, narrow, bias=bool(config.get("bias", True)))
        self.activation = _activation(str(config.get("activation_function", "Tanh")))
        self.adds = bool(config.get("use_residual"))
        self.residual = nn.Linear(wide, narrow, bias=False) if self.adds and wide != narrow else nn.Identity()

    def forward(self, vectors: Tensor) -> Tensor:
        out: Tensor = self.activation(self.linear(vectors))
        return out + self.residual(vectors) if self.adds else out


class _LayerNorm(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(int(config["dimension"]))

    def forward(self, vectors: Tensor) -> Tensor:
        out: Tensor = self.norm(vectors)
        return out


_KINDS: dict[str, type[_Dense] | type[_LayerNorm]] = {"Dense": _Dense, "LayerNorm": _LayerNorm}


def build(layer: Layer) -> nn.Module:
    """The layer in fp32, ready to compute. Raises ``ModelError`` where its weights are missing or do not fit."""
    module = _KINDS[layer.kind](layer.config)
    safe, pickled = layer.folder / "model.safetensors", layer.folder / "pytorch_model.bin"
    try:
        weights = load_file(safe) if safe.is_file() else torch.load(pickled, map_location="cpu", weights_only=True)
        module.load_state_dict(weights)
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"the weights of {layer.folder} cannot be loaded: {error}", kind="files", hint="fetch the model again"
        ) from error
    return module.float().eval()


def _activation(name: str) -> nn.Module:
    kind = _ACTIVATIONS.get(name.rpartition(".")[2])
    if kind is None:
        raise ModelError(
            f"there is no activation {name!r} for a Dense step", kind="files", hint=f"known: {', '.join(_ACTIVATIONS)}"
        )
    return kind()
