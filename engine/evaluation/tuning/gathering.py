"""From queries to pools in memory: every query searched once, deep enough for any weights that will be tried."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engine import pool as pools
from engine.errors import SettingsError, UsageError
from engine.evaluation.dataset import DataSet
from engine.evaluation.judged import JudgedPool, judge
from engine.evaluation.tuning.space import Space, lattice
from engine.pipeline import Pipeline
from engine.records import CandidatePool, Leg
from engine.rerankers.ledger import TERM
from engine.rerankers.several import asks
from engine.retrieval import leg_key
from engine.search import Search
from engine.settings.schema import LexicalLeg, Settings

_COVERING = 15
"""Most weightings whose windows are reranked beforehand."""


@dataclass(slots=True)
class Gathered:
    """The searches of a query set; calling it gives their judged pools under any settings, in the queries' order.

    covered  share of the places among the first ``top_n`` that had a rerank score, over the weightings looked at
    """

    data: DataSet
    searches: Sequence[Search]
    start: Settings
    live: frozenset[str]
    covered: float = 1.0
    _pools: dict[bytes, list[JudgedPool]] = field(default_factory=dict)

    def __call__(self, settings: Settings) -> Sequence[JudgedPool]:
        """The pools as these settings retrieve them. Those of the start and the last other ones are kept."""
        key = _key(settings)
        if key not in self._pools:
            for old in [each for each in self._pools if each != _key(self.start)]:
                del self._pools[old]
            self._pools[key] = [
                self._judged(search, item.id, settings)
                for search, item in zip(self.searches, self.data.queries, strict=True)
            ]
        return self._pools[key]

    def _judged(self, search: Search, query_id: str, settings: Settings) -> JudgedPool:
        live = "boosts" in self.live
        trace = search.turn(settings if live else _boosts_of(settings, self.start))
        pool = trace.pool if live else boosted(trace.pool, self.start, settings)
        return judge(query_id, pool, trace.rerank, self.data.qrels[query_id])

    def check(self, space: Space) -> None:
        """Raises ``UsageError`` for a setting that is fixed where these searches come from."""
        for each in space.dimensions:
            name = each.path.rpartition(".")[2]
            if each.path.startswith("legs.") and name in ("k1", "b") and name not in self.live:
                raise UsageError(
                    f"{each.path} cannot be tuned here: nothing can be searched again",
                    hint="tune on an embedded index instead of a recording",
                )
            if each.path.startswith("legs.") and name == "top_k":
                raise UsageError(f"{each.path} cannot be tuned: candidates are retrieved once", hint="leave it out")


def _key(settings: Settings) -> bytes:
    """What pools and rerank scores depend on; weights, fusion and cut work on what is here."""
    rerank = settings.rerank
    inside = [settings.features, rerank.vector_weight] if asks(rerank, TERM) else []
    legs = [leg_key(leg, settings) for leg in settings.legs.values()]
    return msgspec.json.encode([legs, list(settings.features), rerank.enabled, inside])


def _boosts_of(settings: Settings, start: Settings) -> Settings:
    """The settings with the fields as they were searched."""
    legs = {
        name: msgspec.structs.replace(leg, fields=was.fields)
        if isinstance(leg, LexicalLeg) and isinstance(was := start.legs[name], LexicalLeg)
        else leg
        for name, leg in settings.legs.items()
    }
    return msgspec.structs.replace(settings, legs=legs)


def boosted(pool: CandidatePool, was: Settings, now: Settings) -> CandidatePool:
    """The pool with the scores of its lexical legs as other boosts add them up, the candidates left as they are.

    Raises ``SettingsError`` for a field that was searched with a boost of 0: its scores are not known.
    """
    for leg in pool.legs:
        before, after = was.legs[leg.name], now.legs[leg.name]
        if not (isinstance(before, LexicalLeg) and isinstance(after, LexicalLeg)) or before.fields == after.fields:
            continue
        factors = [_factor(leg, field, before, after) for field in pool.field_names[leg.name]]
        pool = pools.boosted(pool, leg.name, factors)
    return pool


def _factor(leg: Leg, name: str, before: LexicalLeg, after: LexicalLeg) -> float:
    if before.fields[name] == 0:
        path = f"legs.{leg.name}.fields.{name}"
        raise SettingsError(f"{path} was searched with a boost of 0", path=path, hint="search again with a boost")
    return after.fields.get(name, 0.0) / before.fields[name]


async def gather(
    pipeline: Pipeline,
    data: DataSet,
    start: Settings,
    space: Space,
    *,
    cover: bool | None = None,
    syntax: bool = False,
    concurrency: int = 4,
    on_progress: Callable[[int, int], None] | None = None,
) -> Gathered:
    """Search for every query of the data set, all tuned legs included.

    ``cover`` reranks the first ``top_n`` of a spread of weightings, so that few documents are unscored when weights
    move; by default only where that costs nothing (provider ``term``).
    """
    wide = _all_legs(start, space)
    windows = [wide]
    if start.rerank.enabled and (start.rerank.provider == TERM if cover is None else cover):
        windows += _windows(wide, space)
    searches = [pipeline.begin(item.text, syntax=syntax) for item in data.queries]
    waiting, done = iter(searches), 0

    async def work() -> None:
        nonlocal done
        for search in waiting:
            for settings in windows:
                await search.finish(settings)
            done += 1
            if on_progress:
                on_progress(done, len(searches))

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    found = Gathered(data, searches, start, frozenset(pipeline.store.info.live_knobs))
    found.check(space)
    looked_at = [*windows, *(_windows(wide, space) if start.rerank.enabled else [])]
    found.covered = float(np.mean([_covered(search, each) for search in searches for each in looked_at] or [1.0]))
    return found


def _all_legs(start: Settings, space: Space) -> Settings:
    """The settings with every tuned leg above 0, so that it is asked."""
    tuned = [each.path.removeprefix("weights.") for each in space.dimensions if each.is_weight]
    raised = {name: start.weights.get(name, 0.0) or 1e-6 for name in tuned}
    return msgspec.structs.replace(start, weights={**start.weights, **raised})


def _windows(wide: Settings, space: Space) -> list[Settings]:
    """The settings under weights spread over the simplex."""
    tuned = [each.path.removeprefix("weights.") for each in space.dimensions if each.is_weight]
    if len(tuned) < 2:
        return []
    steps = 4 if len(tuned) == 2 else 2
    points = np.maximum(lattice(len(tuned), steps), 1e-6)[:_COVERING]
    return [
        msgspec.structs.replace(wide, weights={**wide.weights, **dict(zip(tuned, point.tolist(), strict=True))})
        for point in points
    ]


def _covered(search: Search, settings: Settings) -> float:
    """Share of the first ``top_n`` that are scored under these settings."""
    if not settings.rerank.enabled or settings.rerank.provider == "":
        return 1.0
    trace = search.turn(settings)
    window = trace.ranking.fused_order[: settings.rerank.top_n]
    return float((~np.isnan(trace.rerank.raw[window])).mean()) if len(window) else 1.0
