"""How much memory a model takes, before it is loaded: from its configuration and the headers of its weights alone.

A safetensors file begins with the length of a JSON header that has every tensor's type and shape
(https://huggingface.co/docs/safetensors): what the weights take is known without reading them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import ModelError
from engine.local.base import Role
from engine.local.models.catalogue import presets
from engine.local.models.files import read_config, weight_files

_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 2.0}
"""Of a weight while the model is loaded: int8 is rounded from bf16, and gives half of it back only then."""
_TORCH = {"float32": 4, "bfloat16": 2, "float16": 2}
_PREFIX_TOKENS = 256
"""Instruction and query, whose keys and values a causal reranker keeps for all documents."""
_MARGIN = 0.95
"""Share of the free memory that may be taken."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Need:
    """Of a model in a number format, bytes: of the weights, of the activations of one pass, and of a causal reranker's
    prefix."""

    role: Role
    dtype: str
    weights: int
    workspace: int = 0
    prefix: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.workspace + self.prefix

    def fits(self, free: int) -> bool:
        """Whether so many free bytes are enough."""
        return self.total <= free * _MARGIN


def parameters(folder: Path) -> int:
    """Numbers in the model's weights: exactly from safetensors, from the size of the files for pickled ones."""
    config = read_config(folder)
    stored = _TORCH.get(str(config.get("dtype") or config.get("torch_dtype")), 4)
    return sum(
        _numbers(file) if file.suffix == ".safetensors" else file.stat().st_size // stored
        for file in weight_files(folder)
    )


def _numbers(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = msgspec.json.decode(stream.read(min(length, 100_000_000)))
        return sum(math.prod(each["shape"]) for name, each in header.items() if name != "__metadata__")
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file} is no whole file of weights ({error})", kind="files", hint="fetch the model again"
        ) from error


def estimate(folder: Path, role: Role, dtype: str, budget: int) -> Need:
    """What the model takes in ``dtype`` with passes of ``budget`` tokens.

    The workspace is what one layer keeps at a time (input, output, queries, keys, values, and both sides of the wide
    product), once more for what the allocator holds back. A reranker of a causal family keeps its prefix as well.
    """
    config, size = read_config(folder), _BYTES[dtype]
    hidden = int(config.get("hidden_size", 768))
    wide = int(config.get("intermediate_size", 4 * hidden))
    each = 4.0 if dtype == "fp32" else 2.0
    workspace = 2 * budget * (6 * hidden + 3 * wide) * each
    prefix = _prefix(config, hidden) * each if role == "reranker" and "num_key_value_heads" in config else 0.0
    return Need(role, dtype, int(parameters(folder) * size), int(workspace), int(prefix))


def _prefix(config: Mapping[str, Any], hidden: int) -> int:
    """Numbers in the keys and values of the prefix, over all layers."""
    head = int(config.get("head_dim") or hidden // int(config["num_attention_heads"]))
    return 2 * int(config["num_hidden_layers"]) * int(config["num_key_value_heads"]) * head * _PREFIX_TOKENS


def free_memory() -> int | None:
    """Bytes of main memory that may be taken, None where the system does not say: the least of what is available to
    everybody and what this process's control group has left."""
    found = [size for size in (_available(), _group_left()) if size is not None]
    return min(found, default=None)


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # no Linux: the next way
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _group_left() -> int | None:
    try:
        limit, used = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return int(limit) - int(used) if limit != "max" else None
    except (OSError, ValueError):
        return None


def check_memory(model: str, need: Need, free: int | None, device: str) -> None:
    """Raises ``ModelError`` (kind ``memory``), with the numbers and what would fit, where the model does not."""
    if free is None or need.fits(free):
        return
    parts = [f"weights {_gb(need.weights)}", f"workspace {_gb(need.workspace)}"]
    parts += [f"prefix {_gb(need.prefix)}"] if need.prefix else []
    raise ModelError(
        f"{model} takes {_gb(need.total)} GB in {need.dtype} on {device} ({', '.join(parts)}), "
        f"and {_gb(max(free, 0))} GB are free",
        kind="memory",
        hint=_fitting(need, free * _MARGIN),
    )


def _fitting(need: Need, free: float) -> str:
    """What would fit, in words: the same model in fewer bits, and the largest preset of its role."""
    size, rest = _BYTES[need.dtype], need.total - need.weights
    halved = need.weights / size * _BYTES["bf16"] + rest
    smaller = {each.name: each.parameters * 1e6 * size + rest for each in presets().values() if each.role == need.role}
    ways = [f"dtype bf16 ({_gb(halved)} GB)"] if need.dtype == "fp32" and halved <= free else []
    fitting = {name: total for name, total in smaller.items() if total <= free}
    if fitting:
        best = max(fitting, key=fitting.__getitem__)
        ways.append(f"{best} ({_gb(fitting[best])} GB)")
    return f"what would fit: {', '.join(ways)}" if ways else "free some memory, or ask another machine or a service"


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f}"
