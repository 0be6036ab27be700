"""An embedder from its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from engine.errors import ModelError
from engine.local.base import ModelInfo, ModelSpec
from engine.local.models.catalogue import find
from engine.local.models.files import check_folder, revision_of
from engine.local.models.memory import check_memory, estimate
from engine.local.models.pick import choose_device, choose_dtype
from engine.local.worker.encoding.encoder import LocalEncoder
from engine.local.worker.encoding.layers import build
from engine.local.worker.encoding.layout import Layout, read_layout
from engine.local.worker.encoding.tokens import TextTokenizer
from engine.local.worker.machine import free_memory, machine

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_BUDGETS = {"cpu": 2_048, "mps": 8_192, "cuda": 32_768}
"""Tokens of one pass where nobody says: on a CPU what its caches hold, on a GPU what keeps it busy."""
_OFFSET = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Families whose first token has the position after that of the padding token."""
_UNUSED = ("pooler.",)
"""Parts of an architecture that pooling here does not use, so that a checkpoint may lack them."""


def load_encoder(spec: ModelSpec, folder: Path, progress: Callable[[str, int, int], None]) -> LocalEncoder:
    """The model in ``folder`` as ``spec`` wants it. ``progress`` gets (phase, done, total).

    Raises ``ModelError`` for a folder that is no whole model, a device that is not there, or a number format in which
    no embedder is computed.
    """
    start = time.perf_counter()
    check_folder(folder)
    here = machine(spec.device)
    device = choose_device(spec.device, here)
    dtype = choose_dtype(spec.dtype, device, here)
    if dtype not in _DTYPES:
        raise ModelError(
            f"an embedder is not computed in {dtype}", kind="device", hint=f"choose one of {', '.join(_DTYPES)}"
        )
    budget = spec.budget or _BUDGETS[device.partition(":")[0]]
    check_memory(spec.model, estimate(folder, "embedder", dtype, budget), free_memory(device), device)
    progress("load", 0, 1)
    preset = find(spec.model)
    layout = read_layout(folder, preset)
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = _load(folder, _DTYPES[dtype]).to(device)
    layers = [build(layer).to(device) for layer in layout.layers]
    longest = min(filter(None, (spec.max_tokens, _longest(layout, config, tokenizer))))
    info = ModelInfo(
        role="embedder",
        model=spec.model,
        revision=revision_of(folder),
        dtype=dtype,
        device=device,
        backend="padded",
        kind="dot" if layout.similarity == "dot" and not layout.normalize else "cosine",
        max_tokens=longest,
        budget=budget,
        instruction=layout.instruction,
        family=config.model_type,
        weights_bytes=sum(each.nbytes for part in (model, *layers) for each in part.parameters()),
        dimension=_dimension(layout, config),
        notes=layout.notes,
        load_ms=(time.perf_counter() - start) * 1000,
    )
    progress("load", 1, 1)
    return LocalEncoder(model, TextTokenizer(tokenizer, longest, layout.lower), layout, layers, info, spec.batch)


def _load(folder: Path, dtype: torch.dtype) -> nn.Module:
    """The transformer in eval mode. Raises ``ModelError`` where the files cannot be read, or do not have every weight:
    transformers would fill the rest with random numbers."""
    try:
        model, loaded = AutoModel.from_pretrained(
            folder, dtype=dtype, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{folder} cannot be loaded: {error}", kind="files", hint="is it a model for embedding, and whole?"
        ) from error
    if lacking := [name for name in loaded["missing_keys"] if not name.startswith(_UNUSED)]:
        raise ModelError(
            f"the weights in {folder} lack {len(lacking)} parts of a {type(model).__name__} ({sorted(lacking)[0]}, …)",
            kind="files",
            hint="is it a model for embedding, and whole?",
        )
    ready: nn.Module = model.eval()
    return ready


def _longest(layout: Layout, config: Any, tokenizer: Any) -> int:
    """Most tokens of a text: what the folder says, else the lesser of the tokenizer's and the model's length."""
    places = getattr(config, "max_position_embeddings", 0) or 0
    if config.model_type in _OFFSET:
        places -= config.pad_token_id + 1
    own = int(tokenizer.model_max_length)
    known = [each for each in (places, own) if 0 < each < 10**9]  # 10**30 is how transformers writes "not known"
    return layout.max_tokens or min(known, default=512)


def _dimension(layout: Layout, config: Any) -> int:
    last: Mapping[str, Any] = layout.layers[-1].config if layout.layers else {}
    return int(last.get("out_features") or last.get("dimension") or config.hidden_size * len(layout.poolings))
