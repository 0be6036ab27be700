"""Rerankers picked live and compared: over real sockets, on the application, with a store that counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from console.screens.departures import DepartureScreen
from console.screens.panel import PanelScreen
from console.screens.rerankers import RerankerScreen
from console.ui import ConsoleApp
from engine.pipeline import Pipeline
from engine.records import Status
from engine.remote.ledger import Call, Ledger
from engine.remote.pool import ClientPool
from engine.settings.schema import ProviderSettings, Settings
from tests.console.consoles import QUERY, answered, running, screen_text, until
from tests.corpus import WatchedStore, changed, pipeline_on
from tests.servers import strict
from tests.servers.loopback import Loopback, Reply, serving
from tests.servers.vendors import VENDORS

DENIED = Reply(status=401, body=b'{"message": "invalid api token"}')
ABROAD = "http://rerank.example.org/v1"


def services(store: WatchedStore, ledger: Path | None = None) -> Pipeline:
    """A pipeline that may ask services."""
    pipeline = pipeline_on(store)
    executor = ThreadPoolExecutor(2)
    pipeline.resources.remote = ClientPool(executor, None, Ledger(ledger, executor))
    return pipeline


@pytest.fixture
async def tei() -> AsyncIterator[Loopback]:
    async with serving(answer=VENDORS["tei"]) as server:
        yield server


def settings_with(server: Loopback, **more: ProviderSettings) -> Settings:
    return Settings(providers={"tei": ProviderSettings(base_url=server.url), **more})


@asynccontextmanager
async def asked(
    store: WatchedStore, settings: Settings, size: tuple[int, int] = (120, 40), **launch: Any
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    """The application with the query answered."""
    ledger = launch.pop("ledger", None)
    async with running(services(store, ledger), settings, size, query=QUERY, **launch) as (app, pilot):
        await answered(app, pilot)
        yield app, pilot


def order(app: ConsoleApp) -> list[str]:
    trace = app.main.session.trace
    return [trace.pool.ids[row] for row in trace.ranking.order]


async def opened(app: ConsoleApp, pilot: Pilot[None], key: str, screen: type[Any]) -> Any:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, screen))
    await pilot.pause()
    return app.screen


def at(screen: RerankerScreen, name: str) -> None:
    shown = screen.query_one(OptionList)
    shown.highlighted = shown.get_option_index(name)


# ---- picking


async def test_a_pick_runs_the_rerank_stage_alone_and_is_a_try(store: WatchedStore, tei: Loopback) -> None:
    async with asked(store, settings_with(tei)) as (app, pilot):
        session, before, calls = app.main.session, order(app), store.calls.copy()
        screen = await opened(app, pilot, "R", RerankerScreen)
        await pilot.press("slash", *"tei")
        await pilot.press("enter")
        await until(pilot, lambda: session.trace.reranker.provider == "tei" and not app.main.asking.busy)
        assert len(tei.requests) == 1
        assert store.calls == calls, "no leg, no completion, no text was asked for again"
        assert session.current.number == 2
        assert session.current.change == "reranker tei BAAI/bge-reranker-v2-m3"
        assert session.trace.stage("rerank").outcome.status is Status.OK
        assert order(app) != before
        await pilot.press("u")
        await pilot.pause()
        assert order(app) == before
        assert session.trace.stage("rerank").outcome.status is Status.OK
        assert session.trace.reranker.provider == "ragflow-term" or session.settings.rerank.provider == "term"
        await pilot.press("ctrl+y")
        await until(pilot, lambda: not app.main.asking.busy)
        assert len(tei.requests) == 1, "its scores were kept"
        assert not isinstance(app.screen, type(screen))


async def test_what_was_found_can_be_marked(store: WatchedStore, tei: Loopback) -> None:
    async with asked(store, settings_with(tei), (80, 24)) as (app, pilot):
        await opened(app, pilot, "R", RerankerScreen)
        for begin, name in (("", "tei"), ("slash", "term")):
            await pilot.press(*([begin] if begin else ()), *name)
            await pilot.pause()
            assert app.screen.query_one("#find", Input).value == name, "the first letter begins to find"
            await pilot.press("space")
            await pilot.pause()
            assert " · esc, then c compares them" in screen_text(app), "a c belongs to what is typed"
            await pilot.press("escape")
            await pilot.pause()
        assert "✓ tei, term · c compares them" in screen_text(app)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, PanelScreen))
        assert [member.settings.provider for member in app.screen.panel.members] == ["tei", "term"]
        await until(pilot, lambda: all(member.outcome for member in app.screen.panel.members))


async def test_esc_leaves_everything_as_it_was(store: WatchedStore, tei: Loopback) -> None:
    async with asked(store, settings_with(tei)) as (app, pilot):
        session = app.main.session
        before = session.settings
        screen = await opened(app, pilot, "R", RerankerScreen)
        at(screen, "tei")
        await pilot.press("space", "escape")
        await pilot.pause()
        assert not isinstance(app.screen, RerankerScreen)
        assert (session.settings, len(session.tries)) == (before, 1)
        assert tei.requests == []


async def test_a_missing_key_is_one_line_and_a_bad_one_an_outcome(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOYAGE_API_KEY", raising=False)
    monkeypatch.setenv("CO_API_KEY", strict.KEY)
    async with serving(DENIED) as server:
        settings = Settings(providers={"cohere": ProviderSettings(base_url=server.url)})
        async with asked(store, settings) as (app, pilot):
            screen = await opened(app, pilot, "R", RerankerScreen)
            at(screen, "voyage")
            await pilot.press("enter")
            await pilot.pause()
            assert "voyage: needs VOYAGE_API_KEY" in screen_text(app)
            assert app.screen is screen
            at(screen, "cohere")
            await pilot.press("enter")
            session = app.main.session
            await until(pilot, lambda: session.trace.stage("rerank") and not app.main.asking.busy and server.requests)
            await pilot.pause()
            outcome = session.trace.stage("rerank").outcome
            assert (outcome.status, outcome.reason) == (Status.FAILED, "refused")
            text = screen_text(app)
            assert "fused only" in text
            assert "invalid api token" in text
            assert outcome.hint[:12] in text, "the way out stands on the last line"
            assert strict.KEY not in text
            assert order(app) == [session.trace.pool.ids[row] for row in session.trace.ranking.fused_order]


async def test_an_address_that_is_missing_is_asked_for(store: WatchedStore, tei: Loopback) -> None:
    async with asked(store, Settings()) as (app, pilot):
        screen = await opened(app, pilot, "R", RerankerScreen)
        at(screen, "tei")
        await pilot.press("enter")
        line = screen.query_one("#answer", Input)
        assert line.has_focus
        line.value = tei.url
        await pilot.press("enter")
        session = app.main.session
        await until(pilot, lambda: session.settings.rerank.provider == "tei" and not app.main.asking.busy)
        assert session.settings.rerank.base_url == tei.url
        assert session.trace.stage("rerank").outcome.status is Status.OK


async def test_models_turn_and_the_last_latency_is_shown(store: WatchedStore, tmp_path: Path) -> None:
    own = ProviderSettings(base_url="http://127.0.0.1:9/v1", models=["small", "large"])
    file = tmp_path / "calls.sqlite3"
    kept = Ledger(file)
    kept.add(Call("mine", "small", "127.0.0.1", ms=900.0, at=1.0))
    kept.add(Call("mine", "small", "127.0.0.1", ms=123.0, at=2.0))
    kept.add(Call("mine", "small", "127.0.0.1", ms=7.0, at=3.0, outcome="refused"))
    kept.close()
    async with asked(store, Settings(providers={"mine": own}), ledger=file) as (app, pilot):
        screen = await opened(app, pilot, "R", RerankerScreen)
        at(screen, "mine")
        await pilot.pause()
        line = next(line for line in screen_text(app).splitlines() if "small" in line and "mine" in line)
        assert "123 ms" in line
        await pilot.press("right")
        await pilot.pause()
        assert "‹ large ›" in screen_text(app)


# ---- comparing


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_marked_rerankers_stand_side_by_side(store: WatchedStore, tei: Loopback, size: tuple[int, int]) -> None:
    async with serving(DENIED) as refusing:
        broken = ProviderSettings(base_url=f"{refusing.url}/v1", models=["none"])
        async with asked(store, settings_with(tei, broken=broken), size) as (app, pilot):
            calls = store.calls.copy()
            screen = await opened(app, pilot, "R", RerankerScreen)
            for name in ("term", "tei", "broken"):
                at(screen, name)
                await pilot.press("space")
            await pilot.press("c")
            await until(pilot, lambda: isinstance(app.screen, PanelScreen))
            panel = app.screen.panel
            await until(pilot, lambda: all(member.outcome for member in panel.members))
            await until(
                pilot, lambda: not app.screen.workers._workers or all(w.is_finished for w in app.screen.workers)
            )
            await pilot.pause()
            assert [member.outcome.status for member in panel.members] == [Status.OK, Status.OK, Status.FAILED]
            assert store.calls == calls
            text = screen_text(app)
            assert all(word in text for word in ("fused", "term", "tei", "broken", "RBO", "✗"))
            (pair, *_others) = panel.agreements()
            assert f"{pair.rbo:.2f}".removeprefix("0") in text
            await pilot.press("f")
            await pilot.pause()
            heads = screen_text(app).splitlines()[1]
            assert "by rank" in heads
            assert ("term" in heads, "‹" in heads) == ((False, True) if size[0] == 80 else (True, False))
            await pilot.press("left", "left", "left")
            await pilot.pause()
            heads = screen_text(app).splitlines()[1]
            assert ("by rank" in heads, "›" in heads) == ((False, True) if size[0] == 80 else (True, False))
            await pilot.press("right", "enter")
            session = app.main.session
            await until(pilot, lambda: session.settings.rerank.provider == "tei")
            await until(pilot, lambda: not app.main.asking.busy)
            assert len(tei.requests) == 1, "what the comparison scored is not asked again"
            assert tuple(order(app)[: len(panel.ids)]) == panel.members[1].order
            assert session.trace.stage("rerank").outcome.status is Status.OK


async def test_orders_fused_by_rank_are_put_in_place_and_asked_nothing(store: WatchedStore, tei: Loopback) -> None:
    async with asked(store, settings_with(tei)) as (app, pilot):
        session = app.main.session
        app.main.perform("panel", "term", "tei")
        await until(pilot, lambda: isinstance(app.screen, PanelScreen))
        panel = app.screen.panel
        await until(pilot, lambda: all(member.outcome for member in panel.members))
        fused = list(panel.fused())
        await pilot.press("f", "enter")
        await until(pilot, lambda: session.settings.rerank.provider == "several")
        await until(pilot, lambda: not app.main.asking.busy)
        assert session.settings.rerank.model == "term, tei/BAAI/bge-reranker-v2-m3"
        assert order(app)[: len(fused)] == fused
        assert len(tei.requests) == 1
        assert session.trace.stage("rerank").outcome.status is Status.OK
        app.main.perform("again")  # a new search asks them itself, and comes to the same order
        await until(pilot, lambda: len(tei.requests) == 2 and not app.main.asking.busy)
        await answered(app, pilot)
        assert order(app)[: len(fused)] == fused
        assert session.trace.stage("rerank").outcome.status is Status.OK


async def test_the_cursor_follows_one_document_through_every_list(store: WatchedStore, tei: Loopback) -> None:
    async with asked(store, settings_with(tei)) as (app, pilot):
        app.main.perform("panel", "term", "tei")
        await until(pilot, lambda: isinstance(app.screen, PanelScreen))
        screen = app.screen
        await until(pilot, lambda: all(member.outcome for member in screen.panel.members))
        await pilot.press("right", "home", "down")
        lists = screen._lists
        assert lists.column.name == "tei"
        assert lists.cursor_id == screen.panel.members[1].order[1]
        await pilot.press("left")
        assert lists.cursor_id == screen.panel.members[1].order[1], "the document stays, the list changes"
        await pilot.press("escape")
        await pilot.pause()
        assert app.main.session.settings == settings_with(tei)


# ---- what leaves the machine


async def test_nothing_leaves_before_it_was_agreed_to(store: WatchedStore, tmp_path: Path) -> None:
    abroad = ProviderSettings(base_url=ABROAD, models=["m"], connect_s=0.01, retries=0)
    file = tmp_path / "agreements.json"
    async with asked(store, Settings(providers={"abroad": abroad}), agreements=file) as (app, pilot):
        session = app.main.session
        app.main.perform("reranker", "abroad")
        await until(pilot, lambda: isinstance(app.screen, DepartureScreen))
        await pilot.pause()
        text = " ".join(screen_text(app).split())
        assert "rerank.example.org, on the internet" in text
        assert "the query and title and text of 9 documents" in text
        outcome = session.trace.stage("rerank").outcome
        assert (outcome.status, outcome.reason) == (Status.SKIPPED, "declined")
        assert not session.pipeline.resources.remote._clients, "no connection was opened"
        await pilot.press("enter")
        assert isinstance(app.screen, DepartureScreen), "a key meant for a list agrees to nothing"
        await pilot.press("n")
        await until(pilot, lambda: not app.main.asking.busy and not isinstance(app.screen, DepartureScreen))
        assert "not agreed: nothing was sent to abroad" in screen_text(app)
        assert not session.pipeline.resources.remote._clients
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, DepartureScreen))
        session.pipeline.resources.remote.rule = replace(session.pipeline.resources.remote.rule)
        await pilot.press("y")
        await until(pilot, lambda: session.trace.stage("rerank").outcome.status is Status.FAILED, 20)
        assert session.trace.stage("rerank").outcome.reason in ("dns", "connect", "timeout", "reset")
        assert file.exists()


@pytest.mark.parametrize("height", [24, 14])
async def test_of_four_services_at_once_all_is_said(store: WatchedStore, height: int) -> None:
    names = ("north", "south", "east", "west")
    abroad = {
        name: ProviderSettings(base_url=f"http://{name}.example.org/v1", models=["m"], retries=0) for name in names
    }
    async with asked(store, Settings(providers=abroad), (80, height)) as (app, pilot):
        app.main.perform("panel", *names)
        await until(pilot, lambda: isinstance(app.screen, DepartureScreen))
        await until(pilot, lambda: len(app.screen._departures) == 4)
        await pilot.pause()
        seen = screen_text(app)
        await pilot.press(*["down"] * 20)
        await pilot.pause()
        seen += screen_text(app)
        assert all(f"{name}.example.org" in seen for name in names)
        assert "each gets the query and title and text of 9 documents" in seen
        assert "characters for this query" in seen
        await pilot.press("n")


async def test_offline_holds_from_the_next_asking_on(store: WatchedStore) -> None:
    abroad = ProviderSettings(base_url=ABROAD, models=["m"], connect_s=0.01, retries=0)
    async with asked(store, Settings(providers={"abroad": abroad})) as (app, pilot):
        session = app.main.session
        session.change({"remote.offline": True})
        app.main.perform("reranker", "abroad")
        await until(pilot, lambda: session.trace.stage("rerank") is not None)
        await until(pilot, lambda: session.trace.stage("rerank").outcome.reason == "offline")
        assert not isinstance(app.screen, DepartureScreen), "what may not leave is not asked about"
        session.change({"remote.offline": False})
        app.main.perform("score")
        await until(pilot, lambda: isinstance(app.screen, DepartureScreen))


async def test_a_changed_provider_is_another_reranker(store: WatchedStore, tei: Loopback) -> None:
    settings = changed(settings_with(tei), rerank={"provider": "tei"})
    async with asked(store, settings) as (app, pilot):
        session = app.main.session
        assert len(tei.requests) == 1
        session.change({"providers.tei.batch": 4})
        assert session.search.missing(session.settings).rerank == 9
        app.main.asking.settle()
        await until(pilot, lambda: not app.main.asking.busy and len(tei.requests) > 1)
        session.undo()
        assert session.search.missing(session.settings).rerank == 0, "as it was set before, its scores are known"


# ---- where the time went, and bursts of keys


async def test_queue_inference_and_network_stand_in_the_rerank_bar(store: WatchedStore, tei: Loopback) -> None:
    settings = changed(settings_with(tei), rerank={"provider": "tei"})
    async with serving(answer=lambda request: replace(VENDORS["tei"](request), delay_s=0.15)) as slow:
        settings = changed(settings, providers={"tei": ProviderSettings(base_url=slow.url)})
        async with asked(store, settings, (160, 45)) as (app, pilot):
            strip = next(line for line in screen_text(app).splitlines() if "rerank" in line and "█" in line)
            assert "▒" in strip.split("rerank")[1]
            await pilot.press("t")
            await pilot.pause()
            lines = screen_text(app).splitlines()
            for name, shade in (("network", "▒"), ("queue", "░"), ("inference", "▓")):
                assert shade in next(line for line in lines if line.strip().startswith(name))


async def test_a_pin_behind_a_burst_takes_the_document_that_the_keys_reached(store: WatchedStore) -> None:
    async with asked(store, Settings()) as (app, pilot):
        await pilot.press("2")
        await pilot.pause()
        shown = app.main.panes.lists.reranked
        wanted = shown.view.id_at(3)
        shown.action_edge(0)
        for _ in range(3):
            shown.action_move(1)  # as keys of one burst: nothing is painted between them
        app.main.action_do("pin")
        assert app.main.session.pinned == wanted
        await pilot.pause()
        assert (app.main.cursor_id, shown.cursor_id) == (wanted, wanted)
