"""The rerank stage of one search: who is asked for which documents, and how far it came."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from engine.records import CandidatePool, Outcome, RanOn, RerankerInfo, StagePart, Status
from engine.rerankers.base import Opens, Reranker
from engine.rerankers.cascade import FIRST, rerank_stages, window
from engine.rerankers.ledger import BEYOND, TERM, UNSCORED, fallback_settings, feature_sum
from engine.rerankers.several import asks
from engine.rerankers.stage import RerankStage
from engine.settings.schema import DenseLeg, RerankSettings, Settings
from engine.stages import StageRecorder, failure
from engine.trace import RerankProgress

if TYPE_CHECKING:
    from engine.search import Search

LIMIT = "limit"
"""The reason of an outcome where the reranker scores no more documents of one query than it did."""
_LOAD_MS = 1.0
"""Opening a reranker for longer than this was loading its model."""


async def rerank(search: Search, settings: Settings, recorder: StageRecorder, ids: list[str]) -> None:
    """Ask for the scores that the first N of the fused list, ``ids``, lack, and then stage by stage for those of a
    cascade. Where the first reranker fails and may be stood in for, ``term`` answers."""
    if not settings.rerank.enabled:
        recorder.skipped(FIRST, "off", "rerank.enabled is false")
        return
    if not ids:
        recorder.skipped(FIRST, "empty", "there is nothing to rerank")
        return
    search.ledger.retry(settings.rerank)
    pool = search.retrieval.pool(settings)
    asking = Asking(search, settings, settings.rerank, pool, ids, recorder)
    outcome = await asking.run()
    broken = outcome.status in (Status.FAILED, Status.PARTIAL) and outcome.reason != LIMIT
    if broken and settings.rerank.fallback == TERM and settings.rerank.provider != TERM:
        search.ledger.stand_in(settings.rerank)
        await replace(asking, rerank=fallback_settings(settings.rerank), instead_of=outcome).run()
    for index, (name, stage) in enumerate(rerank_stages(settings).items()):
        if index:
            best = window(search.rank(settings), index, stage.top_n)
            await Asking(search, settings, stage, pool, best, recorder, name=name).run()


@dataclass(frozen=True, slots=True)
class Asking:
    """One reranker over the first N of the fused list, or of the list that an earlier stage left; ``name`` is the
    stage's. ``instead_of`` is the failure it stands in for."""

    search: Search
    settings: Settings
    rerank: RerankSettings
    pool: CandidatePool
    ids: list[str]
    recorder: StageRecorder
    instead_of: Outcome | None = None
    name: str = FIRST
    parts: list[tuple[StagePart, ...]] = field(default_factory=list)

    async def run(self) -> Outcome:
        """Score what is unknown; the stage's outcome is reported and returned."""
        async with self.search.ledger.turn(self.rerank):
            return await self._run()

    async def _run(self) -> Outcome:
        search, recorder = self.search, self.recorder
        todo = search.ledger.unknown(self.rerank, self.ids)
        if not todo and self.instead_of is None and (before := search.ledger.report(self.rerank)) is not None:
            return before.outcome
        start, budget = recorder.started(self.name), recorder.budget_ms(self.settings.budget.rerank_ms)
        outcome = Outcome()
        try:
            async with recorder.within(self.name, budget):
                await self._score(todo, asyncio.get_running_loop().time() + budget / 1e3)
        except asyncio.CancelledError:
            outcome = Outcome(Status.CANCELLED, reason="cancelled", text="cancelled")
            raise
        except Exception as error:
            outcome = failure(f"rerank with {self.rerank.provider}", error, budget)
        finally:
            outcome = self._account(outcome)
            info = search.ledger.info(self.rerank)
            recorder.finished(self.name, start, info.ran_on if info else RanOn.THREAD, outcome, parts=self._parts())
            search.ledger.keep_report(self.rerank, recorder.reports[-1])
        return outcome

    def _parts(self) -> tuple[StagePart, ...]:
        """Where the time of the batch went that was answered last: it is the one that the stage waited for."""
        last = max(self.parts, key=lambda parts: parts[-1].end_ms, default=())
        return tuple(self.recorder.on_line(part) for part in last)

    async def _score(self, todo: list[str], deadline: float) -> None:
        search, resources = self.search, self.search.resources
        context = resources.rerank_context(search.analysis, self.settings, deadline)
        reranker = resources.reranker(self.rerank, context)
        if isinstance(reranker, Opens):
            begin = time.perf_counter() * 1e3
            await reranker.open()
            end = time.perf_counter() * 1e3
            if end - begin >= _LOAD_MS:  # told even where every score is in the cache, and no batch tells of it
                self.parts.append((StagePart("load", begin, end),))
        before = search.ledger.info(self.rerank)
        self._keep_info(reranker, before)
        todo = self.ids if reranker.info.listwise else todo
        documents = await search.fetch(todo)
        cosines, added = await self._cosines(todo), self._features(todo)
        stage = RerankStage(self.rerank, search.query.positive, reranker, context, resources.cache, self.parts)
        known = search.ledger.known(self.rerank)
        answered = {} if reranker.info.listwise else known
        try:
            async with aclosing(stage.run([documents[i] for i in todo], cosines, added, answered)) as answers:
                async for _ in answers:
                    if answered is not known and any(not math.isnan(answer.raw) for answer in answered.values()):
                        known.clear()  # scores of another list do not compare with these
                        known.update(answered)
                    self._keep_info(reranker, before)
                    done, total = self._progress()
                    self.recorder.emit(RerankProgress(done, total, search.rank_later(self.settings)))
        finally:
            self._keep_info(reranker, before)

    def _keep_info(self, reranker: Reranker, before: RerankerInfo | None) -> None:
        """What answers, its usage added to what earlier askings for the same query took."""
        info = reranker.info
        if before is not None and before.usage:
            used = Counter(before.usage)
            used.update(info.usage)
            info = replace(info, usage=dict(used))
        self.search.ledger.keep_info(self.rerank, info)

    def _features(self, ids: list[str]) -> list[float]:
        """What the features of these documents add up to, as ``term`` adds them."""
        if not self.pool.feature_names or not asks(self.rerank, TERM):
            return [0.0] * len(ids)
        sums = dict(zip(self.pool.ids, feature_sum(self.settings, self.pool).tolist(), strict=True))
        return [sums[i] for i in ids]

    async def _cosines(self, ids: list[str]) -> list[float]:
        """What the first dense leg gives these documents: ``term`` needs it, even where the leg's weight is 0."""
        legs = {name: leg for name, leg in self.settings.legs.items() if isinstance(leg, DenseLeg)}
        if not asks(self.rerank, TERM) or not legs:
            return [math.nan] * len(ids)
        name, leg = next(iter(legs.items()))
        if name in self.pool.leg_names:
            column = self.pool.scores[:, self.pool.leg_names.index(name)]
            scores = dict(zip(self.pool.ids, column.tolist(), strict=True))
            return [scores[i] for i in ids]
        retrieval = self.search.retrieval
        if leg.embedder not in retrieval.vectors and self.settings.weights.get(name, 0) <= 0:
            retrieval.vectors[leg.embedder] = await self.search.resources.embed_query(
                leg.embedder, self.search.query.positive, self.settings.remote
            )
        if retrieval.vectors.get(leg.embedder) is None:
            return [math.nan] * len(ids)
        hits = await self.search.resources.store.complete(retrieval.request(name, self.settings), ids)
        return [float(score) for score in hits.scores]

    def _progress(self) -> tuple[int, int]:
        """How many of the first N have a score, and how many could have one (blank documents cannot)."""
        known = self.search.ledger.known(self.rerank)
        answers = [known.get(i) for i in self.ids]
        done = sum(answer is not None and not math.isnan(answer.raw) for answer in answers)
        blank = sum(answer is UNSCORED for answer in answers)
        return done, len(self.ids) - blank

    def _account(self, outcome: Outcome) -> Outcome:
        """The outcome with its counts; a failure after the first scores, or a stand-in's success, is partial."""
        done, total = self._progress()
        status, reason, text, hint = outcome.status, outcome.reason, outcome.text, outcome.hint
        if self.instead_of is not None:
            text = f"term instead: {self.instead_of.text}" + (f"; {text}" if text else "")
            reason, hint = "fallback", hint or self.instead_of.hint
        short = status is Status.OK and (done < total or self.instead_of)
        if short or (status in (Status.FAILED, Status.SKIPPED) and done):
            status = Status.PARTIAL
        if status is Status.PARTIAL and not reason:
            reason, text = self._shortfall(total - done)
        return Outcome(status, done, total, reason, text, hint)

    def _shortfall(self, missing: int) -> tuple[str, str]:
        """Why documents have no score though nothing failed: reason and text."""
        known = self.search.ledger.known(self.rerank)
        beyond = sum(known.get(i) is BEYOND for i in self.ids)
        info = self.search.ledger.info(self.rerank)
        if beyond == missing and info is not None:
            return LIMIT, f"provider limit: {info.model or info.provider} scores at most {info.limit} together"
        return "unanswered", f"{missing} without an answer"
