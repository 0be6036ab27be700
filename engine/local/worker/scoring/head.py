"""What a model's prompt and score head are: one table row per family. No torch.

``HeadSpec`` says how an answer becomes a number. Sequence classifiers have their own score row and need none; causal
models answer with a token, and the score is the difference of two logits, of which only the rows asked for are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from engine.errors import RerankerError
from engine.local.worker.scoring.prompts import BGE_GEMMA, MXBAI, QWEN3, ZERANK, Prompt


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """raw = scale · (Σ logit(``true``) − Σ logit(``false``)) + bias. Each answer must be exactly one token."""

    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    bias: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Family:
    """``names`` are patterns of model names in lower case, ``types`` the ``model_type`` that it serves where no name
    matches; ``prompt`` None: the pair as the tokenizer frames it."""

    name: str
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    prompt: Prompt | None = None
    head: HeadSpec = HeadSpec()


FAMILIES: tuple[Family, ...] = (
    # QwenLM/Qwen3-Embedding, examples/qwen3_reranker_transformers.py
    Family("qwen3-reranker", ("*qwen3-reranker*",), ("qwen3",), QWEN3, HeadSpec(("yes",), ("no",))),
    # mixedbread-ai/mxbai-rerank: sigmoid around half of the estimated maximum, 9 and 12
    Family("mxbai-rerank-v2", ("*mxbai-rerank-base-v2*",), (), MXBAI, HeadSpec(("1",), ("0",), bias=-4.5)),
    Family("mxbai-rerank-v2", ("*mxbai-rerank-large-v2*",), (), MXBAI, HeadSpec(("1",), ("0",), bias=-6.0)),
    # FlagOpen/FlagEmbedding, LLM-based reranker: the logit of Yes alone
    Family("bge-reranker-gemma", ("*bge-reranker-v2-gemma*",), (), BGE_GEMMA, HeadSpec(("Yes",))),
    # zeroentropy: the logit of Yes alone, its probability at temperature 5
    Family("zerank", ("*zerank-1*", "*zerank-2*"), (), ZERANK, HeadSpec(("Yes",), scale=0.2)),
)

CLASSIFIER = Family("sequence-classification")
"""Every model with a trained score row and no prompt."""


def family_of(names: Sequence[str], model_type: str, causal: bool) -> Family:
    """The row for a model known by any of ``names`` (hub name, folder), else by its type; a classifier of no row needs
    none. Raises ``RerankerError`` for a causal model whose answer tokens nobody has told us."""
    lowered = [name.lower() for name in names if name]
    for family in FAMILIES:
        if any(fnmatch(name, pattern) for name in lowered for pattern in family.names):
            return family
    for family in FAMILIES:
        if model_type in family.types:
            return family
    if not causal:
        return CLASSIFIER
    known = ", ".join(dict.fromkeys(family.name for family in FAMILIES))
    raise RerankerError(
        f"{names[0]} is a causal language model, and neither its prompt nor its answer tokens are known",
        hint=f"use a sequence-classification model, or one of the families {known}",
        stage="rerank",
    )
