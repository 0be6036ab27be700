"""One vector of a text's token vectors, as sentence-transformers' ``Pooling`` does it; sums in fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)


def _mean_sqrt(hidden: Tensor, mask: Tensor) -> Tensor:
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9).sqrt()


def _weighted(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask * torch.arange(1, hidden.shape[1] + 1, device=hidden.device, dtype=hidden.dtype)[None, :, None]
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def _max(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden.masked_fill(mask == 0, float("-inf")).amax(1)


def _first(hidden: Tensor, mask: Tensor) -> Tensor:
    return _row(hidden, mask[..., 0].argmax(1))


def _last(hidden: Tensor, mask: Tensor) -> Tensor:
    return _row(hidden, hidden.shape[1] - 1 - mask[..., 0].flip(1).argmax(1))


def _row(hidden: Tensor, index: Tensor) -> Tensor:
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), index]


_POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted,
    "lasttoken": _last,
}


def pool(names: Sequence[str], hidden: Tensor, mask: Tensor) -> Tensor:
    """float32[n, d · len(names)] of token vectors [n, tokens, d] and a mask [n, tokens] of those that count."""
    hidden, weights = hidden.float(), mask.to(torch.float32).unsqueeze(-1)
    return torch.cat([_POOLINGS[name](hidden, weights) for name in names], dim=-1)
