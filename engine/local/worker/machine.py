"""What this process can compute on."""

from __future__ import annotations

import torch

from engine.local.models import memory
from engine.local.models.pick import Machine


def machine(asked: str = "auto") -> Machine:
    """Asks torch. ``bf16`` is said of the first CUDA device where one is asked for, else of the CPU."""
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if cuda and asked != "cpu":
        bf16 = torch.cuda.get_device_capability()[0] >= 8
    else:
        bf16 = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.cpu._is_avx512_bf16_supported()
    return Machine(cuda=cuda, mps=torch.backends.mps.is_available(), bf16=bf16)


def free_memory(device: str) -> int | None:
    """Bytes that the device has left, None where it does not say. Apple's GPUs share the main memory."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return memory.free_memory()
