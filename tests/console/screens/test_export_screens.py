"""Exporting from the console, and the engine's own fusion beside ours: as text, and on the application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES
from textual.widgets import Input, OptionList

from console.actions import BY_NAME, Context
from console.palette import palette_of
from console.screens.export import ExportScreen
from console.screens.native import NativeScreen
from console.views_export import export_text, export_views
from console.views_native import mark_of, native_text, option
from engine.api import open_pipeline
from engine.export.base import Change, Wish, assumed
from engine.export.elasticsearch import FORMS
from engine.settings import knobs
from engine.settings.schema import Settings
from engine.stores.elastic.native import Native
from tests.console.consoles import QUERY, answered, running, screen_text, session_on, until
from tests.corpus import WatchedStore, pipeline_on
from tests.engine.export.on_servers import BASE, INDEX, build, load, needs_cranfield
from tests.servers.engines import Server

PALETTE = palette_of(BUILTIN_THEMES["textual-dark"])
SETTINGS = knobs.replace_all(Settings(), {"rerank.enabled": False, "fusion.normalizer": "elasticsearch-min-max"})
TITLES = {"a": "Alpha", "b": "Beta [red]", "c": "Gamma\x1b[2J"}


def native(**values: object) -> Native:
    given: dict[str, object] = {"ids": ("b", "a", "c"), "scores": (0.9, 0.5, 0.25), "took_ms": 3.0, "wall_ms": 5.5}
    return Native(FORMS[0], False, **{**given, **values})  # type: ignore[arg-type]


def test_every_target_says_whether_it_expresses_all() -> None:
    views = {view.target.name: view for view in export_views(Wish(SETTINGS, assumed(SETTINGS)))}
    assert views["elasticsearch"].mark == ("✓", "success")
    assert views["opensearch"].mark == ("≈", "warning")
    text = export_text(views["opensearch"], PALETTE, 60).plain
    assert "≈ fusion.normalizer elasticsearch-min-max → opensearch-min-max" in text
    body = export_text(views["elasticsearch"], PALETTE, 200).plain.partition("\n\n")[2]
    assert json.loads(body)["retriever"]["linear"]["rank_window_size"] == 1024


def test_lists_stand_side_by_side_with_their_moves() -> None:
    text = native_text(native(overlap=2 / 3, rbo=0.8), ["a", "b", "x"], TITLES, PALETTE, 90).plain
    rows = [line.split() for line in text.splitlines() if line.strip()[:1].isdigit()]
    assert rows[0] == ["1", "Alpha", "▲1", "0.9000", "Beta", "[red]"]
    assert rows[1] == ["2", "Beta", "[red]", "▼1", "0.5000", "Alpha"]
    assert rows[2][:3] == ["3", "x", "new"]
    assert "\x1b" not in text
    assert "67% of the first 3 in common, RBO 0.800 · took 3 ms of 6 ms" in text
    narrow = native_text(native(), ["a", "b", "x"], TITLES, PALETTE, 40).plain
    assert max(map(len, [line for line in narrow.splitlines() if line.strip()[:1].isdigit()])) <= 40


def test_a_refusal_and_a_change_are_said() -> None:
    refused = native(ids=(), scores=(), refusal="its licence does not include rrf", hint="start a trial")
    assert mark_of(refused)[0] == "✗"
    assert "✗ its licence does not include rrf" in native_text(refused, ["a"], TITLES, PALETTE, 60).plain
    changed = native(changes=(Change("fusion.normalizer", "z-score", "min-max", "it has no other"),))
    assert "fusion.normalizer z-score → min-max: it has no other" in native_text(changed, ["a"], TITLES, PALETTE, 60)
    assert option(native(overlap=1.0, agrees=True), PALETTE).plain.startswith(" = bool")


def test_the_engines_own_fusion_is_for_engines_alone(store: WatchedStore) -> None:
    session = session_on(pipeline_on(store))
    assert BY_NAME["native"].when(Context(session)) == "only Elasticsearch and OpenSearch fuse on their own"
    assert BY_NAME["export"].when(Context(session)) == ""


async def test_a_target_is_picked_copied_and_saved(store: WatchedStore, tmp_path: Path) -> None:
    async with running(pipeline_on(store), SETTINGS, (80, 24)) as (app, pilot):
        app.main.perform("search", *QUERY.split())
        await answered(app, pilot)
        app.main.perform("export")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.pause()
        text = screen_text(app)
        assert "✓ elasticsearch" in text
        assert "the linear retriever" in text
        assert max(map(len, text.split("\n"))) <= 80
        await pilot.press("y")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        copied = json.loads(app.clipboard)
        query = copied["retriever"]["linear"]["retrievers"][0]["retriever"]["standard"]["query"]
        assert QUERY in json.dumps(query)

        app.main.perform("export", "opensearch")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.pause()
        await pilot.press("q", "s")
        field = app.screen.query_one(Input)
        assert field.value == "rankscope-opensearch.json"
        field.value = str(tmp_path / "body.json")
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "body.json").exists())
        assert "{{query}}" in (tmp_path / "body.json").read_text()


async def test_forms_are_gone_through_and_escape_leaves(store: WatchedStore) -> None:
    async with running(pipeline_on(store), SETTINGS) as (app, pilot):
        app.main.perform("export", "elasticsearch")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.pause()
        assert "q for" not in screen_text(app), "there is no query yet"
        await pilot.press("f")
        assert "bool + knn boosts" in screen_text(app)
        await pilot.press("s", "escape")
        assert isinstance(app.screen, ExportScreen)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))


@needs_cranfield
@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
async def test_the_engines_forms_stand_beside_ours(opensearch_2: Server, tmp_path: Path, size: tuple[int, int]) -> None:
    load(opensearch_2, build(tmp_path / "index"))
    there = {"store.kind": "opensearch", "store.url": opensearch_2.url, "store.index": INDEX}
    settings = knobs.replace_all(Settings(), {**BASE, **there})
    async with running(open_pipeline(settings, tmp_path), settings, size) as (app, pilot):
        app.main.perform("search", "wing", "flow", "slipstream")
        await answered(app, pilot)
        app.main.perform("native")
        await until(pilot, lambda: isinstance(app.screen, NativeScreen) and app.screen.found is not None)
        await pilot.pause()
        await pilot.pause()
        text = screen_text(app)
        assert "The fusion of OpenSearch 2.19.1 itself" in text
        assert "asked exactly what the settings say" in text
        assert "the same order, to 20" in text
        app.screen.query_one(OptionList).highlighted = 1
        await pilot.pause()
        assert "asked the nearest that it can" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, NativeScreen))
