"""What is taken where the settings say ``auto``: device, number format, and the reranker of an embedder. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import ModelError
from engine.local.models.catalogue import find

_CUDA = re.compile(r"cuda(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Machine:
    """What torch can compute on. ``cuda`` counts devices; ``bf16`` says whether the chosen one computes in it natively
    (a CPU without avx512_bf16 or amx_bf16 would convert every number)."""

    cuda: int = 0
    mps: bool = False
    bf16: bool = False


def choose_device(asked: str, machine: Machine) -> str:
    """``cuda``, ``cuda:N``, ``mps`` or ``cpu``. auto takes the first that there is. Raises ``ModelError`` (kind
    ``device``) for one that this machine lacks."""
    if asked == "auto":
        return "cuda" if machine.cuda else "mps" if machine.mps else "cpu"
    number = _CUDA.fullmatch(asked)
    if asked == "cpu" or (asked == "mps" and machine.mps) or (number and int(number[1] or 0) < machine.cuda):
        return asked
    there = [*(f"cuda:{index}" for index in range(machine.cuda)), *(["mps"] if machine.mps else []), "cpu"]
    raise ModelError(f"there is no device {asked!r} here", kind="device", hint=f"there is: {', '.join(there)}")


def choose_dtype(asked: str, device: str, machine: Machine) -> str:
    """``fp32``, ``bf16`` or ``fp16`` as asked. auto computes exactly on a CPU and on Apple's GPUs, and in half on a
    CUDA device, in bf16 where it has that."""
    if asked != "auto":
        return asked
    if device.startswith("cuda"):
        return "bf16" if machine.bf16 else "fp16"
    return "fp32"


def matching_reranker(embedder: str, fallback: str = "minilm-l6") -> str:
    """The reranker's preset that goes with an embedder of that name (``local/`` before it or not): its own family's
    where there is one, of about its size; ``fallback`` for an embedder that no preset knows."""
    preset = find(embedder.removeprefix("local/").partition("@")[0])
    return preset.reranker if preset and preset.reranker else fallback
