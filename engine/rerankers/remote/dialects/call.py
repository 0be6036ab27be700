"""What a dialect is asked and what it answers: values only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from engine.records import FloatArray, IntArray, ScoreKind
from engine.remote.wire import WireRequest

if TYPE_CHECKING:
    from engine.rerankers.remote.providers import Provider
    from engine.secrets import Secret


@dataclass(frozen=True, slots=True)
class RerankCall:
    """One request's worth of reranking: at least one document, none of them blank, within the provider's caps.

    instruction, max_tokens  sent only where the provider's row names a request field for them; '' and 0: not at all
    base_url                 '' is the provider's own
    at                       when it is sent; a signature holds for some minutes around it
    """

    provider: Provider
    query: str
    documents: Sequence[str]
    model: str = ""
    instruction: str = ""
    max_tokens: int = 0
    base_url: str = ""
    key: Secret | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def option(self, name: str) -> str:
        """The provider's option (region, project), '' where it has none."""
        return self.provider.options.get(name, "")


@dataclass(frozen=True, slots=True)
class ParsedScores:
    """An answer, put back into the order that was asked.

    scores     float64[n], NaN where the service gave none: unscored, never 0
    positions  int64[n], the place in the service's own order from 0, −1 where unscored: some sort by a finer score
               than they report
    kind       what the scores are
    usage      amount by unit (``tokens``, ``searches``, ``words``, ``usd``), only what the service reports
    server_ms  where the service says the time went on its side, in the order in which it went
    model      as the service names it, '' where it does not
    warnings   sentences for the user
    """

    scores: FloatArray
    positions: IntArray
    kind: ScoreKind
    usage: Mapping[str, float] = field(default_factory=dict)
    server_ms: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def none(cls, n: int, kind: ScoreKind) -> ParsedScores:
        """Nothing answered yet."""
        return cls(np.full(n, np.nan), np.full(n, -1, dtype=np.int64), kind)

    @property
    def answered(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.scores)))


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A further request that the same call needs (its answer is not ready, or has more pages), and when to send it."""

    request: WireRequest
    pause_s: float = 0.0
