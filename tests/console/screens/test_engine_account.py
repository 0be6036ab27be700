"""The console on a real engine: the waterfall with its time, greyed knobs, its own account of a score, faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Static

from console.engine_account import account_lines
from console.launch import Launch
from console.screens.engine_account import EngineAccountScreen
from console.ui import ConsoleApp
from console.views_knobs import greyed
from engine.api import open_pipeline
from engine.settings.load import Loaded
from engine.settings.schema import LexicalLeg, RerankSettings, Settings, StoreSettings
from tests.console.consoles import answered, running, screen_text, until
from tests.corpus import DOCUMENTS
from tests.servers.engine_index import make, send
from tests.servers.engines import Server

INDEX = "rankscope-console"


@pytest.fixture
def filled(elasticsearch_8: Server) -> Iterator[Server]:
    fields = {"section": {"type": "keyword"}, "pagerank": {"type": "long"}}
    make(elasticsearch_8, INDEX, DOCUMENTS, text={"title": "standard", "text": "standard"}, other=fields)
    yield elasticsearch_8
    send(elasticsearch_8, "DELETE", f"/{INDEX}", ignore=404)


def wanted(store: StoreSettings) -> Settings:
    legs = {"lexical": LexicalLeg()}
    return Settings(store=store, legs=legs, weights={"lexical": 1.0}, rerank=RerankSettings(enabled=False))


def shown(app: ConsoleApp) -> str:
    """What the account's dialog shows, '' before it stands."""
    return "".join(str(each.content) for each in app.screen.query("#tree").results(Static))


def test_an_account_is_told_node_by_node() -> None:
    tree = {"value": 2, "description": "sum of:", "details": [{"value": 2.0, "description": "weight(a:b in 1)"}]}
    assert list(account_lines(tree)) == [(0, 2.0, "sum of:"), (1, 2.0, "weight(a:b in 1)")]


async def test_the_console_on_an_engine(filled: Server) -> None:
    settings = wanted(filled.store(INDEX))
    async with running(open_pipeline(settings, Path()), settings) as (app, pilot):
        main = app.main
        main.perform("search", "wait seconds")
        await until(pilot, lambda: main.session.trace is not None and len(main.session.trace.ranking.results))
        trace = main.session.trace
        assert {part.name for part in trace.stage("lexical").parts} <= {"network", "engine"}
        reasons = greyed(main.session.settings, main.session.pipeline.store.info)
        assert "the index fixes it" in reasons["legs.lexical.k1"]
        assert "legs.lexical.fields.title" not in reasons
        main.perform("account", trace.pool.ids[trace.ranking.results[0]])
        await until(pilot, lambda: isinstance(app.screen, EngineAccountScreen))
        await until(pilot, lambda: "weight(text:" in shown(app))
        tree = app.screen.query_one("#tree", Static)
        # none of its lines is broken again, where the scroll bar takes its room
        await until(pilot, lambda: tree.size.height == len(str(tree.render()).splitlines()))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is main)
        send(filled, "DELETE", f"/{INDEX}")
        main.perform("search", "seconds")
        await until(pilot, lambda: main.session.trace.failed_legs)
        assert "it has no index" in main.session.trace.failed_legs["lexical"].text


async def test_the_engines_phases_are_switched_on_and_off(filled: Server) -> None:
    settings = wanted(filled.store(INDEX))
    async with running(open_pipeline(settings, Path()), settings, (100, 40)) as (app, pilot):
        main = app.main
        main.perform("search", "wait seconds")
        await answered(app, pilot)
        first = main.session.trace.stage("lexical")
        assert "query" not in [part.name for part in first.parts]
        main.perform("profile")
        await until(pilot, lambda: "query" in [part.name for part in main.session.trace.stage("lexical").parts])
        await answered(app, pilot)
        assert "query" in screen_text(app)
        profiled = main.session.trace.stage("lexical")
        main.perform("profile", "off")
        assert not main.session.unsettled
        assert main.session.trace.stage("lexical") == profiled


async def test_what_changed_is_read_again(filled: Server) -> None:
    settings = wanted(filled.store(INDEX))
    app = ConsoleApp(Launch(Loaded(settings), lambda: open_pipeline(settings, Path())))
    async with app.run_test(size=(100, 30)) as pilot:
        main = app.main
        await until(pilot, lambda: main.session is not None)
        main.perform("search", "wait seconds")
        await answered(app, pilot)
        send(filled, "PUT", f"/{INDEX}/_mapping", {"properties": {"author": {"type": "keyword"}}})
        added = {"title": "wait", "text": "seconds", "order": 1000}
        send(filled, "PUT", f"/{INDEX}/_doc/new?refresh=true", added)
        await pilot.press("f8")
        await until(pilot, lambda: main.session.pipeline.store.info.documents == len(DOCUMENTS) + 1)
        assert "author" in main.session.pipeline.store.info.keyword_fields
        told = "".join(each.message for each in app._notifications)
        assert f"{len(DOCUMENTS)} → {len(DOCUMENTS) + 1} documents · new: author" in told
        await answered(app, pilot)
        assert "new" in main.session.trace.pool.ids, "the query was asked again"


async def test_an_engine_that_is_not_there_can_be_tried_again() -> None:
    settings = wanted(StoreSettings(kind="elasticsearch", url="http://127.0.0.1:1", index="x"))
    app = ConsoleApp(Launch(Loaded(settings), lambda: open_pipeline(settings, Path())))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.main.asking.failed is not None)
        shown = [text for text, _ in app.main.asking.failed.lines]
        assert any("nothing answers there" in text for text in shown)
        assert app.main.asking.failed.suggestions[0].action == "reload"
