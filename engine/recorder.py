"""Writing a recording: each search as it ends, what they share at the end, nothing of it secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from engine import __version__
from engine.errors import StoreError
from engine.files import replacing
from engine.recording_format import (
    FORMAT,
    VERSION,
    Array,
    Head,
    LegSection,
    RerankerSection,
    SearchSection,
    SectionWriter,
    Shared,
    Sink,
)
from engine.records import Document, StageReport
from engine.report import settings_json
from engine.rerankers.ledger import UNSCORED, rerank_key
from engine.search import Search
from engine.secrets import mask
from engine.settings.schema import LexicalLeg, RerankSettings, Settings
from engine.stores.base import Explanation, Highlight, StoreInfo
from engine.trace import Trace

TEXTS = 100
"""Documents of each list, from its top, whose texts and terms are kept."""


@contextmanager
def recorder(path: Path, settings: Settings, info: StoreInfo, *, texts: int = TEXTS) -> Iterator[Recorder]:
    """What takes the searches of one settings and one store into a file, which is there when the block ends well.

    An exception, Ctrl-C among them, leaves no file, or the older one as it was. ``texts`` 0 keeps no stored fields.
    """
    with replacing(path) as file:
        taking = Recorder(file.buffer, settings, info, texts=texts)
        yield taking
        taking.close()


class Recorder:
    """Takes searches into a binary file; ``close`` ends the recording. ``searches`` counts them."""

    def __init__(self, file: Sink, settings: Settings, info: StoreInfo, *, texts: int = TEXTS) -> None:
        self.searches = 0
        self._settings = settings
        self._info = info
        self._texts = texts
        self._places: dict[str, int] = {}
        self._documents: dict[int, bytes] = {}
        self._writer = SectionWriter(file)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._writer.write(Head(format=FORMAT, version=VERSION, rankscope=__version__, recorded=now))

    async def add(self, id_: str, search: Search) -> str:
        """Take a search as its latest trace shows it; '' or why its texts and terms are not in the recording."""
        trace = search.rank(self._settings)
        told, problem = await self._tell(search, trace)
        self._documents |= {self._places_of([d.id])[0]: msgspec.json.encode(d.fields) for d in told.documents}
        self._writer.write(self._section(id_, search, trace, told))
        self.searches += 1
        return problem

    def close(self) -> None:
        """Write what the searches share, and end the stream."""
        settings = settings_json(self._settings)
        ids, texts = list(self._places), self._texts > 0
        self._writer.write(Shared(settings=settings, info=self._info, ids=ids, documents=self._documents, texts=texts))
        self._writer.close()

    async def _tell(self, search: Search, trace: Trace) -> tuple[_Told, str]:
        """What is to be kept of documents, and what went wrong with it."""
        ids = worth_telling(trace, self._texts) if self._texts else []
        try:
            return await _told(search, trace, ids), ""
        except StoreError as error:
            return _Told(), f"texts and terms are left out: {error.message}"

    def _section(self, id_: str, search: Search, trace: Trace, told: _Told) -> SearchSection:
        pool, ledger = trace.pool, search.ledger
        rerank = ledger.effective(trace.settings).rerank
        top = [pool.ids[row] for row in trace.ranking.fused_order[: rerank.top_n]]
        return SearchSection(
            id=id_,
            query=trace.query,
            candidates=self._array_of(pool.ids),
            legs=list(_legs(trace)),
            features={
                trace.settings.features[name].field: Array.of(pool.features[:, column])
                for column, name in enumerate(pool.feature_names)
            },
            groups={trace.settings.cut.group: list(pool.groups)} if pool.groups else {},
            analysis=trace.analysis,
            rerankers=[self._reranker(search, settings) for settings in ledger.rerankers()],
            unanswered=self._array_of(ledger.unknown(rerank, top) if rerank.enabled else ()),
            stages=[_masked(stage) for stage in trace.stages],
            told=self._array_of([document.id for document in told.documents]),
            terms=list(told.explanation.terms),
            contributions=Array.of(told.explanation.contributions),
            highlights=Array.of(told.spans, "<i4"),
            names=told.names,
        )

    def _reranker(self, search: Search, settings: RerankSettings) -> RerankerSection:
        known, info = search.ledger.known(settings), search.ledger.info(settings)
        scored = known.values()
        return RerankerSection(
            settings=msgspec.json.decode(rerank_key(settings)),
            info=replace(info, usage={}) if info else None,
            usage=dict(info.usage) if info else {},
            ids=self._array_of(list(known)),
            raw=Array.of([each.raw for each in scored]),
            tokens=Array.of([each.tokens for each in scored], "<i4"),
            truncated=Array.of([each.truncated for each in scored], "|b1"),
            blank=Array.of([each is UNSCORED for each in scored], "|b1"),
            token_similarity=Array.of([each.token_similarity for each in scored]),
            cosine=Array.of([each.cosine for each in scored]),
            stood_in=search.ledger.stands_in(settings),
            total=Array.of([each.total for each in scored], "<i4"),
        )

    def _places_of(self, ids: Sequence[str]) -> list[int]:
        """Where the ids stand in the recording's; new ones at the end."""
        return [self._places.setdefault(i, len(self._places)) for i in ids]

    def _array_of(self, ids: Sequence[str]) -> Array:
        return Array.of(self._places_of(ids), "<i4")


