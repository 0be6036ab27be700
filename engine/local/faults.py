"""What went wrong in the worker, as the error of the stage that waits for it."""

from __future__ import annotations

from engine.errors import EmbedderError, MissingExtraError, ModelError, RankscopeError, RerankerError
from engine.local.base import ModelSpec
from engine.local.messages import Failed

_AGAIN = "the next query starts the worker again"
_CPU = 'rerank.device = "cpu" does without it'
_SMALLER = 'a smaller model, rerank.dtype = "bf16" or a smaller rerank.token_budget needs less memory'


def fault(spec: ModelSpec, failed: Failed | None, ended: str) -> RankscopeError:
    """The error for a request on ``spec``: what the worker says of it, or (None) that it ended, and why."""
    stage = "embed" if spec.role == "embedder" else "rerank"
    error = EmbedderError if spec.role == "embedder" else RerankerError
    if failed is None:
        why = {"unloaded": "it was unloaded", "idle": "it was idle", "": "it was asked to"}.get(ended, ended)
        hint = f"{_AGAIN}; {_SMALLER}" if "memory" in why else _AGAIN
        return error(f"the worker of local models ended: {why}", hint=hint, stage=stage)
    if failed.kind == "extra":
        return MissingExtraError(failed.message, hint=failed.hint, stage=stage)
    if failed.loading:
        lost = failed.kind == "cuda" and spec.role == "reranker"
        return ModelError(failed.message, kind=failed.kind, hint=failed.hint or _CPU * lost, stage=stage)
    hint = failed.hint or {"memory": _SMALLER, "cuda": _AGAIN}.get(failed.kind, "")
    return error(failed.message, hint=hint, stage=stage)
