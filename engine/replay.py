"""A search answered by its recording alone: no index, model or network.

The same ``Search`` and the same ``rank()`` as live, so that weights, normaliser, combiner, blend and cut stay live.
What settings ask beyond the recording (another k1, a leg that was not run, a document without a rerank score) is a
stage that failed with the reason ``not-recorded``; with the settings as recorded every stage is as it was, times
included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import NoReturn

import msgspec
import numpy as np

from engine.analysis.query import Query
from engine.errors import RecordingError
from engine.recording_format import LegSection, RerankerSection, SearchSection
from engine.records import Analysis, Document, FieldValue, FloatArray, IntArray, Outcome, RanOn, StageReport, Status
from engine.rerankers.ledger import UNSCORED, RerankLedger, Scored, rerank_key
from engine.resources import Resources
from engine.retrieval import Retrieval, leg_key
from engine.search import Search
from engine.settings.schema import LexicalLeg, RerankSettings, Settings
from engine.stages import StageRecorder
from engine.stores.base import Explanation, FacetCount, Highlight, LegHits, LegRequest, StoreInfo
from engine.trace import Fused, Trace

NOT_RECORDED = "not-recorded"
FROZEN = "a recording has no index to ask: this stays as it was recorded"

_FIELDS = msgspec.json.Decoder(dict[str, FieldValue])


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the searches of a recording share. ``documents`` are stored fields as JSON by place in ``ids``."""

    settings: Settings
    info: StoreInfo
    ids: tuple[str, ...]
    documents: Mapping[int, bytes]
    places: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, info: StoreInfo, ids: Sequence[str], documents: Mapping[int, bytes]) -> Recorded:
        info = replace(info, live_knobs=frozenset(), frozen_reason=FROZEN)
        return cls(settings, info, tuple(ids), documents, {i: place for place, i in enumerate(ids)})

    def document(self, i: str) -> Document:
        """The stored fields, none where they were left out. Raises ``RecordingError`` for an id it does not have."""
        place = self.places.get(i)
        if place is None:
            raise RecordingError(f"the document {i} is not in the recording", hint="ask the index itself for it")
        content = self.documents.get(place)
        return Document(i, _FIELDS.decode(content) if content is not None else {})

    def ids_at(self, places: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.ids[place] for place in places)


class RecordedStore:
    """A ``Store`` that has what one search was told; without a search only the account of itself."""

    def __init__(self, recorded: Recorded, section: SearchSection | None = None) -> None:
        self.recorded = recorded
        self._section = section

    @property
    def info(self) -> StoreInfo:
        return self.recorded.info

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        return [self.recorded.document(i) for i in ids]

    async def analyze(self, query: Query, leg: LexicalLeg) -> Analysis:
        return self._section.analysis if self._section else Analysis()

    async def explain(self, query: Query, leg: LexicalLeg, ids: Sequence[str]) -> Explanation:
        """No terms where one of the documents was not told of."""
        rows = self._rows(ids)
        if self._section is None or -1 in rows:
            return Explanation((), np.zeros((len(ids), 0)))
        return Explanation(tuple(self._section.terms), self._section.contributions.get()[rows])

    async def highlights(self, query: Query, leg: LexicalLeg, document: Document) -> list[Highlight]:
        row = self._rows([document.id])[0]
        if self._section is None or row < 0:
            return []
        names, spans = self._section.names, self._section.highlights.get()
        found = spans[spans[:, 0] == row, 1:].tolist() if len(spans) else []
        return [Highlight(names[name], start, end, names[term]) for name, start, end, term in found]

    def _rows(self, ids: Sequence[str]) -> list[int]:
        """Places in what was told of documents, −1 where nothing was."""
        told = self._section.told.get().tolist() if self._section else []
        rows = {place: row for row, place in enumerate(told)}
        return [rows.get(self.recorded.places.get(i, -1), -1) for i in ids]

    async def search_leg(self, request: LegRequest) -> LegHits:
        _refuse(f"legs.{request.name} with these settings")

    async def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        _refuse(f"what legs.{request.name} gives {', '.join(ids)}")

    async def feature_values(self, fields: Sequence[str], ids: Sequence[str]) -> FloatArray:
        _refuse(f"the field {', '.join(fields)}")

    async def group_values(self, field: str, ids: Sequence[str]) -> list[str]:
        _refuse(f"the field {field}")

    async def facets(self, request: LegRequest, fields: Sequence[str], size: int = 10) -> dict[str, list[FacetCount]]:
        _refuse(f"counts of {', '.join(fields)}")

    def newer_generation(self) -> int | None:
        return None

    async def close(self) -> None:
        pass


def _refuse(what: str) -> NoReturn:
    raise RecordingError(f"{what}: not in the recording", hint="search the index itself for it")


class RecordedRetrieval(Retrieval):
    """What the legs answered. A leg that is set otherwise than it was recorded has no answer."""

    __slots__ = ()

    def answered(self, settings: Settings) -> list[str]:
        return [
            name for name in super().answered(settings) if self.keys[name] == leg_key(settings.legs[name], settings)
        ]


