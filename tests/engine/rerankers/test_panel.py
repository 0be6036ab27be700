"""Several rerankers on one query: all at once, each by itself, and what they say together."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.errors import RerankerError, SettingsError
from engine.fusion.rank_lists import fuse_orders
from engine.records import RerankerInfo, ScoreKind, Status
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.panel import Panel
from engine.rerankers.several import members_of, named
from engine.settings.schema import FeatureSettings, RerankSettings, Settings
from engine.trace import Trace
from tests.corpus import WatchedStore, build, changed, pipeline_on

QUERY = "wait some seconds on a thread"


class Letters:
    """Scores by the length of the text, times ``sign``; waits for ``gate``; fails after ``fails_after`` windows."""

    window = 3
    cacheable = False

    def __init__(self, sign: float, fails_after: int = 99) -> None:
        self.sign, self.fails_after = sign, fails_after
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    @property
    def info(self) -> RerankerInfo:
        return RerankerInfo("letters", kind=ScoreKind.LOGIT, usage={"tokens": self.asked})

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        for number, start in enumerate(range(0, len(documents), self.window)):
            await self.gate.wait()
            if number >= self.fails_after:
                raise RerankerError("out of letters")
            batch = documents[start : start + self.window]
            self.asked += len(batch)
            yield RerankBatch.of(
                start, [self.sign * (len(each.text) + sum(map(ord, each.document.id)) / 1e4) for each in batch]
            )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[WatchedStore]:
    store = WatchedStore(build(tmp_path / "index"))
    yield store
    await store.close()


SETTINGS = changed(Settings(), rerank={"top_n": 7})


def members(*names: str) -> list[RerankSettings]:
    return [named(name, SETTINGS.rerank) for name in names]


async def test_they_run_at_once_each_by_itself_and_stream_in(store: WatchedStore) -> None:
    short, long, broken = Letters(-1), Letters(1), Letters(1, fails_after=1)
    long.gate.clear()
    pipeline = pipeline_on(store, short=lambda *_: short, long=lambda *_: long, broken=lambda *_: broken)
    search = pipeline.begin(QUERY)
    trace = await search.finish(SETTINGS)
    asked = store.calls.copy()
    panel = Panel(search, SETTINGS, members("term", "short", "long", "broken"))
    news = []
    async for number in panel.run():
        news.append(number)
        others = [member for n, member in enumerate(panel.members) if n != 2]
        if not long.gate.is_set() and all(member.outcome is not None for member in others):
            assert panel.members[2].outcome is None, "the slow one is still waited for, the others are here"
            long.gate.set()
    term, by_short, by_long, by_broken = panel.members
    assert set(news) == {0, 1, 2, 3}
    assert [m.outcome.status for m in panel.members if m.outcome] == [Status.OK, Status.OK, Status.OK, Status.PARTIAL]
    assert (by_broken.outcome.done, by_broken.outcome.total, by_broken.outcome.text) == (3, 7, "out of letters")
    assert len(by_broken.scored) == 3
    assert by_short.order == tuple(reversed(by_long.order))
    assert set(by_short.order) == set(panel.ids) == {trace.pool.ids[row] for row in trace.ranking.fused_order[:7]}
    assert list(by_long.scores) == sorted(by_long.scores, reverse=True)
    assert by_short.info.usage["tokens"] == 7
    assert store.calls == asked, "no leg, no text and no completion was asked for again"
    opposite = next(each for each in panel.agreements() if (each.one, each.other) == (1, 2))
    assert opposite.tau == pytest.approx(-1)
    assert len(panel.agreements()) == 6
    assert search.trace.settings == SETTINGS
    assert search.trace.stage("rerank") == trace.stage("rerank")
    assert term.order[0] == max(zip(term.scores, term.order, strict=True))[1]


async def test_what_the_panel_scored_needs_no_asking_when_it_is_chosen(store: WatchedStore) -> None:
    long = Letters(1)
    pipeline = pipeline_on(store, long=lambda *_: long)
    search = pipeline.begin(QUERY)
    await search.finish(SETTINGS)
    panel = Panel(search, SETTINGS, members("term", "long"))
    async for _ in panel.run():
        pass
    chosen = changed(SETTINGS, rerank={"provider": "long"})
    assert not search.missing(chosen)
    trace = search.turn(chosen)
    assert [trace.pool.ids[row] for row in trace.ranking.order[:7]] == list(panel.members[1].order)
    assert trace.stage("rerank").outcome.done == 7
    again = Panel(search, SETTINGS, members("term", "long"))
    assert [member.scored for member in again.members] == [member.scored for member in panel.members]
    async for _ in again.run():
        pass
    assert long.asked == 7


async def test_a_panel_beside_the_search_asks_nothing_twice(store: WatchedStore) -> None:
    long = Letters(1)
    pipeline = pipeline_on(store, long=lambda *_: long)
    search = pipeline.begin(QUERY)
    await search.finish(SETTINGS)
    chosen = changed(SETTINGS, rerank={"provider": "long"})
    long.gate.clear()
    searching = asyncio.create_task(search.finish(chosen))
    await asyncio.sleep(0.01)
    panel = Panel(search, chosen, members("term", "long"))

    async def followed() -> None:
        async for _ in panel.run():
            pass

    following = asyncio.create_task(followed())
    await asyncio.sleep(0.01)
    long.gate.set()
    trace = await searching
    await following
    assert long.asked == 7
    assert trace.stage("rerank").outcome.done == 7
    assert panel.members[1].outcome == trace.stage("rerank").outcome
    long.gate.clear()
    wider = changed(chosen, rerank={"top_n": 9})
    first, second = (asyncio.create_task(search.finish(wider)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    long.gate.set()
    assert (await second).stage("rerank").outcome.done == 9, "who waits goes on where the first was called off"
    assert long.asked == 9


async def test_a_panel_that_is_closed_calls_off_what_is_under_way(store: WatchedStore) -> None:
    long = Letters(1)
    long.gate.clear()
    search = pipeline_on(store, long=lambda *_: long).begin(QUERY)
    await search.finish(SETTINGS)
    panel = Panel(search, SETTINGS, members("term", "long"))
    running = panel.run()
    while panel.members[0].outcome is None:
        await anext(running)
    await running.aclose()
    assert long.asked == 0
    assert search.trace.settings == SETTINGS


async def test_an_unknown_reranker_is_an_outcome(store: WatchedStore) -> None:
    search = pipeline_on(store).begin(QUERY)
    await search.finish(SETTINGS)
    panel = Panel(search, SETTINGS, members("term", "jinna"))
    async for _ in panel.run():
        pass
    assert panel.members[1].outcome.status is Status.FAILED
    assert "jinna" in panel.members[1].outcome.text
    assert [math.isnan(each.rbo) for each in panel.agreements()] == [True]
    assert list(panel.fused()) == list(panel.members[0].scored)


def test_reciprocal_ranks_add_up() -> None:
    assert fuse_orders([["a", "b", "c"], ["b", "a", "d"]], 60) == {
        "a": 1 / 61 + 1 / 62,
        "b": 1 / 62 + 1 / 61,
        "c": 1 / 63,
        "d": 1 / 63,
    }
    assert list(fuse_orders([["a", "b"], ["b", "a"]])) == ["a", "b"], "equal sums stand as they first came"
    assert fuse_orders([]) == {}


def test_a_name_keeps_what_the_settings_say_of_their_own_provider() -> None:
    own = RerankSettings(provider="tei", base_url="http://localhost:1", model="m", top_n=9)
    assert named("tei", own) == own
    assert named("tei/other", own).base_url == "http://localhost:1"
    other = named("siliconflow/BAAI/bge-reranker-v2-m3", own)
    assert (other.provider, other.model, other.base_url, other.top_n) == (
        "siliconflow",
        "BAAI/bge-reranker-v2-m3",
        "",
        9,
    )


async def test_several_are_fused_by_rank_in_one_stage(store: WatchedStore) -> None:
    """The order is that of the members' ranks; one that fails is left out and said, all that fail are a failure."""
    short, long, broken = Letters(-1), Letters(1), Letters(1, fails_after=0)
    pipeline = pipeline_on(store, short=lambda *_: short, long=lambda *_: long, broken=lambda *_: broken)

    async def order(model: str) -> tuple[Trace, list[str]]:
        settings = changed(SETTINGS, rerank={"provider": "several", "model": model})
        trace = await pipeline.search(QUERY, settings)
        return trace, [trace.pool.ids[row] for row in trace.ranking.order[:7]]

    search = pipeline.begin(QUERY)
    await search.finish(SETTINGS)
    panel = Panel(search, SETTINGS, members("term", "long"))
    async for _ in panel.run():
        pass
    trace, fused = await order("term, long")
    assert fused == list(panel.fused())
    assert (trace.reranker.provider, trace.reranker.kind) == ("several", ScoreKind.FUSED)
    trace, fused = await order("long, broken")
    assert fused == list(panel.members[1].order)
    assert any("broken is left out: out of letters" in text for text in trace.warnings)
    trace, _ = await order("broken, term")
    assert trace.stage("rerank").outcome.status is Status.OK
    broken_too = Letters(1, fails_after=0)
    pipeline.resources.factories = {**pipeline.resources.factories, "other": lambda *_: broken_too}
    trace, _ = await order("broken, other")
    assert (trace.stage("rerank").outcome.status, trace.stage("rerank").outcome.text) == (
        Status.FAILED,
        "out of letters",
    )


