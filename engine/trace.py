"""The whole account of one search, and the events that lead up to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.analysis.query import Query
from engine.loading import Loading
from engine.records import (
    Analysis,
    CandidatePool,
    Document,
    Outcome,
    Ranking,
    RerankerInfo,
    RerankScores,
    StageReport,
)
from engine.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything one search found and did. Frozen and additive: a later stage adds, it overwrites nothing.

    totals     per leg, the documents that match beyond its top_k as well
    documents  those fetched so far, by id
    stages     in the order they ended; a leg's report has the leg's name
    settings   as they ran
    cascade    the rerankers of the further stages, None for one that was not asked
    """

    query: Query
    settings: Settings
    pool: CandidatePool
    rerank: RerankScores
    ranking: Ranking
    analysis: Analysis = field(default_factory=Analysis)
    stages: tuple[StageReport, ...] = ()
    totals: Mapping[str, int] = field(default_factory=dict)
    reranker: RerankerInfo | None = None
    documents: Mapping[str, Document] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cascade: tuple[RerankerInfo | None, ...] = ()

    def stage(self, name: str) -> StageReport | None:
        """The latest report of that stage."""
        return next((stage for stage in reversed(self.stages) if stage.name == name), None)

    @property
    def unvectored_legs(self) -> tuple[str, ...]:
        """The legs that failed because the query could not be embedded: their outcome is the embedder's."""
        stage = self.stage("embed")
        return tuple(name for name, outcome in self.failed_legs.items() if stage and stage.outcome == outcome)

    @property
    def wall_ms(self) -> float:
        """From the query's start to the last stage's end."""
        return max((stage.end_ms for stage in self.stages), default=0.0)

    @property
    def failed_legs(self) -> Mapping[str, Outcome]:
        return {s.name: s.outcome for s in self.stages if s.name in self.settings.legs and s.outcome.status == "failed"}


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage began, ``at_ms`` after the query did."""

    name: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage other than a leg ended."""

    report: StageReport


@dataclass(frozen=True, slots=True)
class LegFinished:
    """A leg ended, with how many candidates it returned."""

    report: StageReport
    returned: int


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """The stage waits for a local model, ``loading`` says how far that is; None: it is there, or will not come. The
    stage's budget stands still meanwhile."""

    stage: str
    loading: Loading | None


@dataclass(frozen=True, slots=True)
class Fused:
    """The fused list stands and its first texts are here: paint it."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class RerankProgress:
    """More of the first ``top_n`` have scores; ``trace.ranking`` already counts them. It is put together by ``look``
    once somebody does: most progress is passed by."""

    done: int
    total: int
    look: Callable[[], Trace]

    @property
    def trace(self) -> Trace:
        return self.look()


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more will come."""

    trace: Trace


Event = StageStarted | StageFinished | LegFinished | ModelLoading | Fused | RerankProgress | Finished
