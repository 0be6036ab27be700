"""Devices and number formats: what ``auto`` means, and what fits."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import torch

from engine.errors import ModelError
from engine.local.models.memory import free_memory
from engine.local.worker.processor import spare_broken_tiles

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

WORTH = 1.2
"""How many times faster than fp32 a half format must be on a CPU before ``auto`` takes it."""


def device_of(asked: str) -> torch.device:
    """``auto``: the CUDA device with the most free memory, else mps, else cpu. Raises ``ModelError`` for one that
    is not there."""
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if asked == "auto":
        if cuda:
            return torch.device("cuda", max(range(cuda), key=_free_on))
        return torch.device("mps" if mps else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise ModelError(f"{asked!r} is no device", kind="device", hint="auto, cpu, cuda, cuda:1 or mps") from error
    there = {"cpu": True, "cuda": (device.index or 0) < cuda, "mps": mps}
    if not there.get(device.type, False):
        raise ModelError(f"there is no device {asked} here", kind="device", hint='"auto" takes what is there')
    return device


def _free_on(cuda: int) -> int:
    """Free bytes of that GPU, −1 where another process has it to itself."""
    try:
        return torch.cuda.mem_get_info(cuda)[0]
    except RuntimeError:
        return -1


def dtype_of(asked: str, device: torch.device, stored: torch.dtype) -> torch.dtype:
    """The format of the activations, and of the weights unless they are int8.

    ``auto`` keeps scores exact where that costs little, and halves where halving pays: on CUDA bf16 (fp16 before
    Ampere), elsewhere the half format that the checkpoint is stored in, if the device computes it faster than fp32 by
    a measured factor (a processor may have the instructions and still be slower), else fp32. ``int8`` keeps int8
    weights and computes in what ``auto`` would for a half checkpoint.
    """
    if asked not in (*DTYPES, "auto", "int8"):
        raise ModelError(
            f"{asked!r} is no number format of ours",
            kind="device",
            hint="auto, fp32, bf16, fp16 or int8; int8 is of weights alone: with int8 activations a score would depend "
            "on the other documents of its batch",
        )
    if device.type == "cpu":
        spare_broken_tiles()
    if asked in DTYPES:
        if device.type == "cuda" and asked == "bf16" and torch.cuda.get_device_capability(device)[0] < 8:
            raise ModelError(f"{device} does not compute bf16", kind="device", hint='dtype "fp16" or "auto" does')
        return DTYPES[asked]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    half = torch.bfloat16 if asked == "int8" else stored
    if half not in (torch.bfloat16, torch.float16):
        return torch.float32
    if device.type == "mps":
        return half
    return half if speedup(half) >= WORTH else torch.float32


@cache
def speedup(half: torch.dtype) -> float:
    """How many times faster than fp32 this CPU multiplies in ``half``, measured on one layer's worth."""
    times = {}
    for dtype in (torch.float32, half):
        left, right = torch.ones(512, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
        runs = []
        for _ in range(6):
            begun = time.perf_counter()
            torch.nn.functional.linear(left, right)
            runs.append(time.perf_counter() - begun)
        times[dtype] = min(runs)
    return times[torch.float32] / times[half]


def free_bytes(device: torch.device) -> int | None:
    """Memory that can still be taken on a device, None where nobody says; Apple's GPUs share the main memory."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()


def stored_dtype(config: Any) -> torch.dtype:
    """What a checkpoint's config says that its weights are stored in; fp32 where it does not."""
    dtype = getattr(config, "dtype", None)
    if isinstance(dtype, str):
        dtype = getattr(torch, dtype, None)
    return dtype if isinstance(dtype, torch.dtype) else torch.float32
