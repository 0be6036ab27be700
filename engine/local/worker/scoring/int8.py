"""Weights as int8 with one scale per row; activations stay as they are.

Dynamic int8 (activations too, one range for a whole batch) is refused: measured on a trained cross-encoder, the same
pair moved by up to 6.3 logits with its batch mates. Here every product is of one token with one rounded weight row, so
a score cannot depend on its neighbours, and the only error is the rounding: at most half of 1/127 of a row's largest
weight each. It halves the memory of bf16; weights are widened as they are used, so it is no faster.
"""

from __future__ import annotations

import torch
from torch import nn

LARGEST = 127


class Int8Linear(nn.Module):
    """A linear layer whose weight is int8[out, in] times float32[out]. int8 is exact in bf16, fp16 and fp32, and the
    scale is applied to the product, so only the rounding of the weights is lost."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
        self.register_buffer("weight", (weight / scale[:, None]).round_().to(torch.int8))
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())

    weight: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor | None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        product = nn.functional.linear(hidden, self.weight.to(hidden.dtype)) * self.scale.to(hidden.dtype)
        return product if self.bias is None else product + self.bias.to(product.dtype)


def quantise(layers: nn.ModuleList) -> None:
    """Replaces every linear layer inside the transformer's layers. Embeddings and the score head stay as they are: a
    rounded score row gives rounded scores."""
    for layer in layers:
        for parent in list(layer.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(parent, name, Int8Linear(child))
