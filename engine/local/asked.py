"""A request to the worker, as the one who waits for it holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.loading import Listener, Loading
from engine.local.base import ModelSpec
from engine.local.messages import Done, Encode, Failed, Open, Opened, Score, Scores, Texts, Vectors
from engine.local.process import WorkerProcess

_SLICE = 1 << 18
"""Characters of text in one message: no frame of a screen waits for a longer one to be packed."""


@dataclass(slots=True)
class Asked:
    """What waits for answers under one id. ``None`` in the queue is a worker that ended."""

    id: int
    spec: ModelSpec
    listener: Listener | None
    worker: WorkerProcess | None = None
    answers: asyncio.Queue[Opened | Scores | Vectors | Done | Failed | None] = field(default_factory=asyncio.Queue)
    told: bool = False
    ended: bool = False

    async def send(self, message: Open | Score | Texts | Encode) -> None:
        assert self.worker is not None
        await self.worker.send(message)

    def tell(self, loading: Loading | None) -> None:
        """Pass on how far its model is; the end only to those who heard of a beginning."""
        if self.listener is not None and (loading is not None or self.told):
            self.told = loading is not None
            self.listener(loading)


def slices(texts: Sequence[str]) -> list[list[str]]:
    """The texts in consecutive lists of about ``_SLICE`` characters."""
    slices: list[list[str]] = []
    room = 0
    for text in texts:
        if room <= 0:
            slices.append([])
            room = _SLICE
        slices[-1].append(text)
        room -= len(text)
    return slices
