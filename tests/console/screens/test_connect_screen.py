"""Connecting to an engine on the application: address, indices, a proposal that is changed, settings to open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.theme import BUILTIN_THEMES
from textual.widgets import Input, OptionList

from console.connecting import Found, choice, default_file, settings_text, size_text, store_of, write
from console.locations import locations
from console.palette import palette_of
from console.screens.connect import ConnectScreen
from console.ui import ConsoleApp
from console.views_connect import TEXT, index_text, row_text, rows, turned
from engine.embedders.static import StaticEmbedder
from engine.errors import SettingsError, StoreError, UsageError
from engine.executor import make_executor
from engine.settings.load import load
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.elastic.detect import ELASTICSEARCH, Engine
from engine.stores.elastic.listing import Listed, Listing, Sample, Seen
from engine.stores.elastic.mapping import shape_of
from engine.stores.elastic.proposal import Embedding, Proposal, propose
from tests.console.consoles import running, screen_text, until
from tests.corpus import DOCUMENTS, WatchedStore, pipeline_on
from tests.servers.engine_index import make, send
from tests.servers.engines import Server

PALETTE = palette_of(BUILTIN_THEMES["textual-dark"])
ENGINE = Engine(ELASTICSEARCH, (8, 19, 0))
INDEX = "screened"
FIELDS = {
    "name": {"type": "text"},
    "body": {"type": "text"},
    "sku": {"type": "keyword"},
    "vector": {"type": "dense_vector", "dims": 256},
    "other": {"type": "dense_vector", "dims": 8},
}


def seen() -> Seen:
    shape = shape_of("shop", {"shop-000001": {"mappings": {"properties": FIELDS}, "settings": {}}}, 2)
    fields = {"name": "a red \x1b[31m chair", "body": "it stands on four legs in a room"}
    return Seen(ENGINE, shape, (Sample(DOCUMENTS[0].__class__("1", {**fields, "sku": "x1"}), {"vector": [1.0] * 256}),))


def proposal() -> Proposal:
    return propose(seen())


def row(of: Proposal, name: str) -> Any:
    return next(one for one in rows(of) if one.id == name)


# ---- as text


def test_every_choice_stands_with_its_reason_and_can_be_turned() -> None:
    first = proposal()
    assert [one.id for one in rows(first)] == [TEXT + "name", TEXT + "body", "title", "id", "vector", "embedder"]
    assert row(first, TEXT + "name").choice == "name  ×2"
    assert row(first, "embedder").mark == ("?", "warning")
    out = turned(first, TEXT + "body", 0)
    assert out.fields == {"name": 2.0}
    assert row(out, TEXT + "body").mark == ("–", "muted")
    assert turned(out, TEXT + "body", 0).fields == {"name": 2.0, "body": 1.0}
    assert turned(first, TEXT + "body", 1).fields["body"] == 1.5
    assert turned(turned(first, TEXT + "body", -1), TEXT + "body", -1).fields == {"name": 2.0}
    assert turned(first, "title", 0).title != "name"
    assert turned(first, "vector", 1).vector != first.vector
    assert turned(first, "id", 1).id_field == "sku"


def test_lines_fit_and_bring_no_control_characters() -> None:
    bad = turned(proposal(), "title", 0)
    for width in (30, 71, 160):
        for one in rows(bad):
            assert row_text(one, PALETTE, width).cell_len <= width
        line = index_text(Listed("docs-000001", 1234, 5_600_000, ("docs",)), PALETTE, width)
        assert line.cell_len <= width
    wide = index_text(Listed("docs-000001", 1234, 5_600_000, ("docs",)), PALETTE, 80).plain
    assert "docs → docs-000001" in wide
    lines = [index_text(Listed("n" * size, 7, 227), PALETTE, 72).plain for size in (5, 44, 45, 46, 47, 90)]
    assert len({line.index("227 B") for line in lines}) == 1
    assert wide.rstrip().endswith("1,234   5.6 MB")


def test_the_settings_say_why_and_load(tmp_path: Path) -> None:
    store = store_of("localhost:9200", {"api_key": "env:KEY", "ca_file": "ca.crt"}, "shop")
    found = Found(store, seen(), proposal())
    text = settings_text(found.store, found.proposal)
    assert "# name (2): " in text
    assert "# Title: name: by its name." in text
    assert "The vectors are searched once embedder names what made them" in text
    file = tmp_path / "shop.toml"
    write(found, file)
    loaded = load(None, file, {}, ())
    settings = loaded.settings
    assert (settings.store.url, settings.store.index) == ("http://localhost:9200", "shop")
    assert (settings.store.title_field, settings.store.api_key) == ("name", "env:KEY")
    assert settings.store.ca_file == str(Path("ca.crt").absolute())
    lexical = settings.legs["lexical"]
    assert isinstance(lexical, LexicalLeg)
    assert lexical.fields == {"name": 2.0, "body": 1.0}
    assert settings.rerank.text == "{title}\n{body}"
    # a leg of vectors by an unknown embedder would make the reranker fail, even at weight 0
    assert (list(settings.legs), settings.weights) == (["lexical"], {"lexical": 0.3})


def test_the_lines_that_wait_for_the_embedder_can_be_taken_in(tmp_path: Path) -> None:
    unknown = replace(proposal(), embedding=Embedding("", "", False, ("static",)))
    text = settings_text(store_of("h", {}, "shop"), unknown)
    waiting = ("# [legs.dense]", "# field = ", "# embedder = ", "# dense = ")
    lines = [line.removeprefix("# ") if line.startswith(waiting) else line for line in text.splitlines()]
    file = tmp_path / "taken-in.toml"
    file.write_text("\n".join(lines))
    settings = load(None, file, {}, ()).settings
    dense = settings.legs["dense"]
    assert isinstance(dense, DenseLeg)
    assert (dense.field, dense.embedder, settings.weights) == ("vector", "static", {"lexical": 0.3, "dense": 0.7})


def test_an_odd_name_and_a_file_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKSCOPE_HOME", str(tmp_path))
    places = locations()
    odd = replace(proposal(), index="logs-*,../x")
    assert default_file(odd, places).parent == places.config
    write(Found(store_of("h", {}, "shop"), seen(), proposal()), default_file(proposal(), places))
    assert default_file(proposal(), places).name == "shop-2.toml"
    nothing = turned(turned(proposal(), TEXT + "name", 0), TEXT + "body", 0)
    with pytest.raises(StoreError, match="its vectors are by an unknown embedder"):
        write(Found(store_of("h", {}, "shop"), seen(), nothing), tmp_path / "no.toml")
    sure = replace(nothing, embedding=Embedding("static", "", True))
    write(Found(store_of("h", {}, "shop"), seen(), sure), tmp_path / "dense.toml")
    assert load(None, tmp_path / "dense.toml", {}, ()).settings.weights == {"dense": 1.0}
    words = turned(proposal(), "vector", -1)
    words = words if words.vector is None else turned(words, "vector", -1)
    write(Found(store_of("h", {}, "shop"), seen(), words), tmp_path / "words.toml")
    assert load(None, tmp_path / "words.toml", {}, ()).settings.weights == {"lexical": 1.0}
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write(Found(store_of("h", {}, "shop"), seen(), sure), tmp_path / "file" / "x.toml")


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("localhost:9200", "http://localhost:9200"),
        (" search ", "http://search:9200"),
        ("https://search:9243/", "https://search:9243"),
        ("http://a:9200,http://b:9200", "http://a:9200,http://b:9200"),
    ],
)
def test_addresses_are_taken_as_people_type_them(typed: str, url: str) -> None:
    assert store_of(typed, {}).url == url


@pytest.mark.parametrize(
    ("url", "signs"),
    [("h", {"api_key": "bm90OmEta2V5"}), ("h", {"password": "hunter2"}), ("https://me:hunter2@h:9200", {})],
)
def test_a_secret_itself_is_not_taken_where_a_file_is_written(url: str, signs: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="would stand in the settings file") as refused:
        store_of(url, signs)
    assert "env:NAME" in refused.value.hint
    assert "hunter2" not in refused.value.message + refused.value.hint


def test_system_indices_are_hidden_and_the_largest_come_first() -> None:
    listing = Listing(ENGINE, (Listed(".kibana", 9), Listed("a", 1), Listed("b", 5)))
    assert [one.name for one in choice(listing)] == ["b", "a"]
    assert [one.name for one in choice(listing, hidden=True)] == [".kibana", "b", "a"]
    assert (size_text(-1), size_text(999), size_text(5_600_000)) == ("", "999 B", "5.6 MB")


# ---- on the application


@pytest.fixture
def filled(elasticsearch_8: Server) -> Iterator[Server]:
    encoder = StaticEmbedder(make_executor())
    texts = [f"{one.title}\n{one.text_of('text')}" for one in DOCUMENTS]
    vectors = {one.id: made.tolist() for one, made in zip(DOCUMENTS, encoder.encode(texts), strict=True)}
    make(elasticsearch_8, INDEX, DOCUMENTS, vectors, text={"title": "standard", "text": "english"}, ours=False)
    yield elasticsearch_8
    send(elasticsearch_8, "DELETE", f"/{INDEX}", ignore=404)


async def opened(app: ConsoleApp, pilot: Pilot[Any]) -> ConnectScreen:
    await pilot.press("escape", "C")
    await until(pilot, lambda: isinstance(app.screen, ConnectScreen))
    screen = app.screen
    assert isinstance(screen, ConnectScreen)
    return screen


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_from_an_address_to_settings_that_are_opened(
    filled: Server, store: WatchedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("RANKSCOPE_HOME", str(tmp_path))
    async with running(pipeline_on(store), size=size) as (app, pilot):
        app.main.set_focus(app.main.panes.empty)
        screen = await opened(app, pilot)
        screen.query_one("#url", Input).value = filled.url
        await pilot.press("enter")
        listed = screen.query_one("#indices", OptionList)
        await until(pilot, lambda: listed.option_count > 0)
        assert "Elasticsearch 8" in screen_text(app)
        listed.highlighted = listed.get_option_index(INDEX)
        await pilot.press("enter")
        shown = screen.query_one("#rows", OptionList)
        await until(pilot, lambda: shown.option_count > 0)
        await pilot.pause()
        text = screen_text(app)
        assert "title  ×2" in text
        assert "static" in text
        await pilot.press("right", "s")
        await until(pilot, lambda: app.return_value is not None)
    file = app.return_value
    assert file == tmp_path / "config" / f"{INDEX}.toml"
    settings = load(None, file, {}, ()).settings
    lexical, dense = settings.legs["lexical"], settings.legs["dense"]
    assert isinstance(lexical, LexicalLeg)
    assert isinstance(dense, DenseLeg)
    assert lexical.fields == {"title": 2.5, "text": 1.0}
    assert (dense.embedder, settings.weights) == ("static", {"lexical": 0.3, "dense": 0.7})
    assert "it makes the stored vectors" in file.read_text()


async def test_an_index_that_may_not_be_listed_is_looked_at_by_its_name(filled: Server, store: WatchedStore) -> None:
    async with running(pipeline_on(store), size=(80, 24)) as (app, pilot):
        app.main.set_focus(app.main.panes.empty)
        screen = await opened(app, pilot)
        screen.query_one("#url", Input).value = filled.url
        screen.query_one("#index", Input).value = "nowhere"
        await pilot.press("enter")
        await until(pilot, lambda: "it has no index nowhere" in screen_text(app))
        screen.query_one("#index", Input).value = INDEX
        await pilot.press("enter")
        shown = screen.query_one("#rows", OptionList)
        await until(pilot, lambda: shown.option_count > 0 and shown.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one("#url", Input).has_focus)


async def test_of_two_hundred_indices_one_is_found_by_a_part_of_its_name(store: WatchedStore) -> None:
    many = tuple(Listed(f"kb-{n:03d}", n, 10 * n) for n in range(200))
    long = Listed("customers-of-the-north-with-a-name-that-no-terminal-of-eighty-columns-can-hold", 3, 227)
    both = Listed("everything", 19900, 199000, of=200)
    async with running(pipeline_on(store), size=(80, 24)) as (app, pilot):
        app.main.set_focus(app.main.panes.empty)
        screen = await opened(app, pilot)
        screen._surveyed(Listing(ENGINE, (*many, long, both)))
        await pilot.pause()
        text = screen_text(app)
        assert "202 indices with documents and size." in text
        assert "everything  alias of 200 indices" in text
        assert "esc address ─╯" in text  # all of the frame is there
        await pilot.press("slash", *"north")
        await pilot.pause()
        listed = screen.query_one("#indices", OptionList)
        assert [option.id for option in listed.options] == [long.name]
        text = screen_text(app)
        assert "1 of 202 indices with documents and size." in text
        await pilot.press("down")
        assert app.focused is listed
        await pilot.press("escape")
        assert screen.query_one("#find", Input).value == ""
        assert screen.query_one("#url", Input).has_focus


async def test_what_goes_wrong_stands_below_and_escape_goes_back(store: WatchedStore) -> None:
    async with running(pipeline_on(store), size=(80, 24)) as (app, pilot):
        app.main.set_focus(app.main.panes.empty)
        screen = await opened(app, pilot)
        await pilot.press("enter")
        assert "An address is needed" in screen_text(app)
        screen.query_one("#url", Input).value = "127.0.0.1:1"
        await pilot.press("enter")
        await until(pilot, lambda: "nothing answers there" in screen_text(app))
        assert "is the engine running" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is app.main
        assert app.return_value is None
