"""The GPU kernel's calling, without a GPU: its contract by a reference on the CPU, its signature by torch's own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from engine.local.worker.scoring import attention
from engine.local.worker.scoring.attention import Spans, attend
from engine.local.worker.scoring.scorer import LocalScorer
from tests.tiny_models import sentences

TEXTS = [text[:length] for text, length in zip(sentences()[:6], [30, 400, 90, 1200, 10, 200], strict=True)]


def contract(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> torch.Tensor:
    """What ``varlen_attn`` computes by its documentation and FlashAttention 2's: position i of sequence s sees the keys
    from i + k − q − left to i + k − q + right."""
    assert query.is_contiguous()
    assert key.is_contiguous()
    assert value.is_contiguous()
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert len(cu_seq_q) == len(cu_seq_k)
    assert (int(cu_seq_q[-1]), int(cu_seq_k[-1])) == (len(query), len(key))
    assert (max_q, max_k) == (int(cu_seq_q.diff().max()), int(cu_seq_k.diff().max()))
    assert enable_gqa == (query.shape[1] != key.shape[1])
    out = torch.empty_like(query)
    groups, (left, right) = query.shape[1] // key.shape[1], window_size
    for (q0, q1), (k0, k1) in zip(pairwise(cu_seq_q.tolist()), pairwise(cu_seq_k.tolist()), strict=True):
        keys, values = (each[k0:k1].repeat_interleave(groups, dim=1) for each in (key, value))
        scores = torch.einsum("qhd,khd->hqk", query[q0:q1].double(), keys.double()) / query.shape[2] ** 0.5
        away = torch.arange(k1 - k0)[None] - torch.arange(q1 - q0)[:, None] - (k1 - k0 - (q1 - q0))
        hidden = (away > right if right >= 0 else away != away) | (away < -left if left >= 0 else away != away)
        weights = scores.masked_fill(hidden, float("-inf")).softmax(dim=-1)
        out[q0:q1] = torch.einsum("hqk,khd->qhd", weights, values.double()).to(query.dtype)
    return out


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Every layer goes through the contract; the windows that it was called with."""
    windows: list[tuple[int, int]] = []

    def kernel(*args: Any, **kwargs: Any) -> torch.Tensor:
        windows.append(kwargs["window_size"])
        return contract(*args, **kwargs)

    monkeypatch.setattr(attention, "takes_flash", lambda query: True)
    monkeypatch.setattr(attention, "flash_kernel", lambda: kernel)
    return windows


@pytest.mark.parametrize(
    ("family", "backend", "windows"),
    [
        ("bert", "packed", {(-1, -1)}),
        ("modernbert", "packed", None),
        ("qwen3", "causal", {(-1, 0)}),
    ],
)
def test_models_score_the_same_through_the_kernel_s_contract(
    load: Callable[..., LocalScorer],
    flash: list[tuple[int, int]],
    family: str,
    backend: str,
    windows: set[tuple[int, int]] | None,
) -> None:
    ours, reference = load(family, backend=backend), load(family, backend="padded")
    assert ours.info.backend == backend, "the gate let it through"
    flash.clear()
    pairs = ours.pairs("what is a thread", TEXTS)
    found = np.asarray(ours.score(pairs))
    expected = np.asarray(reference.score(reference.pairs("what is a thread", TEXTS)))
    assert np.abs(found - expected).max() < 1e-5
    assert set(flash) == windows if windows else len(set(flash)) == 2  # layers that see all, and a window


def test_torch_s_own_kernel_is_called_as_it_is_declared() -> None:
    """On meta tensors, which have shapes and formats but nothing to compute."""
    varlen = pytest.importorskip("torch.nn.attention.varlen")
    query = torch.empty(7, 4, 16, dtype=torch.bfloat16, device="meta")
    key = torch.empty(9, 2, 16, dtype=torch.bfloat16, device="meta")
    spans = Spans.of([3, 4], [4, 5], causal=True)
    out = attention._flash(varlen.varlen_attn, query, key, key, spans)
    assert (out.shape, out.dtype) == ((7, 64), torch.bfloat16)


@pytest.mark.parametrize(
    ("width", "dtype", "capability", "takes"),
    [
        (64, torch.bfloat16, (9, 0), True),
        (64, torch.float16, (8, 6), True),
        (64, torch.float16, (7, 5), False),
        (64, torch.float32, (9, 0), False),
        (20, torch.bfloat16, (9, 0), False),
        (288, torch.bfloat16, (9, 0), False),
    ],
)
def test_heads_that_the_kernel_does_not_take_go_the_other_way(
    monkeypatch: pytest.MonkeyPatch, width: int, dtype: torch.dtype, capability: tuple[int, int], takes: bool
) -> None:
    class OnGpu:
        is_cuda, device, shape = True, torch.device("cuda", 0), (5, 4, width)

    OnGpu.dtype = dtype  # type: ignore[attr-defined]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    attention._ampere.cache_clear()
    assert attention.takes_flash(OnGpu()) is takes  # type: ignore[arg-type]
    attention._ampere.cache_clear()


@pytest.mark.parametrize(
    "declared",
    [
        None,
        lambda query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal=False, return_aux=None: None,
        lambda query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, window_size=(-1, -1): None,
    ],
    ids=["before 2.10", "2.10", "2.11"],
)
def test_releases_of_torch_without_the_kernel_go_the_other_way(monkeypatch: pytest.MonkeyPatch, declared: Any) -> None:
    module = ModuleType("torch.nn.attention.varlen")
    if declared is not None:
        module.varlen_attn = declared  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "torch.nn.attention.varlen", module)
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
    attention.flash_kernel.cache_clear()
    assert attention.flash_kernel() is None
    monkeypatch.setattr(attention, "takes_flash", lambda query: True)
    states = torch.randn(6, 2, 8)
    assert attend(states, states, states, Spans.of([2, 4], [2, 4])).shape == (6, 16)
    attention.flash_kernel.cache_clear()
