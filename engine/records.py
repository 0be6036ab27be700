"""The records that travel through a search. All frozen; a stage adds its own and never overwrites another's.

Arrays are columnar over the pool: ``n`` documents, ``legs`` legs, ``f`` features. NaN is "there is no such number"
(absent, unscored), never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.settings.schema import FieldValue as FieldValue

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class ScoreKind(StrEnum):
    """What a raw score is, which decides its lower bound and whether it may be negative."""

    PROBABILITY = "probability"
    LOGIT = "logit"
    COSINE = "cosine"
    DOT = "dot"
    BM25 = "bm25"
    SPARSE = "sparse"
    JUDGE = "judge"
    FUSED = "fused"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """How a stage ended."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class RanOn(StrEnum):
    """Where a stage's work was done."""

    LOOP = "loop"
    THREAD = "thread"
    WORKER = "worker"
    REMOTE = "remote"


class DropRule(StrEnum):
    """The rule that kept a pool document out of the results."""

    TOP_K = "top_k"
    OFFSET = "offset"
    THRESHOLD = "threshold"
    SIMILARITY_THRESHOLD = "similarity_threshold"
    WEIGHT_ZERO = "weight-zero"
    FILTER = "filter"
    GROUP = "group"


DROP_RULES: tuple[DropRule | None, ...] = (None, *DropRule)
"""What the codes of ``Ranking.dropped`` mean: 0 is "not dropped"."""


BEGINNING = 200
"""Characters of its text that stand for a document without a title."""


@dataclass(frozen=True, slots=True)
class Document:
    """Stored fields of one document, as the source gave them; text is data and may hold anything. ``cut``: it is longer
    than what the embedder sees, and its vector stands for its beginning."""

    id: str
    fields: Mapping[str, FieldValue]
    cut: bool = False

    def text_of(self, name: str) -> str:
        """The field as text: lists joined by spaces, a missing field as ''."""
        value = self.fields.get(name)
        if value is None:
            return ""
        return " ".join(value) if isinstance(value, list) else str(value)

    @property
    def title(self) -> str:
        """What names the document in a list: its title, else how its text begins, else its id."""
        title = self.text_of("title")
        return title if title.strip() else self._beginning or self.id

    @property
    def _beginning(self) -> str:
        """The first words of its text: of the field of that name, else of the longest that has words."""
        texts = (value for value in self.fields.values() if isinstance(value, str) and " " in value)
        text = self.text_of("text") or max(texts, key=len, default="")
        return " ".join(text[:BEGINNING].split())


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a stage came, and why no further. ``reason`` is a short slug, ``text`` a sentence for the user, ``hint``
    the way out where one is known."""

    status: Status = Status.OK
    done: int = 0
    total: int = 0
    reason: str = ""
    text: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        return self.status is Status.OK


@dataclass(frozen=True, slots=True)
class StagePart:
    """A share of a stage's time that somebody else reports (an engine's ``took``, a worker's queue)."""

    name: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class StageReport:
    """One bar of the waterfall; offsets in milliseconds from the start of the query."""

    name: str
    start_ms: float
    end_ms: float
    ran_on: RanOn
    outcome: Outcome
    parts: tuple[StagePart, ...] = ()

    @property
    def ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg as the pool knows it. ``factor`` divides a raw score into Lucene's current BM25 formula."""

    name: str
    kind: ScoreKind
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """The candidates of one query, rows in pool order (the last tie-break).

    ids               n document ids, unique
    legs              the legs that were run, or whose scores were completed, in settings order
    scores            float64[n, legs], NaN where the leg has no score for the document
    returned          bool[n, legs], the leg found the document itself
    features          float64[n, f], 0 where the document lacks the feature
    field_scores      per leg name: the leg's per-field parts, float64[n, fields], in the order of field_names[leg];
                      their row sum is the leg's score where the leg adds its fields up
    groups            per row the value of the field that results are grouped by, '' for none; empty when ungrouped
    """

    ids: tuple[str, ...]
    legs: tuple[Leg, ...]
    scores: FloatArray
    returned: BoolArray
    feature_names: tuple[str, ...] = ()
    features: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    field_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    field_scores: Mapping[str, FloatArray] = field(default_factory=dict)
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def leg_names(self) -> tuple[str, ...]:
        return tuple(leg.name for leg in self.legs)

    @classmethod
    def empty(cls, legs: tuple[Leg, ...] = ()) -> CandidatePool:
        return cls((), legs, np.zeros((0, len(legs))), np.zeros((0, len(legs)), dtype=bool))


