"""An embedder from its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from engine.errors import ModelError
from engine.local.base import ModelInfo, ModelSpec, never
from engine.local.models.catalogue import find
from engine.local.models.files import check_folder, revision_of
from engine.local.models.memory import check_memory, estimate
from engine.local.worker.encoding.encoder import LocalEncoder
from engine.local.worker.encoding.forward import Forward, Packed, Padded, can_pack
from engine.local.worker.encoding.layers import build
from engine.local.worker.encoding.layout import Layout, read_layout
from engine.local.worker.encoding.tokens import TextTokenizer
from engine.local.worker.processor import spare_broken_tiles
from engine.local.worker.scoring.dtype import DTYPES, NAMES, device_of, dtype_of, free_bytes, stored_dtype

_HERE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_BUDGETS = {"cpu": 2_048, "mps": 8_192, "cuda": 32_768}
"""Tokens of one pass where nobody says: on a CPU what its caches hold, on a GPU what keeps it busy."""
_PROBES = ("Suspend the calling thread.", "a", "How long does it take to boil an egg? " * 3)
_LIMITS = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Of the packed against the padded pass, the greatest difference of hidden states, as a share of the greatest one."""
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
    if spec.dtype == "int8":
        raise ModelError(
            "an embedder is not computed in int8", kind="device", hint=f"choose one of auto, {', '.join(DTYPES)}"
        )
    spare_broken_tiles()
    transformers.utils.logging.disable_progress_bar()
    layout = read_layout(folder, find(spec.model))
    if not layout.poolings:
        raise ModelError(
            f"the modules.json of {folder} has no Pooling: how its tokens become one vector is not said",
            kind="files",
            hint="name a model that sentence-transformers loads as an embedder; without modules.json the mean is taken",
        )
    config = transformers.AutoConfig.from_pretrained(folder, **_HERE)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **_HERE)
    longest = min(filter(None, (spec.max_tokens, _longest(layout, config, tokenizer))))
    device = device_of(spec.device)
    dtype = dtype_of(spec.dtype, device, stored_dtype(config))
    budget = spec.budget or _BUDGETS[device.type]
    check_memory(spec.model, estimate(folder, "embedder", NAMES[dtype], budget), free_bytes(device), str(device))
    progress("load", 0, 1)
    model = _load(folder, dtype).to(device)
    encode = TextTokenizer(tokenizer, longest, layout.lower)
    forward, notes = _backend(spec, model, config.model_type, encode, device)
    layers = [build(layer).to(device) for layer in layout.layers]
    info = ModelInfo(
        role="embedder",
        model=spec.model,
        revision=revision_of(folder),
        dtype=NAMES[dtype],
        device=str(device),
        backend=forward.name,
        kind="dot" if layout.similarity == "dot" and not layout.normalize else "cosine",
        max_tokens=longest,
        budget=budget,
        instruction=layout.instruction,
        instructed=bool(layout.instruction),
        family=config.model_type,
        weights_bytes=sum(each.nbytes for part in (model, *layers) for each in part.parameters()),
        dimension=_dimension(layout, config),
        notes=layout.notes + notes,
        load_ms=(time.perf_counter() - start) * 1000,
    )
    progress("load", 1, 1)
    return LocalEncoder(forward, encode, layout, layers, info, spec.batch)


def _backend(
    spec: ModelSpec, model: nn.Module, family: str, tokenizer: TextTokenizer, device: torch.device
) -> tuple[Forward, tuple[str, ...]]:
    """The packed pass where the architecture is known and it gives on some texts what the padded one gives, else the
    padded; with a note where it was given up. Raises ``ModelError`` for a backend that is not there."""
    padded = Padded(model, tokenizer.pad, device)
    if spec.backend not in ("auto", "padded", "packed") or (spec.backend == "packed" and not can_pack(family)):
        raise ModelError(
            f"an embedder of the family {family} has no backend {spec.backend!r}", kind="device", hint='take "auto"'
        )
    if spec.backend == "padded" or not can_pack(family):
        return padded, ()
    probes = [each.ids for each in tokenizer.encode(_PROBES)]
    try:
        packed = Packed(model, device)
        with torch.inference_mode():
            (theirs, mask), (ours, _) = padded(probes, never), packed(probes, never)
        difference = float((theirs - ours)[mask].abs().max() / theirs[mask].abs().max())
    except (AttributeError, TypeError, RuntimeError) as error:  # a release of transformers with other layers
        return padded, (f"padded: the packed pass does not know this release of transformers ({error})",)
    limit = _LIMITS[next(model.parameters()).dtype]
    if not difference <= limit:
        return padded, (f"padded: the packed pass differed by {difference:.1g}, and {limit:g} is the limit",)
    return packed, ()


def _load(folder: Path, dtype: torch.dtype) -> nn.Module:
    """The transformer in eval mode. Raises ``ModelError`` where the files cannot be read, or do not have every weight:
    transformers would fill the rest with random numbers."""
    try:
        model, loaded = transformers.AutoModel.from_pretrained(folder, dtype=dtype, output_loading_info=True, **_HERE)
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
