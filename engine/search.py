"""One query's search: what was asked for it so far, and the trace that follows from any settings.

``run(settings)`` does what is missing for these settings: everything at first; later only a leg that was raised from
weight 0, newcomers to the first N, another reranker. ``turn(settings)`` asks nothing: it ranks what is here, and on a
store near enough re-selects the lexical leg for another k1, b or boost. Both end in the same ``rank()``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from engine.analysis.query import Query
from engine.asking import rerank
from engine.embedders.registry import runs_on
from engine.ranking import Fuser, Weighting, rank
from engine.records import Analysis, Document, Outcome, QueryTerm, RanOn, RerankScores, StageReport
from engine.rerankers.cascade import FIRST, rerank_stages, window
from engine.rerankers.ledger import RerankLedger, rerank_scores
from engine.resources import Resources
from engine.retrieval import Retrieval, reselect
from engine.settings.schema import DenseLeg, LexicalLeg, RerankSettings, Settings
from engine.stages import StageRecorder
from engine.stores.base import FacetCount, Highlight
from engine.trace import Event, Finished, Fused, Trace


@dataclass(frozen=True, slots=True)
class Missing:
    """What ``run`` would have to ask for: legs to run, and documents to score."""

    legs: tuple[str, ...] = ()
    rerank: int = 0

    def __bool__(self) -> bool:
        return bool(self.legs) or self.rerank > 0


class Search:
    """One query against one pipeline. Not for use from several tasks at once: a new ``run`` replaces the old.

    ``shown`` is how much of the fused list somebody is about to look at: so many texts are fetched with it, beside the
    results' and those that are reranked.
    """

    def __init__(self, resources: Resources, query: Query) -> None:
        self.query = query
        self.shown = 0
        self.resources = resources
        self.retrieval = Retrieval(resources.store.info, query)
        self.ledger = RerankLedger()
        self._latest: Callable[[], Trace] | None = None
        self._fuser = Fuser()
        self._analysis: tuple[LexicalLeg, Analysis] | None = None
        self._documents: dict[str, Document] = {}
        self._stages: dict[str, StageReport] = {}

    # --- what needs no asking -------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace | None:
        """The latest, None before the first."""
        return self._latest() if self._latest else None

    def turn(self, settings: Settings) -> Trace:
        """Rank what is here by these settings."""
        reselect(self.retrieval, self.resources.store, settings)
        return self.rank(settings)

    @property
    def analysis(self) -> Analysis:
        """The query's terms, empty until they were asked for."""
        return self._analysis[1] if self._analysis else Analysis()

    def stage(self, name: str) -> StageReport | None:
        """The latest report of that stage."""
        return self._stages.get(name)

    def _reports(self, stages: Mapping[str, RerankSettings]) -> tuple[StageReport, ...]:
        """The latest reports. Each rerank stage is told of as its present reranker did it, if that was asked."""
        found: dict[str, StageReport | None] = {
            name: report for name, report in self._stages.items() if name in stages or not name.startswith(f"{FIRST}.")
        }
        for name in stages.keys() & found.keys():
            own, last = self.ledger.report(stages[name]), self._stages[name]
            if own or self.ledger.reported(last):
                found[name] = own
        return tuple(report for report in found.values() if report is not None)

    def missing(self, settings: Settings) -> Missing:
        """What ``run`` would ask for. Scores are counted for the fused list as it stands."""
        if self.query.blank:
            return Missing()
        self.ledger.heed(settings)
        legs = self.retrieval.missing(settings)
        unscored = 0
        if settings.rerank.enabled and self.trace is not None:
            stages = rerank_stages(self.ledger.effective(settings))
            ids = self.top_ids(settings, self.trace)
            for index, stage in enumerate(stages.values()):
                asked = window(self.trace, index, stage.top_n) if index < len(self.trace.ranking.stages) else []
                unscored += len(self.ledger.unknown(stage, asked if index else ids))
        return Missing(legs, unscored)

    def rank(self, settings: Settings) -> Trace:
        """The trace of what is here under these settings; it becomes the latest."""
        put_off = self._ranked(settings)
        trace = put_off()
        self._latest = put_off
        return trace

    def rank_later(self, settings: Settings) -> Callable[[], Trace]:
        """The same, ranked with the first look at it, by the scores that are known now."""
        self._latest = self._ranked(settings)
        return self._latest

    def _ranked(self, settings: Settings) -> Callable[[], Trace]:
        self.ledger.heed(settings)
        query, hits, documents, analysis = self.query, self.retrieval.hits, self._documents, self.analysis
        pool, effective = self.retrieval.pool(settings), self.ledger.effective(settings)
        askings = rerank_stages(effective)
        known = [(dict(self.ledger.known(each)), self.ledger.info(each), each) for each in askings.values()]
        rows = self.retrieval.rows(settings) if any(scores for scores, _, _ in known) else {}
        stages = self._reports(askings)
        totals = {name: hits[name].total for name in settings.legs if name in hits}
        fuse = self._fuser  # and not self: a search that is done is to go without the collector
        noted = self.resources.notes(settings)

        @cache
        def trace() -> Trace:
            found = [rerank_scores(*each, effective, pool, rows) for each in known]
            first, *further = found or [RerankScores.none(len(pool))]
            scores = replace(first, cascade=tuple(further)) if further else first
            weighting = Weighting.of(effective)
            ranking = rank(pool, scores, weighting, fuse(pool, weighting))
            reranker, *cascade = [info for _, info, _ in known] or [None]
            said = [*noted, *(text for info in (reranker, *cascade) if info for text in info.warnings)]
            return Trace(
                query,
                settings,
                pool,
                scores,
                ranking,
                analysis,
                stages,
                totals,
                reranker,
                documents,
                (*ranking.warnings, *said),
                tuple(cascade),
            )

        return trace

    @staticmethod
    def top_ids(settings: Settings, trace: Trace) -> list[str]:
        return [trace.pool.ids[row] for row in trace.ranking.fused_order[: settings.rerank.top_n]]

    # --- asking ---------------------------------------------------------------------------------------------------

    async def run(self, settings: Settings) -> AsyncGenerator[Event, None]:
        """Do what is missing, event by event, ending with ``Finished``. Closing the iterator cancels the work.

        A failing leg, embedder or reranker becomes an outcome. Raises ``SettingsError`` for settings that cannot rank.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        recorder = self._recorder(settings, events.put_nowait)
        task = asyncio.create_task(self._drive(settings, recorder), name="search")
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield Finished(task.result())
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _recorder(self, settings: Settings, emit: Callable[[Event], None]) -> StageRecorder:
        base = max((stage.end_ms for stage in self._stages.values()), default=0.0)
        return StageRecorder(emit, settings.budget.query_ms, base)

    async def finish(self, settings: Settings) -> Trace:
        """What ``run`` ends with, for those who do not follow it on its way."""
        return await self._drive(settings, self._recorder(settings, lambda _: None))

    async def _drive(self, settings: Settings, recorder: StageRecorder) -> Trace:
        try:
            if self.query.blank:
                recorder.skipped("analyse", "blank", "nothing was typed")
                return await self._settled(settings, recorder)
            await self._retrieve(settings, recorder)
            await self._complete(settings, recorder)
            trace = await self._fuse(settings, recorder)
            recorder.emit(Fused(trace))
            await rerank(self, settings, recorder, self.top_ids(settings, trace))
            return await self._settled(settings, recorder)
        finally:
            self._keep(recorder)

    def _keep(self, recorder: StageRecorder) -> None:
        self._stages.update({report.name: report for report in recorder.reports})

    async def _settled(self, settings: Settings, recorder: StageRecorder) -> Trace:
        """The last ranking, with the stages ``blend`` and ``cut`` reported."""
        start = recorder.started("blend")
        trace = self.rank(settings)
        scored = int((trace.ranking.rerank_score == trace.ranking.rerank_score).sum())
        recorder.finished("blend", start, RanOn.LOOP, Outcome(done=scored, total=len(trace.ranking.order)))
        start = recorder.started("cut")
        done = Outcome(done=len(trace.ranking.results), total=len(trace.ranking.order))
        recorder.finished("cut", start, RanOn.LOOP, done)
        await self._fetch_shown(settings, trace, recorder)
        return self._with_stages(trace, recorder)

    def _with_stages(self, trace: Trace, recorder: StageRecorder) -> Trace:
        """The trace with what was reported since it was ranked, and the texts fetched; it becomes the latest."""
        self._keep(recorder)
        if self.retrieval.pool(trace.settings) is not trace.pool:  # turned while texts were fetched
            return self.rank(trace.settings)
        stages = self._reports(rerank_stages(self.ledger.effective(trace.settings)))
        told = replace(trace, stages=stages, documents=self._documents)
        self._latest = lambda: told
        return told

    async def _retrieve(self, settings: Settings, recorder: StageRecorder) -> None:
        """Analyse, embed and the missing legs, concurrently; each may fail alone."""
        missing = self.retrieval.missing(settings)
        for name in missing:
            self._stages.pop(name, None)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._analyse(settings, recorder))
            for name in settings.legs:
                if name in missing:
                    group.create_task(self._leg(name, settings, recorder))
                elif settings.weights.get(name, 0) <= 0 and name not in self.retrieval.hits:
                    recorder.skipped(name, "weight-zero", f"weights.{name} is 0")

    async def _analyse(self, settings: Settings, recorder: StageRecorder) -> None:
        leg = next((leg for leg in settings.legs.values() if isinstance(leg, LexicalLeg)), None)
        if leg is None or (self._analysis is not None and self._analysis[0] == leg):
            return
        store = self.resources.store
        analysis = await recorder.run(
            "analyse",
            lambda: store.analyze(self.query, leg),
            ran_on=store.info.ran_on,
            budget_ms=settings.budget.leg_ms,
        )
        if analysis is not None:
            self._analysis = (leg, analysis)

    async def _leg(self, name: str, settings: Settings, recorder: StageRecorder) -> None:
        leg = settings.legs[name]
        if isinstance(leg, DenseLeg) and not await self._embed(name, leg, settings, recorder):
            self.retrieval.absorb(name, settings, None)
            return
        request, store = self.retrieval.request(name, settings), self.resources.store
        hits = await recorder.run(
            name,
            lambda: store.search_leg(request),
            ran_on=store.info.ran_on,
            budget_ms=settings.budget.leg_ms,
            returned=lambda hits: len(hits.ids),
            account=lambda hits: (hits.time_parts, hits.missing),
        )
        self.retrieval.absorb(name, settings, hits)

    async def _embed(self, leg_name: str, leg: DenseLeg, settings: Settings, recorder: StageRecorder) -> bool:
        """Whether the query has a vector for the leg; if not, the leg is reported as skipped or failed."""
        vectors = self.retrieval.vectors
        if leg.embedder not in vectors:
            text = self.query.positive
            found: list[object] = []

            async def embed() -> bool:
                vectors[leg.embedder] = (
                    await self.resources.embed_query(leg.embedder, text, settings.remote) if text.strip() else None
                )
                found.append(True)
                return True

            ran_on = runs_on(leg.embedder)
            await recorder.run("embed", embed, ran_on=ran_on, budget_ms=settings.budget.leg_ms)
            if not found:
                report = next(r for r in reversed(recorder.reports) if r.name == "embed")
                start = recorder.started(leg_name)
                recorder.finished(leg_name, start, RanOn.LOOP, report.outcome, 0)
                return False
        if vectors[leg.embedder] is None:
            recorder.skipped(leg_name, "no-vector", "the query has no text that can be embedded")
            return False
        return True

    async def _complete(self, settings: Settings, recorder: StageRecorder) -> None:
        """The scores, features and groups that the legs did not bring."""
        retrieval, store = self.retrieval, self.resources.store
        wanted = retrieval.completions(settings)
        fields, feature_ids = retrieval.unknown_features(settings)
        group_ids = retrieval.unknown_groups(settings)
        if not (wanted or feature_ids or group_ids):
            return

        async def complete() -> int:
            answers = await asyncio.gather(*(store.complete(item.request, item.ids) for item in wanted))
            for item, hits in zip(wanted, answers, strict=True):
                retrieval.complete(item, hits)
            if feature_ids:
                retrieval.keep_features(fields, feature_ids, await store.feature_values(fields, feature_ids))
            if group_ids:
                name = settings.cut.group
                retrieval.keep_groups(name, group_ids, await store.group_values(name, group_ids))
            return sum(len(item.ids) for item in wanted)

        await recorder.run("complete", complete, ran_on=store.info.ran_on, budget_ms=settings.budget.leg_ms)

    async def _fuse(self, settings: Settings, recorder: StageRecorder) -> Trace:
        start = recorder.started("fuse")
        trace = self.rank(settings)
        recorder.finished("fuse", start, RanOn.LOOP, Outcome(done=len(trace.ranking.order), total=len(trace.pool)))
        await self._fetch_shown(settings, trace, recorder)
        return self._with_stages(trace, recorder)

    async def _fetch_shown(self, settings: Settings, trace: Trace, recorder: StageRecorder) -> None:
        """The texts of the results, of what is reranked, and of what somebody is about to look at."""
        depth = max(self.shown, settings.rerank.top_n if settings.rerank.enabled else 0)
        rows = (*trace.ranking.fused_order[:depth].tolist(), *trace.ranking.results.tolist())
        ids = [trace.pool.ids[row] for row in rows]
        if any(i not in self._documents for i in ids):
            ran_on = self.resources.store.info.ran_on
            await recorder.run("fetch", lambda: self.fetch(ids), ran_on=ran_on, budget_ms=settings.budget.leg_ms)

    async def fetch(self, ids: Sequence[str]) -> dict[str, Document]:
        """Stored fields of these documents; those already here are not asked for again."""
        absent = [i for i in dict.fromkeys(ids) if i not in self._documents]
        if absent:
            documents = await self.resources.store.fetch(absent)
            self._documents |= {document.id: document for document in documents}
        return {i: self._documents[i] for i in ids}

    async def explain(self, document_id: str) -> list[tuple[QueryTerm, float]]:
        """What each term of the query gives the document in each field of the lexical leg, largest first."""
        leg = self._lexical()
        if leg is None or self.query.blank:
            return []
        explanation = await self.resources.store.explain(self.query, leg, [document_id])
        found = zip(explanation.terms, explanation.contributions[0].tolist(), strict=True)
        return sorted(found, key=lambda pair: -pair[1])

    async def highlights(self, document_id: str) -> list[Highlight]:
        """The spans of the document's text that match the query, in reading order."""
        leg = self._lexical()
        if leg is None or self.query.blank:
            return []
        document = (await self.fetch([document_id]))[document_id]
        return await self.resources.store.highlights(self.query, leg, document)

    async def facets(
        self, fields: Sequence[str], size: int = 10, settings: Settings | None = None
    ) -> dict[str, list[FacetCount]]:
        """The most frequent values of these fields in everything that a leg matches: a lexical one where there is one.
        ``settings`` default to the latest.

        Raises ``SettingsError`` for a field that cannot be counted, ``StoreError``. None for a blank query.
        """
        settings = settings or (self.trace.settings if self.trace else None)
        if settings is None or self.query.blank:
            return {}
        legs = sorted(settings.legs, key=lambda name: not isinstance(settings.legs[name], LexicalLeg))
        return await self.resources.store.facets(self.retrieval.request(legs[0], settings), fields, size)

    def _lexical(self) -> LexicalLeg | None:
        """The first lexical leg of the latest settings."""
        legs = self.trace.settings.legs if self.trace else {}
        return next((leg for leg in legs.values() if isinstance(leg, LexicalLeg)), None)
