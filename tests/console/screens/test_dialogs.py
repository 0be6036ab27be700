"""The dialogs: every action found and run, help of a pane, saving with a conflict, presets, an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.theme import BUILTIN_THEMES
from textual.widgets import Input, OptionList

from console.actions import ACTIONS, Context
from console.keys import key_text
from console.palette import palette_of
from console.screens.compare import CompareScreen
from console.screens.dialog import SEPARATOR, Dialog
from console.screens.error import ErrorScreen
from console.screens.help import ActionsScreen, HelpScreen, pane_help
from console.screens.palette import offered
from console.screens.panel import PanelScreen
from console.screens.presets import PresetScreen
from console.screens.ragflow import RagflowScreen
from console.screens.rerankers import RerankerScreen
from console.screens.save import SaveScreen
from console.screens.why import WhyScreen, remedy_text
from console.session import Session
from console.views_presets import preset_views
from console.views_why import Remedy
from console.widgets.knob_panel import KnobPanel
from console.widgets.lines import width_of
from engine.errors import StoreError
from engine.fusion.presets import PRESETS, apply
from engine.settings import knobs
from engine.settings.load import load
from engine.settings.save import SaveResult
from engine.settings.schema import Settings
from tests.console.consoles import QUERY, drained, until
from tests.console.widgets.bench_app import Workbench, lines_of, workbench
from tests.corpus import WatchedStore, pipeline_on

PALETTE = palette_of(BUILTIN_THEMES["textual-dark"])


@asynccontextmanager
async def opened(
    dialog: Dialog[Any], size: tuple[int, int] = (100, 40)
) -> AsyncIterator[tuple[Workbench, Pilot[None], list[Any]]]:
    """The dialog over a knob panel, and the list that its result is put in."""
    panel, results = KnobPanel(), list[Any]()
    async with workbench(panel, size) as (app, pilot):
        panel.show(Settings(), Settings())
        app.push_screen(dialog, results.append)
        await pilot.pause()
        yield app, pilot, results


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "mine.toml"
    write(file, "# mine\n[weights]\nlexical = 0.3\ndense = 0.7\n")
    return file


@pytest.fixture
def session(file: Path, store: WatchedStore) -> Session:
    return Session(pipeline_on(store), load(None, file, {}, []))


def said(app: Workbench) -> str:
    """What the dialog shows, wrapped lines put together."""
    inside = [line.split("│")[1] if line.count("│") > 1 else "" for line in lines_of(app.screen)]
    return " ".join(" ".join(inside).split())


# --- actions


async def test_every_action_is_listed_with_its_keys_and_why_it_does_not_apply() -> None:
    async with opened(ActionsScreen(Context())) as (app, _, _results):
        options = app.screen.query_one(OptionList)
        assert {o.id for o in options.options if o.id} == {action.name for action in ACTIONS}
        assert "the index is still being opened" in said(app)
        assert "in a script: search TEXT" in said(app)


@pytest.mark.parametrize("screen", [CompareScreen, PanelScreen, RagflowScreen, RerankerScreen, PresetScreen, WhyScreen])
def test_the_keys_of_a_dialog_are_seen_whole_at_eighty_columns(screen: type[Dialog[Any]]) -> None:
    whole = "width: 100%" in screen.DEFAULT_CSS
    assert width_of(screen.keys) <= (80 if whole else 80 * 92 // 100) - 6


def test_every_heading_stands_once() -> None:
    groups = [action.group for action in ACTIONS]
    assert len([group for before, group in pairwise(["", *groups]) if before != group]) == len(set(groups))


async def test_typing_finds_an_action_by_its_title_first_and_enter_gives_it() -> None:
    async with opened(ActionsScreen(Context())) as (_, pilot, results):
        await pilot.press(*"theme")
        await pilot.press("enter")
        assert results == ["theme"]


async def test_the_arrows_move_in_the_list_while_words_are_typed() -> None:
    async with opened(ActionsScreen(Context())) as (app, pilot, results):
        first = app.screen.query_one(OptionList).highlighted
        await pilot.press("down")
        assert app.screen.query_one(OptionList).highlighted != first
        await pilot.press("escape")
        assert results == [None]


async def test_words_that_no_action_has_leave_nothing_to_run() -> None:
    async with opened(ActionsScreen(Context())) as (app, pilot, results):
        await pilot.press(*"xyzzy", "enter")
        assert "no action has these words" in said(app)
        assert results == []


async def test_a_user_s_keys_are_shown_in_place_of_ours() -> None:
    async with opened(ActionsScreen(Context(), {"undo": ("ctrl+b",)})) as (app, pilot, _):
        await pilot.press(*"undo")
        await pilot.pause()
        assert "ctrl+b" in said(app)


def test_keys_are_written_as_they_are_read() -> None:
    assert key_text(["slash", "ctrl+z", "f5", "question_mark", "shift+left", "P"]) == "/ ctrl+z F5 ? shift+← P"


def test_the_palette_offers_what_needs_no_argument() -> None:
    names = {action.name for action in offered()}
    assert {"save", "theme", "undo"} <= names
    assert not names & {"set", "search", "preset", "palette"}


async def test_the_help_of_a_pane_has_its_text_and_its_keys() -> None:
    panel = KnobPanel()
    async with workbench(panel, (100, 60)) as (app, pilot):
        panel.show(Settings(), Settings())
        panel.focus()
        await pilot.pause()
        help = pane_help(panel, "Weights")
        assert ("shift+→", "Five steps up") in help.keys
        app.push_screen(HelpScreen(help))
        await pilot.pause()
        assert "nothing is asked again" in said(app)
        assert "Tries: undo" in said(app)


# --- saving


async def test_saving_shows_the_difference_and_writes_it(session: Session, file: Path) -> None:
    session.turn("weights.dense", 0.85)
    async with opened(SaveScreen(session)) as (app, pilot, results):
        assert "-dense = 0.7" in said(app)
        assert "+dense = 0.85" in said(app)
        await pilot.press("enter")
        assert isinstance(results[0], SaveResult)
    assert read(file) == "# mine\n[weights]\nlexical = 0.3\ndense = 0.85\n"


async def test_leaving_saves_nothing(session: Session, file: Path) -> None:
    session.turn("weights.dense", 0.85)
    before = read(file)
    async with opened(SaveScreen(session)) as (_, pilot, results):
        await pilot.press("escape")
        assert results == [None]
    assert read(file) == before


async def test_another_name_makes_another_file(session: Session, tmp_path: Path) -> None:
    session.turn("weights.dense", 0.85)
    async with opened(SaveScreen(session)) as (app, pilot, results):
        app.screen.query_one(Input).value = str(tmp_path / "other.toml")
        await pilot.pause()
        assert "/dev/null" in said(app)
        await pilot.press("enter")
        assert results[0].path == tmp_path / "other.toml"


async def test_a_file_that_changed_meanwhile_is_overwritten_only_when_told(session: Session, file: Path) -> None:
    session.turn("weights.dense", 0.85)
    write(file, "# theirs\n[weights]\nlexical = 0.5\ndense = 0.5\n")
    reloaded: list[bool] = []
    async with opened(SaveScreen(session, reload=lambda: reloaded.append(True))) as (app, pilot, results):
        await pilot.press("enter")
        await pilot.pause()
        assert results == []
        assert "has changed on disk" in said(app)
        assert "ctrl+r reads it again" in said(app)
        await pilot.press("ctrl+o")
        assert isinstance(results[0], SaveResult)
    assert "dense = 0.85" in read(file)
    assert reloaded == []


async def test_a_folder_that_is_not_there_is_said(session: Session, tmp_path: Path) -> None:
    session.turn("weights.dense", 0.85)
    async with opened(SaveScreen(session)) as (app, pilot, results):
        app.screen.query_one(Input).value = str(tmp_path)
        await pilot.press("enter")
        await pilot.pause()
        assert results == []
        assert "cannot" in said(app)


# --- presets


def test_a_preset_s_changes_are_what_applying_it_changes(session: Session) -> None:
    for view in preset_views(session.settings):
        if not view.problem:
            then = apply(session.settings, view.preset.name)
            differ = {p for p in knobs.paths(then) if knobs.get(then, p) != knobs.get(session.settings, p)}
            assert {name for name, _, _ in view.changes} == differ


async def test_presets_are_previewed_without_asking_and_without_a_try(session: Session, store: WatchedStore) -> None:
    await drained(session.ask(QUERY))
    calls, before = store.calls.copy(), session.settings
    order = session.trace.ranking.order.tolist() if session.trace else []
    async with opened(PresetScreen(session)) as (app, pilot, results):
        for name in PRESETS:
            assert name in said(app)
            await pilot.press("down")
        assert "The first results would be" in said(app)
        assert "Changes" in said(app)
        assert (store.calls, session.settings, len(session.tries)) == (calls, before, 1)
        assert session.search is not None
        assert session.search.trace is not None
        assert session.search.trace.ranking.order.tolist() == order
        await pilot.press("home", "enter")
        assert results == ["quality"]


async def test_in_a_small_terminal_every_key_and_every_preset_is_seen(session: Session) -> None:
    async with opened(PresetScreen(session), (60, 16)) as (app, pilot, _):
        for key in PresetScreen.keys.split(SEPARATOR):
            await until(pilot, lambda key=key: any(key in line for line in lines_of(app.screen)))
        assert "semantik" not in said(app)
        await pilot.press("end")
        await until(pilot, lambda: "semantik" in said(app))
        assert len(lines_of(app.screen)) == 16


def test_a_change_that_turns_two_round_is_read_whole_in_a_small_terminal() -> None:
    remedy = Remedy("legs.lexical.fields.identifiers", 0.25, 1.5, "puts it above the other")
    for width in (47, 120):
        text = remedy_text(remedy, PALETTE, width).plain
        assert text.split() == ["▲", remedy.path, "0.25", "→", "1.5", *remedy.does.split()]
        assert all(width_of(line) <= width for line in text.splitlines())
    frozen = remedy_text(replace(remedy, value=None, does="no value of it does"), PALETTE, 47)
    assert "legs.lexical.fields" in frozen.plain
    assert frozen.plain.endswith("no value of it does")


# --- errors


async def test_an_error_shows_its_way_out_and_no_markup_is_read() -> None:
    error = StoreError(
        "[red]no index[/red] at \x1b[31mhere", hint="build it with [b]rankscope index[/b]", stage="dense"
    )
    async with opened(ErrorScreen(error)) as (app, pilot, results):
        for part in ("[red]no index[/red] at ␛[31mhere", "[b]rankscope index[/b]", "stage: dense"):
            assert part in said(app)
        await pilot.press("enter")
        assert results == [None]


async def test_a_fault_of_the_program_names_its_place_and_the_log() -> None:
    try:
        raise ValueError("boom")
    except ValueError as caught:
        fault = caught
    async with opened(ErrorScreen(fault, Path("/logs/rankscope.log"))) as (app, _, _results):
        assert "ValueError: boom" in said(app)
        assert "/logs/rankscope.log" in said(app)
        assert "test_dialogs.py" in said(app)
