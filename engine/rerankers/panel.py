"""Several rerankers on one query: each over the same first N of the fused list, all at once, each by itself.

What one of them scores is kept with the search as if it had been the settings' own, so that choosing it afterwards asks
nothing. One that fails is an outcome and disturbs no other.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.asking import Asking
from engine.evaluation.agreement import kendall_tau_b, rank_biased_overlap
from engine.fusion.rank_lists import fuse_orders
from engine.records import Outcome, RerankerInfo, ScoreKind
from engine.rerankers.ledger import UNSCORED, Scored, rerank_scores
from engine.rerankers.several import SEVERAL, joined, named
from engine.settings.schema import RerankSettings, Settings
from engine.stages import StageRecorder
from engine.trace import Event, RerankProgress

if TYPE_CHECKING:
    from engine.search import Search


@dataclass(frozen=True, slots=True)
class Member:
    """One reranker's answer, as far as it is here.

    settings  what it is asked with
    order     the N documents by its scores alone, best first; those without a score behind, as they were fused
    scores    its raw scores in that order, NaN for none
    outcome   how its asking ended, None while it is under way
    ms        what that took; what was known before took nothing
    info      what answered, with its usage; None before an answer
    """

    settings: RerankSettings
    order: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    outcome: Outcome | None = None
    ms: float = 0.0
    info: RerankerInfo | None = None

    @property
    def name(self) -> str:
        """``term``, ``jina/jina-reranker-v3``."""
        return "/".join(filter(None, (self.settings.provider, self.settings.model)))

    @property
    def scored(self) -> tuple[str, ...]:
        """The documents that it scored, best first."""
        return tuple(i for i, score in zip(self.order, self.scores, strict=True) if not math.isnan(score))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How much two members agree on what both scored: RBO in 0…1 and Kendall's tau-b in −1…1; NaN where one scored
    nothing."""

    one: int
    other: int
    rbo: float
    tau: float


@dataclass(slots=True)
class Panel:
    """``ids`` are the first N of the fused list, ``members`` the rerankers in the order they were named."""

    search: Search
    settings: Settings
    rerankers: Sequence[RerankSettings]
    ids: list[str] = field(init=False)
    members: list[Member] = field(init=False)
    _began_ms: float = field(init=False)

    def __post_init__(self) -> None:
        trace = self.search.trace
        if trace is None:
            raise RuntimeError("a panel before the first answer")
        top = trace.ranking.fused_order[: self.settings.rerank.top_n]
        self._began_ms = trace.wall_ms
        self.ids = [trace.pool.ids[row] for row in top]
        self.members = [self._member(settings) for settings in self.rerankers]

    async def run(self) -> AsyncGenerator[int, None]:
        """Ask them all; the number of a member each time that there is more of it. Closing the iterator calls off what
        is under way."""
        news: asyncio.Queue[int] = asyncio.Queue()
        tasks = [
            asyncio.create_task(self._ask(number, settings, news), name=f"panel {settings.provider}")
            for number, settings in enumerate(self.rerankers)
        ]
        try:
            for number, task in enumerate(tasks):
                task.add_done_callback(partial(_tell, news, number))
            left = set(range(len(tasks)))
            while left:
                number = await news.get()
                if tasks[number].done():
                    tasks[number].result()
                    left.discard(number)
                yield number
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.search.rank(self.settings)  # the latest trace is that of the settings again

    async def _ask(self, number: int, settings: RerankSettings, news: asyncio.Queue[int]) -> None:
        whole = self._whole(settings)

        def heard(event: Event) -> None:
            if isinstance(event, RerankProgress):
                self.members[number] = self._member(settings)
                news.put_nowait(number)

        recorder = StageRecorder(heard, whole.budget.query_ms, self._began_ms)
        pool = self.search.retrieval.pool(whole)
        outcome = await Asking(self.search, whole, whole.rerank, pool, self.ids, recorder).run()
        self.members[number] = self._member(settings, outcome)

    def _member(self, settings: RerankSettings, outcome: Outcome | None = None) -> Member:
        search, whole = self.search, self._whole(settings)
        known, info, report = (
            search.ledger.known(settings),
            search.ledger.info(settings),
            search.ledger.report(settings),
        )
        pool, rows = search.retrieval.pool(whole), search.retrieval.rows(whole)
        raw = rerank_scores(known, info, whole.rerank, whole, pool, rows).raw[[rows[i] for i in self.ids]]
        best = np.argsort(-raw, kind="stable").tolist()  # NaN goes last
        order = tuple(self.ids[place] for place in best)
        ms = report.ms if report is not None and outcome is not None else 0.0
        return Member(settings, order, tuple(raw[best].tolist()), outcome, ms, info)

    def _whole(self, settings: RerankSettings) -> Settings:
        return msgspec.structs.replace(self.settings, rerank=settings)

    # ---- what they say together

    def agreements(self) -> list[Agreement]:
        """Of every two members, in order."""
        pairs = combinations(enumerate(self.members), 2)
        return [_agreement(one, other, a.scored, b.scored) for (one, a), (other, b) in pairs]

    def fused(self) -> dict[str, float]:
        """Document → the sum of its reciprocal ranks, best first: the members' orders as one."""
        return fuse_orders([member.scored for member in self.members], self.settings.rerank.rank_constant)

    @property
    def unnamed(self) -> list[str]:
        """The members that their names alone do not reach: address or key stand in no ``[providers.NAME]``."""
        settings = self._several
        return [m.name for m in self.members if _reached(named(m.name, settings)) != _reached(m.settings)]

    @property
    def _several(self) -> RerankSettings:
        model = joined([member.name for member in self.members])
        return msgspec.structs.replace(
            self.settings.rerank, provider=SEVERAL, model=model, revision="", base_url="", api_key="", enabled=True
        )

    def keep_fused(self) -> RerankSettings:
        """The settings that have them fused by rank from now on; what they say here is kept as its answer."""
        settings, ledger = self._several, self.search.ledger
        sums = self.fused()
        blank = {
            i for member in self.members for i, scored in ledger.known(member.settings).items() if scored is UNSCORED
        }
        known = ((i, UNSCORED if i in blank else Scored(sums.get(i, math.nan))) for i in self.ids)
        ledger.known(settings).update(known)
        infos = [member.info for member in self.members if member.info is not None]
        usage: Counter[str] = Counter()
        for info in infos:
            usage.update(info.usage)
        ledger.keep_info(settings, RerankerInfo(SEVERAL, settings.model, kind=ScoreKind.FUSED, usage=dict(usage)))
        slowest = max((ledger.report(member.settings) for member in self.members), key=lambda r: r.ms if r else 0.0)
        if slowest is not None:
            outcome = Outcome(done=len(sums), total=len(sums))
            ledger.keep_report(settings, dataclasses.replace(slowest, outcome=outcome, parts=()))
        return settings


def _tell(news: asyncio.Queue[int], number: int, _: asyncio.Task[None]) -> None:
    news.put_nowait(number)


def _reached(settings: RerankSettings) -> tuple[str, ...]:
    return settings.provider, settings.model, settings.base_url, settings.api_key


def _agreement(one: int, other: int, a: Sequence[str], b: Sequence[str]) -> Agreement:
    if not a or not b:
        return Agreement(one, other, math.nan, math.nan)
    return Agreement(one, other, rank_biased_overlap(a, b), kendall_tau_b(a, b))