async def test_term_votes_with_the_features_that_it_adds_alone(store: WatchedStore) -> None:
    """As one of several as by itself; and a feature that weighs more is another vote."""
    long = Letters(1)
    pipeline = pipeline_on(store, long=lambda *_: long)
    several = changed(SETTINGS, rerank={"provider": "several", "model": "term, long"})

    def weighed(settings: Settings, weight: float) -> Settings:
        features = {"pagerank": FeatureSettings(field="pagerank", weight=weight)}
        return msgspec.structs.replace(settings, features=features)

    for weight in (0.0, 5.0):
        alone = pipeline.begin(QUERY)
        trace = await alone.finish(weighed(SETTINGS, weight))
        panel = Panel(alone, trace.settings, members("term", "long"))
        async for _ in panel.run():
            pass
        trace = await pipeline.search(QUERY, weighed(several, weight))
        assert [trace.pool.ids[row] for row in trace.ranking.order[:7]] == list(panel.fused())
    search = pipeline.begin(QUERY)
    await search.finish(weighed(several, 0.0))
    assert not search.missing(weighed(several, 0.0))
    assert search.missing(weighed(several, 5.0)).rerank == 7


@pytest.mark.parametrize("model", ["", "term", "term, term", "term, several/term"])
def test_several_need_two_names(model: str) -> None:
    with pytest.raises(SettingsError, match=r"rerank\.model"):
        members_of(RerankSettings(provider="several", model=model))
