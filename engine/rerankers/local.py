"""Provider ``local``: a cross-encoder on this machine, in the worker process."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np

from engine.executor import run_in
from engine.local.base import ModelInfo, ModelSpec
from engine.local.host import LocalHost
from engine.local.instructions import instruction_for
from engine.local.messages import Scores
from engine.local.models.files import revision_of
from engine.local.models.pick import matching_reranker
from engine.local.models.resolve import locate
from engine.records import RanOn, RerankerInfo, ScoreKind, StagePart
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.registry import RerankContext
from engine.settings.schema import RerankSettings

WINDOW = 16
"""Documents that are scored before the next ones are looked at, unless ``rerank.batch`` is larger."""


def spec_of(settings: RerankSettings, context: RerankContext) -> ModelSpec:
    """The model that the settings name; left empty, the one that goes with the embedder. Raises ``ModelError``."""
    model = settings.model or matching_reranker(context.embedder)
    return ModelSpec(
        role="reranker",
        model=locate(model, "reranker", context.base_dir).name,
        revision=settings.revision,
        dtype=settings.dtype,
        device=settings.device,
        backend=settings.backend,
    )


class LocalReranker:
    """Raises ``ModelError`` where the model cannot be had, ``RerankerError`` where the worker fails."""

    cacheable = True

    def __init__(self, settings: RerankSettings, context: RerankContext, host: LocalHost) -> None:
        self._settings, self._context, self._host = settings, context, host
        self._spec = spec_of(settings, context)
        self._budget_s = context.deadline - asyncio.get_running_loop().time()
        self._warning = ""
        self._load: tuple[float, float] | None = None
        self.window = max(WINDOW, settings.batch)

    async def open(self) -> None:
        """Load the model, unless these very files were loaded before in this session: what it is is then known."""
        if (folder := Path(self._spec.model)).is_absolute():
            revision = await run_in(self._context.executor, revision_of, folder)
            self._spec = msgspec.structs.replace(self._spec, revision=revision)
        if self._host.known(self._spec) is None:
            begin = time.perf_counter()
            await self._host.open_model(self._spec)
            self._load = begin, time.perf_counter()

    @property
    def info(self) -> RerankerInfo:
        """The model as it was resolved; by name alone before it was ever open."""
        info, settings = self._host.known(self._spec), self._settings
        if info is None:
            return RerankerInfo("local", self._spec.model, kind=ScoreKind.LOGIT, ran_on=RanOn.WORKER)
        return RerankerInfo(
            "local",
            info.model,
            info.revision,
            info.device,
            info.dtype,
            info.backend,
            self._instruction(info) if info.instructed else "",
            settings.token_budget or info.budget,
            ScoreKind(info.kind),
            ran_on=RanOn.WORKER,
            scope=scope(info, self._instruction(info)),
            warnings=tuple(filter(None, (*info.notes, _unheard(info, settings), self._warning))),
        )

    def _instruction(self, info: ModelInfo) -> str:
        """The task in words: as set, else as suits the corpus, else the model's own."""
        return instruction_for(self._settings.instruction, self._context.corpus, info.instruction)

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        """The scores, batch by batch."""
        self._warning = self._host.speed.warning(self._spec, len(documents), self._budget_s)
        settings = self._settings
        waits, asked = not self._host.has(self._spec), time.perf_counter()
        answers = self._host.score(
            self._spec,
            query,
            [document.text for document in documents],
            instruction=self._instruction(info) if (info := self._host.known(self._spec)) else settings.instruction,
            max_tokens=settings.max_tokens,
            window=self.window,
            batch=settings.batch,
            budget=settings.token_budget,
        )
        seconds, done = 0.0, 0
        try:
            async with aclosing(answers):
                async for scores in answers:
                    seconds = (scores.queue_ms + scores.tokenise_ms + scores.forward_ms) / 1e3
                    done += len(scores.scores)
                    if waits and self._load is None:
                        self._load = asked, time.perf_counter() - seconds
                    yield _batch(scores, parts(scores, asked, self._load))
        finally:
            self._host.speed.measured(self._spec, done, seconds)


def _batch(scores: Scores, split: tuple[StagePart, ...]) -> RerankBatch:
    tokens, totals = np.array(scores.tokens, dtype=np.int64), np.array(scores.totals, dtype=np.int64)
    raw = np.array(scores.scores, dtype=np.float64)
    raw[~np.isfinite(raw)] = math.nan  # a number format that overflowed: no answer rather than a wrong one
    return RerankBatch(scores.start, raw, tokens, totals, tokens < totals, parts=split)


def parts(scores: Scores, asked: float, load: tuple[float, float] | None) -> tuple[StagePart, ...]:
    """Where the time until now went, laid end to end: the model's ``load`` if it was waited for (its begin and end),
    then, since ``asked`` or that end, queue (the way through the pipe is part of it), tokenise and forward, each the
    sum of its spells."""
    now = time.perf_counter() * 1e3
    forward, tokenise = now - scores.forward_ms, now - scores.forward_ms - scores.tokenise_ms
    queue = min(max(asked, load[1] if load else 0.0) * 1e3, tokenise)
    loading = (StagePart("load", load[0] * 1e3, load[1] * 1e3),) if load else ()
    return (
        *loading,
        StagePart("queue", queue, tokenise),
        StagePart("tokenise", tokenise, forward),
        StagePart("forward", forward, now),
    )


def scope(info: ModelInfo, instruction: str) -> str:
    """What a score depends on beside model, revision and number format: how and where it is computed, and the task."""
    task = instruction if info.instructed else ""
    return msgspec.json.encode([info.backend, info.device.partition(":")[0], task]).decode()


def _unheard(info: ModelInfo, settings: RerankSettings) -> str:
    return f"{info.model} takes no instruction" if settings.instruction and not info.instructed else ""