class ReplayedSearch(Search):
    """A search as it was recorded. ``run`` asks nothing; everything else is as live."""

    def __init__(self, resources: Resources, recorded: Recorded, section: SearchSection) -> None:
        super().__init__(replace(resources, store=RecordedStore(recorded, section)), section.query)
        self.recorded = recorded
        self.retrieval = _retrieval(recorded, section)
        self.ledger.heed(recorded.settings)
        for reranker in section.rerankers:
            _restore(self.ledger, reranker, recorded.ids_at(reranker.ids.get().tolist()))
        leg = next((leg for leg in recorded.settings.legs.values() if isinstance(leg, LexicalLeg)), None)
        self._analysis = None if leg is None else (leg, section.analysis)
        self._stages = {stage.name: stage for stage in section.stages}
        self._unanswered = frozenset(recorded.ids_at(section.unanswered.get().tolist()))
        told = recorded.ids_at(section.told.get().tolist())
        self._documents = {i: recorded.document(i) for i in told}

    def rank(self, settings: Settings) -> Trace:
        trace = super().rank(settings)
        if settings != self.recorded.settings:
            gaps = {report.name: report for report in self._gaps(settings, trace)}
            told = replace(trace, stages=tuple({**self._stages, **gaps}.values()))
            self._latest = lambda: told
            return told
        return trace

    async def _drive(self, settings: Settings, recorder: StageRecorder) -> Trace:
        trace = self.turn(settings)
        recorder.emit(Fused(trace))
        return trace

    def _gaps(self, settings: Settings, trace: Trace) -> Iterator[StageReport]:
        """A report for every stage that would have to ask for more than the recording has."""
        was = self.recorded.settings
        for name in self.retrieval.missing(settings):
            asked = name in was.legs and was.weights.get(name, 0) > 0
            if not asked or leg_key(settings.legs[name], settings) != leg_key(was.legs[name], was):
                text = f"legs.{name} as it is set now is not in the recording"
                yield _lack(name, Outcome(Status.FAILED, text=text))
        had = {feature.field for feature in was.features.values()}
        fields = [each.field for each in settings.features.values() if each.weight and each.field not in had]
        if fields:
            text = f"the values of {', '.join(fields)} are not in the recording"
            yield _lack("complete", Outcome(Status.FAILED, text=text))
        if not settings.rerank.enabled:
            yield _lack("rerank", Outcome(Status.SKIPPED, text="rerank.enabled is false"), "off")
        elif outcome := self._unscored(settings, trace):
            yield _lack("rerank", outcome)

    def _unscored(self, settings: Settings, trace: Trace) -> Outcome | None:
        """The outcome of reranking where documents of the first N were never asked of this reranker."""
        rerank = self.ledger.effective(settings).rerank
        ids = self.top_ids(settings, trace)
        known = self.ledger.known(rerank)
        was = self.ledger.effective(self.recorded.settings).rerank
        excused = self._unanswered if rerank_key(rerank) == rerank_key(was) else frozenset()
        newcomers = len([i for i in self.ledger.unknown(rerank, ids) if i not in excused])
        if not newcomers:
            return None
        blank = sum(known.get(i) is UNSCORED for i in ids)
        done = sum(i in known and known[i].raw == known[i].raw for i in ids)
        text = f"{newcomers} not in the recording"
        return Outcome(Status.PARTIAL if done else Status.FAILED, done, len(ids) - blank, text=text)


class UnrecordedSearch(Search):
    """A search that the recording does not hold: running it raises ``RecordingError``."""

    def __init__(self, resources: Resources, query: Query, error: RecordingError) -> None:
        super().__init__(resources, query)
        self._error = error

    async def _drive(self, settings: Settings, recorder: StageRecorder) -> Trace:
        raise self._error


def _lack(stage: str, outcome: Outcome, reason: str = NOT_RECORDED) -> StageReport:
    return StageReport(stage, 0.0, 0.0, RanOn.LOOP, replace(outcome, reason=reason))


def _retrieval(recorded: Recorded, section: SearchSection) -> RecordedRetrieval:
    """The legs' answers, put together as they came: what each returned, then the scores it was asked to complete."""
    settings, retrieval = recorded.settings, RecordedRetrieval(recorded.info, section.query)
    ids = recorded.ids_at(section.candidates.get().tolist())
    for leg in section.legs:
        rows = np.flatnonzero(leg.returned.get())
        best = rows[np.argsort(-leg.scores.get()[rows], kind="stable")]
        retrieval.absorb(leg.leg.name, settings, _hits(leg, ids, best))
    legs = {leg.leg.name: leg for leg in section.legs}
    row_of = {i: row for row, i in enumerate(ids)}
    for wanted in retrieval.completions(settings):
        rows = np.array([row_of[i] for i in wanted.ids], dtype=np.int64)
        retrieval.complete(wanted, _hits(legs[wanted.leg], ids, rows))
    for name, values in section.features.items():
        retrieval.keep_features((name,), ids, values.get()[:, None])
    for name, labels in section.groups.items():
        retrieval.keep_groups(name, ids, labels)
    return retrieval


def _hits(leg: LegSection, ids: tuple[str, ...], rows: IntArray) -> LegHits:
    """The leg's scores of these rows of the pool, in their order."""
    parts = None if leg.field_scores is None else leg.field_scores.get()[rows]
    return LegHits(
        tuple(ids[row] for row in rows.tolist()), rows, leg.scores.get()[rows], leg.total, leg.field_names, parts
    )


def _restore(ledger: RerankLedger, section: RerankerSection, ids: tuple[str, ...]) -> None:
    """Put one reranker's answers into the ledger; ``ids`` are those it was asked for."""
    settings = msgspec.convert(section.settings, RerankSettings)
    if section.info is not None:
        ledger.keep_info(settings, replace(section.info, usage=section.usage))
    if section.stood_in:
        ledger.stand_in(settings)
    columns = (section.raw, section.tokens, section.truncated, section.token_similarity, section.cosine)
    totals = repeat(-1) if section.total is None else section.total.get().tolist()
    answers = map(Scored, *(column.get().tolist() for column in columns), totals)
    blank = section.blank.get().tolist()
    ledger.known(settings).update(
        (i, UNSCORED if empty else answer) for i, answer, empty in zip(ids, answers, blank, strict=True)
    )
