"""A loaded cross-encoder: pairs in, raw scores out, within the memory there is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import msgspec
import torch

from engine.errors import ModelError
from engine.local.base import ModelInfo, Pair, Stopped, never
from engine.local.worker.planner import plan
from engine.local.worker.scoring.encoding import PairEncoder, TokenPair
from engine.local.worker.shortage import is_shortage, release


class Backend(Protocol):
    """``shared``: heads cost nothing per pair. ``pads``: a batch costs its longest pair, as often as it has pairs."""

    @property
    def name(self) -> str: ...

    @property
    def shared(self) -> bool: ...

    @property
    def pads(self) -> bool: ...

    def score(self, pairs: Sequence[TokenPair], stopped: Callable[[], bool]) -> list[float]: ...


class LocalScorer:
    """The ``Scorer`` of ``engine.local.base``. Its token budget shrinks where memory runs out, and stays so."""

    def __init__(self, info: ModelInfo, encoder: PairEncoder, backend: Backend, batch: int = 0) -> None:
        self._info = info
        self._encoder = encoder
        self._backend = backend
        self._batch = batch
        self._most = sys.maxsize

    @property
    def info(self) -> ModelInfo:
        return self._info

    def pairs(self, query: str, texts: Sequence[str], instruction: str = "", max_tokens: int = 0) -> list[Pair]:
        return [*self._encoder.pairs(query, texts, instruction, max_tokens)]

    def batches(self, pairs: Sequence[Pair], budget: int = 0, batch: int = 0) -> list[list[int]]:
        tokens = min(budget or self._info.budget, self._most)
        return plan([pair.length for pair in pairs], tokens, batch or self._batch, padded=self._backend.pads)

    def score(
        self, pairs: Sequence[Pair], stopped: Callable[[], bool] = never, budget: int = 0, batch: int = 0
    ) -> list[float]:
        own = cast("Sequence[TokenPair]", pairs)  # this scorer's
        scores = [0.0] * len(pairs)
        waiting = list(range(len(pairs)))
        while waiting:
            done: set[int] = set()
            for together in self.batches([pairs[at] for at in waiting], budget, batch):
                if stopped():
                    raise Stopped
                members = [waiting[at] for at in together]
                values = self._attempt([own[at] for at in members], stopped)
                if values is None:
                    break
                for at, value in zip(members, values, strict=True):
                    scores[at] = value
                done.update(members)
            waiting = [at for at in waiting if at not in done]
        return scores

    def ready_after(self, load_ms: float) -> None:
        """Records how long loading took."""
        self._info = msgspec.structs.replace(self._info, load_ms=load_ms)

    def try_largest(self) -> None:
        """Fills one batch to the budget, so that memory runs out, and the budget shrinks, now and not in a query."""
        pair = self.pairs("the largest batch", ["word " * 400])[0]
        self.score([pair] * max(self._info.budget // pair.length, 1))

    def _attempt(self, pairs: list[TokenPair], stopped: Callable[[], bool]) -> list[float] | None:
        """The scores, or None where memory ran out and the budget is half now. Raises ``ModelError`` where a single
        pair does not fit."""
        try:
            with torch.inference_mode():
                return self._backend.score(pairs, stopped)
        except RuntimeError as error:
            if not is_shortage(error):
                raise
        # Out of the except block: the traceback holds the tensors of the failed pass.
        release()
        tokens = sum(pair.length for pair in pairs)
        if len(pairs) == 1:
            raise ModelError(
                f"one pair of {pairs[0].size} tokens does not fit in the memory of {self._info.device}",
                kind="memory",
                hint="a smaller rerank.max_tokens, a smaller model, or another device",
                stage="rerank",
            )
        budget = self._most = max(min(self._info.budget, tokens) // 2, 1)
        note = f"out of memory at {tokens} tokens: batches of {budget} since"
        notes = tuple(each for each in self._info.notes if not each.startswith("out of memory"))
        self._info = msgspec.structs.replace(self._info, budget=budget, notes=(*notes, note))
        return None
