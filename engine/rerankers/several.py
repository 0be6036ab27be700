"""Provider ``several``: the orders of several rerankers as one, by reciprocal rank fusion.

``rerank.model`` names them: ``"term, tei, cohere/rerank-v3.5"``. Each is asked for every document, all at once; the raw
score is the sum of 1/(k + rank) over those that answered, k being ``rerank.rank_constant``. One that fails is left out
with a warning; where all fail, that is the failure. An address or key of one stands in ``[providers.NAME]``.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
from msgspec.structs import replace

from engine.errors import RankscopeError, SettingsError
from engine.fusion.rank_lists import fuse_orders
from engine.records import FloatArray, RanOn, RerankerInfo, ScoreKind
from engine.rerankers.base import Opens, RerankBatch, RerankDocument, Reranker
from engine.settings.schema import RerankSettings

SEVERAL = "several"


class SeveralReranker:
    """``make`` makes each of the rerankers that the settings name. Raises ``SettingsError`` for fewer than two, and
    whatever ``make`` raises."""

    cacheable = False

    def __init__(self, settings: RerankSettings, make: Callable[[RerankSettings], Reranker]) -> None:
        names = members_of(settings)
        self._settings = settings
        self._members = {name: make(named(name, settings)) for name in names}
        self._warnings: list[str] = []
        self.window = max(member.window for member in self._members.values())

    @property
    def info(self) -> RerankerInfo:
        infos = [member.info for member in self._members.values()]
        usage: Counter[str] = Counter()
        for info in infos:
            usage.update(info.usage)
        places = {info.ran_on for info in infos}
        where = next((place for place in (RanOn.REMOTE, RanOn.WORKER) if place in places), RanOn.THREAD)
        warnings = (*self._warnings, *(text for info in infos for text in info.warnings))
        model = ", ".join(self._members)
        return RerankerInfo(
            SEVERAL, model, kind=ScoreKind.FUSED, usage=dict(usage), ran_on=where, listwise=True, warnings=warnings
        )

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        """One batch, once all have answered: ranks are known only then."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(self._scores(member, query, documents))
                for name, member in self._members.items()
            }
        failed = {name: result for name, task in tasks.items() if isinstance(result := task.result(), RankscopeError)}
        self._warnings = [f"{name} is left out: {error.message}" for name, error in failed.items()]
        if len(failed) == len(tasks):
            raise next(iter(failed.values()))
        found = [result for task in tasks.values() if not isinstance(result := task.result(), RankscopeError)]
        sums = fuse_orders([_order(scores) for scores in found], self._settings.rank_constant)
        yield RerankBatch.of(0, [sums.get(str(place), math.nan) for place in range(len(documents))])

    @staticmethod
    async def _scores(member: Reranker, query: str, documents: list[RerankDocument]) -> FloatArray | RankscopeError:
        """float64[len(documents)], NaN where unanswered, or why there are none."""
        scores = np.full(len(documents), np.nan)
        try:
            if isinstance(member, Opens):
                await member.open()
            async for batch in member.rerank(query, documents):
                scores[batch.start : batch.start + len(batch.scores)] = batch.scores
        except RankscopeError as error:
            return error
        return scores


def _order(scores: FloatArray) -> list[str]:
    """The places of the scored documents as text, best first, equal ones as they were fused."""
    best = np.argsort(-scores, kind="stable")
    return [str(place) for place in best.tolist() if not math.isnan(scores[place])]


def members_of(settings: RerankSettings) -> list[str]:
    """The rerankers that ``rerank.model`` names. Raises ``SettingsError`` where that makes no sense."""
    names = [name.strip() for name in settings.model.split(",") if name.strip()]
    own = any(name.partition("/")[0] == SEVERAL for name in names)
    if len(names) < 2 or len(set(names)) < len(names) or own:
        raise SettingsError(
            f"rerank.model: {settings.model!r} does not name two or more rerankers, each once",
            path="rerank.model",
            hint='write model = "term, tei, cohere/rerank-v3.5"',
        )
    return names


def alone(settings: RerankSettings) -> list[RerankSettings]:
    """Each of several by itself, and any other as it is. Raises ``SettingsError`` as ``members_of`` does."""
    return [named(name, settings) for name in members_of(settings)] if settings.provider == SEVERAL else [settings]


def joined(names: Sequence[str]) -> str:
    """The value of ``rerank.model`` that names them."""
    return ", ".join(names)


def asks(settings: RerankSettings, provider: str) -> bool:
    """Whether that provider is asked, alone or as one of several."""
    if settings.provider != SEVERAL:
        return settings.provider == provider
    return any(name.strip() == provider for name in settings.model.split(","))


def named(name: str, settings: RerankSettings) -> RerankSettings:
    """The settings of a reranker by name: ``PROVIDER`` or ``PROVIDER/MODEL``. The settings' own provider keeps address
    and key, and its model where none is named."""
    provider, _, model = name.partition("/")
    settings = replace(settings, enabled=True, cascade={})
    if provider == settings.provider:
        return replace(settings, model=model or settings.model)
    return replace(settings, provider=provider, model=model, revision="", base_url="", api_key="")
