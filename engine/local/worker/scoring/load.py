"""From a folder with a checkpoint to a scorer that has been compared with the fp32 reference."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers

from engine.errors import MissingExtraError, RerankerError
from engine.local.base import ModelInfo, ModelSpec, Parity, never
from engine.local.models.files import check_folder, revision_of
from engine.local.models.memory import Need, check_memory, estimate, free_memory
from engine.local.worker.processor import spare_broken_tiles
from engine.local.worker.scoring import causal, packed
from engine.local.worker.scoring.dtype import NAMES, device_of, dtype_of, free_bytes, stored_dtype
from engine.local.worker.scoring.encoding import PairEncoder, TokenPair
from engine.local.worker.scoring.head import Family, family_of
from engine.local.worker.scoring.model import LoadedModel, convert, is_causal, load_model, weight_bytes
from engine.local.worker.scoring.padded import Padded
from engine.local.worker.scoring.parity import compare, within
from engine.local.worker.scoring.probes import PROBES, QUERY
from engine.local.worker.scoring.scorer import Backend, LocalScorer
from engine.local.worker.shortage import is_shortage, release

Progress = Callable[[str, int, int], None]

BUDGETS = {"cpu": 1024, "mps": 4096, "cuda": 16384}
"""Tokens of one pass: on a CPU what its caches hold, on a GPU what fills it."""

DECODER_BUDGET = 512
"""On a CPU: a pass over more takes seconds, and the first scores wait for it."""

REFERENCE_SHARE = 0.5
"""Of the free memory, what weights in fp32 may take for the comparison at load."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be loaded, and how."""

    spec: ModelSpec
    folder: Path
    config: Any
    family: Family
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    spread: bool

    @property
    def format(self) -> str:
        return "int8" if self.spec.dtype == "int8" else NAMES[self.dtype]

    @property
    def narrow(self) -> torch.dtype:
        """What the weights are loaded in where fp32 does not fit; int8 is rounded from it."""
        half = self.dtype != torch.float32
        return self.dtype if half or self.spec.dtype != "int8" else torch.bfloat16

    def load(self, dtype: torch.dtype) -> LoadedModel:
        return load_model(
            self.spec.model, self.folder, self.config, self.family, self.tokenizer, dtype, self.device, self.spread
        )


def load_scorer(spec: ModelSpec, folder: Path, progress: Progress) -> LocalScorer:
    """The scorer of the checkpoint in ``folder``. ``progress`` is told of ``load`` and ``compare``, done of total.

    Raises ``RerankerError`` for what is no cross-encoder or cannot run as asked, ``MissingExtraError`` for a package
    that is not there, and torch's own errors.
    """
    begun = time.perf_counter()
    spared = spare_broken_tiles()
    transformers.utils.logging.disable_progress_bar()
    check_folder(folder)
    plan = _prepare(spec, folder)
    max_tokens = _max_tokens(spec, plan)
    encoder = PairEncoder(plan.tokenizer, plan.family.prompt, max_tokens, spec.model)
    choice = _choose(plan, encoder, progress)
    encoder.shared = choice.backend.shared
    loaded = choice.loaded
    notes = choice.notes
    if spared and choice.format != "fp32" and plan.device.type == "cpu":
        notes += ("this machine announces matrix tiles (AMX) without their shape: half precision does without them",)
    default = DECODER_BUDGET if loaded.row is not None and plan.device.type == "cpu" else BUDGETS[plan.device.type]
    info = ModelInfo(
        role="reranker",
        model=spec.model,
        revision=revision_of(folder),
        dtype=choice.format,
        device="cuda:all" if plan.spread else str(plan.device),
        backend=choice.backend.name,
        kind=loaded.kind,
        max_tokens=max_tokens,
        budget=spec.budget or default,
        instruction=encoder.frame.instruction,
        instructed="{instruction}" in encoder.frame.query,
        family=plan.family.name if plan.family.prompt else str(plan.config.model_type),
        weights_bytes=weight_bytes(loaded.model),
        parity=choice.parity,
        notes=notes,
    )
    scorer = LocalScorer(info, encoder, choice.backend, spec.batch)
    if plan.device.type == "cuda":
        scorer.try_largest()
    scorer.ready_after((time.perf_counter() - begun) * 1000)
    return scorer


def _prepare(spec: ModelSpec, folder: Path) -> _Plan:
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise RerankerError(
            f"{spec.model} cannot be read: {_first_line(error)}",
            hint="is it whole, and one that transformers loads?",
        ) from error
    family = family_of(
        (spec.model, folder.name, str(getattr(config, "_name_or_path", ""))), config.model_type, is_causal(config)
    )
    device = device_of(spec.device)
    dtype = dtype_of(spec.dtype, device, stored_dtype(config))
    name = "int8" if spec.dtype == "int8" else NAMES[dtype]
    need = estimate(folder, "reranker", name, spec.budget or BUDGETS[device.type])
    spread = _must_spread(spec, need, device)
    if not spread:
        check_memory(spec.model, need, free_bytes(device), str(device))
    return _Plan(spec, folder, config, family, tokenizer, device, dtype, spread)


