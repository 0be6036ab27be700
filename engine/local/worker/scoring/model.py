"""A transformers model as a backend needs it: weights on their device, layers named, the score row in fp32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import RerankerError
from engine.local.worker.scoring.between import layers_of
from engine.local.worker.scoring.head import Family, HeadSpec
from engine.local.worker.scoring.int8 import quantise
from engine.local.worker.scoring.modules import PARTS, put_on, score_modules

LAST_TOKEN_HEADS = ("score",)
"""What transformers calls the score row of a decoder turned classifier; it is read at the last token."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """``row`` is the score row of a causal model or of a decoder with one label, float32[hidden]; None where the model
    has a head of its own. ``scale`` and ``bias`` finish the raw score."""

    name: str
    model: Any
    layers: Any
    device: torch.device
    row: torch.Tensor | None
    scale: float
    bias: float
    kind: str
    causal: bool

    @property
    def body(self) -> Any:
        """The model without its head."""
        return self.model.base_model

    @property
    def config(self) -> Any:
        return self.model.config

    def finish(self, logits: torch.Tensor) -> list[float]:
        """Raw scores of logits[n] or, with a head of its own, logits[n, labels]; two labels give their difference."""
        logits = logits.float()
        if logits.ndim == 2:
            logits = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
        raw: list[float] = (logits * self.scale + self.bias).tolist()
        return raw

    def margin(self, last: torch.Tensor) -> torch.Tensor:
        """The logit difference of hidden states at the last token, in fp32."""
        assert self.row is not None
        return last.float() @ self.row.to(last.device)


def load_model(
    name: str,
    folder: Path,
    config: Any,
    family: Family,
    tokenizer: Any,
    dtype: torch.dtype,
    device: torch.device,
    spread: bool = False,
) -> LoadedModel:
    """Reads the weights; ``spread`` puts them over every GPU. Raises ``RerankerError`` for a model that is no
    cross-encoder: weights missing (transformers would make them up), too many labels, answers of several tokens."""
    import transformers

    causal = is_causal(config)
    auto = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForSequenceClassification
    where: dict[str, Any] = {"device_map": "auto"} if spread else {}
    modules = None if causal else score_modules(folder, config)
    try:
        loaded: Any = auto.from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, output_loading_info=True, **where
        )
        model, report = loaded
    except ValueError as error:
        raise RerankerError(f"{name} cannot be loaded as a cross-encoder: {_first_line(error)}") from error
    if modules is not None:
        put_on(model, modules, dtype)
    if missing := sorted(each for each in report["missing_keys"] if modules is None or not each.startswith(PARTS)):
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise RerankerError(
            f"{name} has no weights for {some}: with made-up ones its scores would mean nothing",
            hint="take a model that was trained as a cross-encoder",
        )
    model.eval().requires_grad_(False)
    if not spread:
        model.to(device)
    row, kind = None, "logit"
    if causal:
        row = _answer_row(name, model, tokenizer, family.head)
        model.set_output_embeddings(nn.Identity())  # one row of it is all that is needed
    else:
        labels = int(config.num_labels)
        if labels > 2:
            raise RerankerError(f"{name} tells {labels} classes apart and has no single score of relevance")
        score = next(
            (getattr(model, at) for at in LAST_TOKEN_HEADS if isinstance(getattr(model, at, None), nn.Linear)), None
        )
        if score is not None:
            weight = score.weight.detach().float()
            row = weight[0] if labels == 1 else weight[1] - weight[0]
        else:
            _keep_head_exact(model, labels)
        kind = "logit" if _activation(config) in ("", "Sigmoid", "Identity", "Softmax") else "unknown"
    return LoadedModel(name, model, layers_of(model), device, row, family.head.scale, family.head.bias, kind, causal)


def is_causal(config: Any) -> bool:
    """Whether the checkpoint answers with a token (``…ForCausalLM``) rather than with a class."""
    architectures = getattr(config, "architectures", None) or [""]
    return str(architectures[0]).endswith(("ForCausalLM", "LMHeadModel"))


def convert(loaded: LoadedModel, dtype: torch.dtype, int8: bool) -> None:
    """Rounds the weights to ``dtype``, those of the layers to int8 where wanted. What makes the score stays fp32, and
    so do buffers: positions turned by rounded frequencies are other positions."""
    if int8:
        quantise(loaded.layers)
    for module in loaded.model.modules():
        if not getattr(module, "exact", False):
            for parameter in module.parameters(recurse=False):
                if parameter.is_floating_point():
                    parameter.data = parameter.data.to(dtype)  # in place: tied weights stay one


def weight_bytes(model: Any) -> int:
    """Of parameters and buffers, shared ones once."""
    held = {each.data_ptr(): each.numel() * each.element_size() for each in (*model.parameters(), *model.buffers())}
    return sum(held.values())


def _answer_row(name: str, model: Any, tokenizer: Any, head: HeadSpec) -> torch.Tensor:
    """Σ rows of the true answers − Σ rows of the false ones, from the output embeddings: some models tie them to the
    input's and some do not."""
    rows = model.get_output_embeddings().weight.detach()
    total = torch.zeros(rows.shape[1], dtype=torch.float32, device=rows.device)
    for answers, sign in ((head.true, 1), (head.false, -1)):
        for answer in answers:
            ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
            if len(ids) != 1:
                raise RerankerError(f"{name} makes {len(ids)} tokens of its answer {answer!r}: it is of another family")
            total += sign * rows[ids[0]].float()
    return total


def _keep_head_exact(model: Any, labels: int) -> None:
    """Puts the last linear layer into fp32 whatever the rest is in: half-precision scores tie."""
    linear = [each for each in model.modules() if isinstance(each, nn.Linear) and each.out_features == labels]
    if not linear:
        return
    last = linear[-1]
    last.exact = True  # type: ignore[assignment]
    last.float()
    last.register_forward_pre_hook(lambda _, given: (given[0].float(), *given[1:]))


def _activation(config: Any) -> str:
    """The class that the model's card names for its scores, without its module."""
    own = getattr(config, "sentence_transformers", None) or {}
    path = own.get("activation_fn") or getattr(config, "sbert_ce_default_activation_function", None) or ""
    return str(path).rpartition(".")[2]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