@dataclass(frozen=True, slots=True)
class RerankScores:
    """What a reranker said about pool rows, columnar over the pool.

    raw               float64[n], NaN where the document is unscored
    kind              of the raw scores
    token_similarity  float64[n] for the blend ``ragflow``, NaN where unknown
    tokens            int64[n] tokens the model saw, −1 where unknown
    truncated         bool[n]
    total             int64[n] tokens that query and document have together, −1 where unknown; None: of no document
    cascade           the same of each further stage, which scored the best of the one before
    """

    raw: FloatArray
    kind: ScoreKind
    token_similarity: FloatArray
    tokens: IntArray
    truncated: BoolArray
    total: IntArray | None = None
    cascade: tuple[RerankScores, ...] = ()

    @classmethod
    def none(cls, n: int) -> RerankScores:
        nan = np.full(n, np.nan)
        return cls(nan, ScoreKind.UNKNOWN, nan.copy(), np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=bool))

    @property
    def stages(self) -> tuple[RerankScores, ...]:
        """Every stage, the first one included."""
        return (self, *self.cascade)

    def tokens_of(self, row: int) -> tuple[int, int]:
        """Tokens that the model saw of this document's pair, and that the pair has; −1 where unknown."""
        return int(self.tokens[row]), -1 if self.total is None else int(self.total[row])


@dataclass(frozen=True, slots=True)
class RerankerInfo:
    """The reranker that ran, as resolved.

    backend   how a local model computes; ``token_budget`` bounds one forward pass of it
    usage     what the asking took, by unit: requests, attempts, tokens, searches, usd
    url       where it was asked, as it may be shown
    scope     what a score depends on beside the settings, for the cache
    listwise  a score depends on the other documents that were asked with it: all are asked together, or none
    limit     most documents of a query that it scores; 0: any number
    """

    provider: str
    model: str = ""
    revision: str = ""
    device: str = ""
    dtype: str = ""
    backend: str = ""
    instruction: str = ""
    token_budget: int = 0
    kind: ScoreKind = ScoreKind.UNKNOWN
    usage: Mapping[str, float] = field(default_factory=dict)
    ran_on: RanOn = RanOn.THREAD
    url: str = ""
    scope: str = ""
    listwise: bool = False
    limit: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RankedStage:
    """One stage of a cascade: int64[n] ``rank`` after it, from 1, and float64[n] ``score`` in 0…1, NaN where it scored
    nothing."""

    rank: IntArray
    score: FloatArray


@dataclass(frozen=True, slots=True)
class Ranking:
    """The pool put in order, and the whole account of why. Columnar over the pool (n rows) unless said.

    order             int64[m], the pool rows of every ranked document, best first, before the cut
    fused_order       int64[m], the same before reranking
    results           int64[≤ top_k], the rows that passed the cut, best first
    rank, fused_rank  int64[n], from 1; 0 where the document is not ranked. ``rank`` counts in ``order``
    score             float64[n], the final score of DESIGN §3 (rerank.score, the blend's value, or the fused score)
    fused_score       float64[n], NaN where not ranked
    leg_weight        float64[legs], effective: divided by the sum of the configured weights above 0
    normalized        float64[n, legs], NaN where the normaliser or combiner counted no score, or the row is not ranked
    contribution      float64[n, legs], weight × normalised (comb-mnz: × m); where absent, weight × the floor, mostly 0
    feature_contribution  float64[n, f]
    rerank_score      float64[n] in 0…1, NaN where unscored
    blend_fused, blend_rerank  float64[n], the two parts of the blend, NaN where it has none
    dropped           int8[n], indices into DROP_RULES; see ``drop_rule``
    warnings          sentences for the user
    stages            of a cascade, each of its stages in turn; empty where there is one reranker
    """

    order: IntArray
    fused_order: IntArray
    results: IntArray
    rank: IntArray
    fused_rank: IntArray
    score: FloatArray
    fused_score: FloatArray
    leg_weight: FloatArray
    normalized: FloatArray
    contribution: FloatArray
    feature_contribution: FloatArray
    rerank_score: FloatArray
    blend_fused: FloatArray
    blend_rerank: FloatArray
    dropped: npt.NDArray[np.int8]
    warnings: tuple[str, ...] = ()
    stages: tuple[RankedStage, ...] = ()

    def deepest(self, row: int) -> int:
        """Which stage of a cascade spoke last of pool row ``row``, from 0; 0 as well where none did."""
        scored = [index for index, stage in enumerate(self.stages) if stage.score[row] == stage.score[row]]
        return scored[-1] if scored else 0

    def drop_rule(self, row: int) -> DropRule | None:
        """The rule that kept pool row ``row`` out of the results, None for a result."""
        return DROP_RULES[int(self.dropped[row])]


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One analysed term of the query in one field.

    ``df`` documents of the field hold it; ``nearest`` lists close terms of the index when df is 0;
    ``weight`` is 1, or 0.25 for a synonym of ``source``.
    """

    text: str
    field: str
    weight: float
    df: int
    idf: float
    source: str = ""
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """The query as the store's analysers see it. ``keywords`` are what provider ``term`` compares with the documents,
    where the store's tokens are no analyser's."""

    terms: tuple[QueryTerm, ...] = ()
    positive_text: str = ""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