def _must_spread(spec: ModelSpec, need: Need, device: torch.device) -> bool:
    """Whether one GPU cannot hold the model and several are there. Raises ``MissingExtraError`` without accelerate."""
    if device.type != "cuda" or spec.device not in ("auto", "cuda") or torch.cuda.device_count() < 2:
        return False
    free = free_bytes(device)
    if free is None or need.fits(free):
        return False
    if find_spec("accelerate") is None:
        raise MissingExtraError(
            f"{spec.model} must be spread over several GPUs, which needs accelerate", hint="pip install accelerate"
        )
    return True


def _stored_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for pattern in ("*.safetensors", "*.bin") for file in folder.glob(pattern))


def _max_tokens(spec: ModelSpec, plan: _Plan) -> int:
    """Of one pair: the least of what was asked, what the tokenizer and the positions allow, and the prompt's own."""
    positions = int(getattr(plan.config, "max_position_embeddings", 0)) or 512
    if plan.config.model_type in ("roberta", "xlm-roberta", "camembert"):
        positions -= int(plan.config.pad_token_id) + 1
    limits = [positions, int(plan.tokenizer.model_max_length), spec.max_tokens or positions]
    if plan.family.prompt is not None:
        limits.append(plan.family.prompt.max_tokens)
    return min(limits)


@dataclass(frozen=True, slots=True)
class _Choice:
    backend: Backend
    loaded: LoadedModel
    parity: Parity
    format: str
    notes: tuple[str, ...]


def _choose(plan: _Plan, encoder: PairEncoder, progress: Progress) -> _Choice:
    """The first of the wanted backend, the padded one in the same format and the padded one in fp32 that agrees with
    the reference: the padded one in fp32, or in the format asked for where fp32 weights do not fit."""
    probes = encoder.pairs(QUERY, PROBES)
    types = encoder.frame.types
    exact = plan.format == "fp32" or _reference_fits(plan)
    notes: tuple[str, ...] = ()
    progress("load", 0, 1)
    referred = torch.float32 if exact else plan.narrow
    loaded = plan.load(referred)
    progress("load", 1, 1)
    reference = _scores(Padded(loaded, types), probes)
    if not exact:
        notes += (f"compared with {NAMES[referred]}: weights in fp32 do not fit in memory",)
    if not all(map(math.isfinite, reference)):
        raise RerankerError(f"{plan.spec.model} gives scores that are not numbers", hint='rerank.dtype = "fp32"')
    if plan.format != "fp32":
        convert(loaded, plan.dtype, plan.format == "int8")
        release()
    fell_back = ""
    tried = dict.fromkeys((_wanted(plan, loaded), "padded"))
    for done, name in enumerate(tried):
        progress("compare", done, len(tried))
        try:
            backend = BACKENDS[name](loaded, types)
            parity = compare(reference, _scores(backend, probes), plan.format, fell_back)
        except (RuntimeError, AttributeError, TypeError) as error:  # a release of transformers with other layers
            if name == "padded" or is_shortage(error):
                raise
            notes += (f"the {name} backend failed: {_first_line(error)}",)
        else:
            if within(parity):
                return _Choice(backend, loaded, parity, plan.format, notes)
            by = f"{parity.difference:.3g} (allowed {parity.limit:.3g})"
            notes += (f"{name} in {plan.format} differs by {by} from the {NAMES[referred]} reference and is not used",)
        fell_back = fell_back or f"{name} in {plan.format}"
    if not exact:
        raise RerankerError(
            f"{plan.spec.model}: {notes[-1]}, and weights in fp32 do not fit in memory",
            hint='rerank.dtype = "bf16", or a smaller model',
        )
    loaded = plan.load(torch.float32)
    backend = Padded(loaded, types)
    return _Choice(backend, loaded, compare(reference, _scores(backend, probes), "fp32", fell_back), "fp32", notes)


def _scores(backend: Backend, probes: list[TokenPair]) -> list[float]:
    with torch.inference_mode():
        return backend.score(probes, never)


def _wanted(plan: _Plan, loaded: LoadedModel) -> str:
    """The backend asked for, or the fastest that knows the architecture. Raises ``RerankerError`` for one that cannot
    run it."""
    best = "padded"
    if not plan.spread:
        if loaded.row is not None and plan.config.model_type in causal.TYPES and _sees_all(plan.config):
            best = "causal"
        elif loaded.row is None and plan.config.model_type in packed.ENCODERS:
            best = "packed"
    asked = plan.spec.backend
    if asked in ("auto", "padded", best):
        return best if asked == "auto" else asked
    raise RerankerError(
        f"the {asked} backend cannot run {plan.spec.model} ({plan.config.model_type})",
        hint=f'rerank.backend = "{best}" can, and so can "padded"',
    )


def _sees_all(config: Any) -> bool:
    """No layer of a decoder sees a window only."""
    return set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}


def _reference_fits(plan: _Plan) -> bool:
    stored = torch.finfo(stored_dtype(plan.config)).bits // 8
    wanted = _stored_bytes(plan.folder) * 4 // stored
    rooms = (free_bytes(plan.device), free_memory())  # weights reach a device by way of the main memory
    return all(room is None or wanted <= REFERENCE_SHARE * room for room in rooms)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


BACKENDS: Mapping[str, Callable[[LoadedModel, tuple[int, int]], Backend]] = {
    "padded": Padded,
    "packed": packed.Packed,
    "causal": lambda loaded, _: causal.Causal(loaded),
}