@dataclass(frozen=True, slots=True)
class _Told:
    """What is kept of documents. ``spans`` are rows of ``SearchSection.highlights``, ``names`` what they point to."""

    documents: list[Document] = field(default_factory=list)
    explanation: Explanation = field(default_factory=lambda: Explanation((), np.zeros((0, 0))))
    spans: list[list[int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def worth_telling(trace: Trace, texts: int) -> list[str]:
    """Ids of the documents that a screen may come to show: the first ``texts`` of every list, all results, and what was
    fetched already."""
    pool, ranking, cut = trace.pool, trace.ranking, trace.settings.cut
    depth = max(texts, cut.offset + cut.top_k)
    rows = [*ranking.order[:depth], *ranking.fused_order[:depth]]
    for column in range(len(pool.legs)):
        scores = np.where(pool.returned[:, column], pool.scores[:, column], -np.inf)
        rows += [*np.argsort(-scores, kind="stable")[: min(depth, int(pool.returned[:, column].sum()))]]
    return list(dict.fromkeys((*(pool.ids[row] for row in rows), *trace.documents)))


async def _told(search: Search, trace: Trace, ids: list[str]) -> _Told:
    """Texts, terms and matched spans of these documents. Raises ``StoreError``."""
    fetched = await search.fetch(ids)
    told = _Told([fetched[i] for i in ids])
    leg = next((leg for leg in trace.settings.legs.values() if isinstance(leg, LexicalLeg)), None)
    if leg is None or search.query.blank or not ids:
        return told
    store = search.resources.store
    told = replace(told, explanation=await store.explain(search.query, leg, ids))
    places: dict[str, int] = {}
    for row, document in enumerate(told.documents):
        found: list[Highlight] = await store.highlights(search.query, leg, document)
        for span in found:
            name, term = (places.setdefault(text, len(places)) for text in (span.field, span.term))
            told.spans.append([row, name, span.start, span.end, term])
    return replace(told, names=list(places))


def _legs(trace: Trace) -> Iterator[LegSection]:
    pool = trace.pool
    for column, leg in enumerate(pool.legs):
        parts = pool.field_scores.get(leg.name)
        yield LegSection(
            leg=leg,
            scores=Array.of(pool.scores[:, column]),
            returned=Array.of(pool.returned[:, column], "|b1"),
            total=trace.totals[leg.name],
            field_names=pool.field_names.get(leg.name, ()),
            field_scores=None if parts is None else Array.of(parts),
        )


def _masked(stage: StageReport) -> StageReport:
    outcome = stage.outcome
    return replace(stage, outcome=replace(outcome, text=mask(outcome.text), hint=mask(outcome.hint)))
