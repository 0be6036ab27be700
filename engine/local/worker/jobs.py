"""What the worker has to do, and whose turn it is. No threads, no torch: the loop holds the lock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from engine.local.base import ModelSpec, Pair
from engine.local.messages import Encode, Open, Score, Scores


@dataclass(slots=True, eq=False)
class Job:
    """A request that is not done. ``cancelled`` is looked at between batches."""

    id: int
    spec: ModelSpec
    came: float = field(default_factory=time.perf_counter)
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class OpenJob(Job):
    """Wants the model's description alone."""

    @classmethod
    def of(cls, ask: Open) -> OpenJob:
        return cls(ask.id, ask.spec)


@dataclass(slots=True, eq=False)
class EncodeJob(Job):
    """``at`` texts have their vectors."""

    ask: Encode = field(kw_only=True)
    at: int = 0

    @classmethod
    def of(cls, ask: Encode) -> EncodeJob:
        return cls(ask.id, ask.spec, ask=ask)

    def take(self, characters: int) -> list[str]:
        """The next texts, of about that many characters together; at least one. A query is taken whole."""
        start, room = self.at, characters
        while self.at < len(self.ask.texts) and (room > 0 or self.ask.as_query):
            room -= len(self.ask.texts[self.at]) + 1
            self.at += 1
        return self.ask.texts[start : self.at]

    @property
    def done(self) -> bool:
        return self.at >= len(self.ask.texts)


@dataclass(slots=True, eq=False)
class ScoreJob(Job):
    """``taken`` texts are on their way or scored, ``sent`` are answered. Scores leave as a prefix."""

    ask: Score = field(kw_only=True)
    texts: list[str] = field(default_factory=list)
    taken: int = 0
    sent: int = 0
    scores: list[float | None] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    tokenise_s: float = 0.0
    forward_s: float = 0.0

    @classmethod
    def of(cls, ask: Score) -> ScoreJob:
        return cls(ask.id, ask.spec, ask=ask)

    @property
    def waiting(self) -> bool:
        """Whether there are texts that nobody took."""
        return not self.cancelled and self.taken < len(self.texts)

    @property
    def done(self) -> bool:
        return self.sent == self.ask.total

    def window(self) -> list[str]:
        """Take the next texts."""
        start = self.taken
        self.taken = min(len(self.texts), start + max(1, self.ask.window))
        self.scores += [None] * (self.taken - start)
        return self.texts[start : self.taken]

    def ids_made(self, pairs: Sequence[Pair], seconds: float) -> None:
        """Note what the texts taken last came to."""
        self.tokens += [pair.tokens for pair in pairs]
        self.totals += [pair.total for pair in pairs]
        self.tokenise_s += seconds

    def ready(self) -> Scores | None:
        """The scores that have come since the last answer, as far as they have no gap."""
        start = self.sent
        found = list(takewhile(lambda score: score is not None, self.scores[start:]))
        if not found:
            return None
        self.sent = end = start + len(found)
        waited = time.perf_counter() - self.came - self.tokenise_s - self.forward_s
        return Scores(
            self.id,
            start,
            [score for score in found if score is not None],
            self.tokens[start:end],
            self.totals[start:end],
            max(0.0, waited) * 1e3,
            self.tokenise_s * 1e3,
            self.forward_s * 1e3,
        )


class Turns:
    """Jobs by turns: who was served goes to the back."""

    def __init__(self) -> None:
        self.scores: deque[ScoreJob] = deque()
        self.queries: deque[EncodeJob] = deque()
        self.documents: deque[EncodeJob] = deque()
        self._documents_next = False

    def add(self, job: EncodeJob | ScoreJob) -> None:
        if isinstance(job, ScoreJob):
            self.scores.append(job)
        else:
            (self.queries if job.ask.as_query else self.documents).append(job)

    def drop(self, job: EncodeJob | ScoreJob) -> None:
        """Forget a job, wherever it waits."""
        queue: deque[ScoreJob] | deque[EncodeJob]
        for queue in (self.scores, self.queries, self.documents):
            if job in queue:
                queue.remove(job)  # type: ignore[arg-type]

    def query(self, loaded: Sequence[ModelSpec]) -> EncodeJob | None:
        """The query that has waited longest for a vector of one of the loaded models."""
        return next((job for job in self.queries if job.spec in loaded), None)

    def next(self, loaded: Sequence[ModelSpec]) -> EncodeJob | list[ScoreJob] | None:
        """What to do now: a query's vector, else by turns documents to embed and documents to score. Those to score are
        the jobs of one model, the longest waiting first."""
        if (query := self.query(loaded)) is not None:
            return query
        encode = next((job for job in self.documents if job.spec in loaded), None)
        first = next((job for job in self.scores if job.spec in loaded and job.waiting), None)
        if encode is not None and (first is None or self._documents_next):
            self._documents_next = False
            self.documents.rotate(-1)
            return encode
        if first is None:
            return None
        self._documents_next = True
        return [job for job in self.scores if job.spec == first.spec and job.waiting]

    def served(self, jobs: Sequence[ScoreJob]) -> None:
        """To the back, in the order served."""
        for job in jobs:
            if job in self.scores:
                self.scores.remove(job)
                self.scores.append(job)
