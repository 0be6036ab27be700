"""Attention over sequences laid end to end, each to its own keys alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa


@dataclass(slots=True)
class Spans:
    """Where the sequences of a batch lie: sequence i has queries ``[q[i], q[i + 1])`` and keys ``[k[i], k[i + 1])``.

    ``causal`` aligns the last query with the last key, as a continued sequence needs. ``half_window``: a key is seen
    up to that far on either side, where queries are as many as keys; None: all.
    """

    q: Sequence[int]
    k: Sequence[int]
    causal: bool = False
    half_window: int | None = None
    _cuda: tuple[torch.Tensor, torch.Tensor] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, queries: Sequence[int], keys: Sequence[int], causal: bool = False) -> Spans:
        return cls(_ends(queries), _ends(keys), causal)

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        if self._cuda is None:
            ends = (torch.tensor(each, dtype=torch.int32, device=device) for each in (self.q, self.k))
            first, second = ends
            self._cuda = first, second
        return self._cuda


def _ends(lengths: Sequence[int]) -> list[int]:
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return ends


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, spans: Spans) -> torch.Tensor:
    """query[nq, heads, d], key and value[nk, kv heads, d] → [nq, heads · d]. kv heads divide heads."""
    if takes_flash(query) and (kernel := flash_kernel()) is not None:
        return _flash(kernel, query, key, value, spans)
    out = torch.empty_like(query, memory_format=torch.contiguous_format)
    groups = query.shape[1] // key.shape[1]
    for at in range(len(spans.q) - 1):
        rows, seen = slice(spans.q[at], spans.q[at + 1]), slice(spans.k[at], spans.k[at + 1])
        q, k, v = query[rows], key[seen], value[seen]
        mask, plain = _mask(len(q), len(k), spans, query)
        if groups == 1:
            q, k, v = (each.transpose(0, 1)[None] for each in (q, k, v))
            out[rows] = sdpa(q, k, v, attn_mask=mask, is_causal=plain)[0].transpose(0, 1)
        else:  # kv heads as the batch, the heads that share one as its heads: keys and values are not copied
            q = q.reshape(len(q), -1, groups, q.shape[2]).permute(1, 2, 0, 3)
            k, v = (each.transpose(0, 1)[:, None].expand(-1, groups, -1, -1) for each in (k, v))
            out[rows] = sdpa(q, k, v, attn_mask=mask, is_causal=plain).permute(2, 0, 1, 3).flatten(1, 2)
    return out.flatten(1)


def _mask(queries: int, keys: int, spans: Spans, like: torch.Tensor) -> tuple[torch.Tensor | None, bool]:
    """The additive mask, or None, and whether it is the plain causal one."""
    if spans.causal:
        if queries == 1:
            return None, False
        if queries == keys:
            return None, True
        seen = torch.ones(queries, keys, dtype=torch.bool, device=like.device).tril(keys - queries)
    elif spans.half_window is not None and keys > spans.half_window + 1:
        place = torch.arange(keys, device=like.device)
        seen = (place[None] - place[:, None]).abs() <= spans.half_window
    else:
        return None, False
    return torch.zeros(queries, keys, dtype=like.dtype, device=like.device).masked_fill_(~seen, float("-inf")), False


@cache
def flash_kernel() -> Callable[..., Any] | None:
    """``torch.nn.attention.varlen.varlen_attn`` in the form called here, that of torch 2.12: 2.10 and 2.11 lack windows
    or shared heads, older ones have none, and some builds were made without it."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    known = {"window_size", "enable_gqa"} <= set(signature(varlen_attn).parameters)
    return varlen_attn if known and torch.backends.cuda.is_flash_attention_available() else None


def takes_flash(query: torch.Tensor) -> bool:
    """Whether the kernel computes such heads: halves, of a multiple of 8 up to 256 numbers, from Ampere on."""
    width = query.shape[2]
    half = query.dtype in (torch.bfloat16, torch.float16)
    return query.is_cuda and half and width % 8 == 0 and width <= 256 and _ampere(query.device)


@cache
def _ampere(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device)[0] >= 8


def _flash(
    kernel: Callable[..., Any], query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, spans: Spans
) -> torch.Tensor:
    """One launch for all sequences. The kernel aligns causal spans at the last token; the gate at load would see it if
    it did not."""
    cu_q, cu_k = spans.on(query.device)
    longest = [max(end - start for start, end in pairwise(ends)) for ends in (spans.q, spans.k)]
    half = spans.half_window
    window = (-1, 0) if spans.causal else (-1, -1) if half is None else (half, half)
    out = kernel(
        query.contiguous(),
        key.contiguous(),
        value.contiguous(),
        cu_q,
        cu_k,
        longest[0],
        longest[1],
        window_size=window,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    assert isinstance(out, torch.Tensor)
    return out.flatten(1)
