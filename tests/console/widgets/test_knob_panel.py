"""The knob panel by keys and mouse: it posts turns, and shows what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from console.messages import KnobTurned
from console.views_knobs import greyed
from console.widgets.knob_panel import KnobPanel
from engine.settings import knobs
from engine.settings.schema import Settings
from tests.console.widgets.bench_app import Workbench, lines_of, workbench

SETTINGS = Settings()


@asynccontextmanager
async def panel_on(
    settings: Settings = SETTINGS,
    at: str = "weights.dense",
    size: tuple[int, int] = (40, 24),
    reasons: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[KnobPanel, Workbench, Pilot[None]]]:
    panel = KnobPanel()
    async with workbench(panel, size) as (app, pilot):
        panel.show(settings, SETTINGS, greyed(settings) if reasons is None else reasons)
        panel.focus()
        panel.select(at)
        await pilot.pause()
        yield panel, app, pilot


def turns(app: Workbench) -> list[tuple[str, object]]:
    return [(m.path, m.value) for m in app.posted if isinstance(m, KnobTurned)]


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["right"], 0.75),
        (["left"], 0.65),
        (["shift+right"], 0.95),
        (["shift+left"], 0.45),
        (["home"], 0),
        (["end"], 1),
        (["enter", "2", ".", "5", "enter"], 2.5),
        (["=", "1", "9", "backspace", "enter"], 1),
    ],
)
async def test_keys_turn_the_knob_under_the_cursor(keys: list[str], value: float) -> None:
    async with panel_on() as (_, app, pilot):
        await pilot.press(*keys)
        assert turns(app) == [("weights.dense", value)]


async def test_every_key_of_a_burst_is_a_step() -> None:
    async with panel_on() as (panel, app, pilot):
        for _ in range(3):
            panel.action_turn(1)
        await pilot.pause()
        assert turns(app) == [("weights.dense", value) for value in (0.75, 0.8, 0.85)]


async def test_the_panel_shows_only_what_it_is_given() -> None:
    async with panel_on() as (panel, app, pilot):
        await pilot.press("right")
        assert any(".70" in line and "dense" in line for line in lines_of(app.screen))
        panel.show(knobs.replace(SETTINGS, "weights.dense", 0.75), SETTINGS)
        await pilot.pause()
        line = next(line for line in lines_of(app.screen) if "dense" in line)
        assert ".75" in line
        assert "*" in line


async def test_the_saved_value_is_marked_and_backspace_goes_back_to_it() -> None:
    changed = knobs.replace(SETTINGS, "weights.dense", 0.3)
    async with panel_on(changed, size=(60, 24)) as (_, app, pilot):
        line = next(line for line in lines_of(app.screen) if "dense" in line)
        assert line.index("●") < line.index("◇")
        assert any("saved .70" in text for text in lines_of(app.screen))
        await pilot.press("backspace")
        assert turns(app) == [("weights.dense", 0.7)]


async def test_choices_cycle_and_switches_flip() -> None:
    async with panel_on(at="fusion.combiner") as (panel, app, pilot):
        await pilot.press("right", "left", "space")
        panel.select("rerank.enabled")
        await pilot.press("space")
        assert turns(app) == [
            ("fusion.combiner", "rrf"),
            ("fusion.combiner", "convex"),
            ("fusion.combiner", "rrf"),
            ("rerank.enabled", False),
        ]


async def test_a_number_is_typed_after_enter_and_escape_forgets_it() -> None:
    async with panel_on() as (_, app, pilot):
        await pilot.press("enter", "4", "2")
        await pilot.pause()
        assert any("dense" in line and "42▏" in line for line in lines_of(app.screen))
        await pilot.press("escape")
        await pilot.pause()
        assert any("dense" in line and ".70" in line for line in lines_of(app.screen))
        assert turns(app) == []


async def test_digits_are_left_to_the_panes_until_a_number_is_begun() -> None:
    async with panel_on() as (panel, app, pilot):
        pressed: list[str] = []
        app.action_pane = lambda key: pressed.append(key)  # type: ignore[attr-defined]
        app.bind("4", "pane('4')")
        await pilot.press("4")
        assert pressed == ["4"]
        await pilot.press("enter", "4", "enter")
        assert pressed == ["4"]
        assert turns(app) == [("weights.dense", 4)]
        assert panel.row is not None


async def test_what_is_no_number_is_refused() -> None:
    async with panel_on() as (_, app, pilot):
        await pilot.press("enter", ".", ".", "enter")
        assert turns(app) == []
        assert any("not a number" in n.message for n in app._notifications)


async def test_a_grey_knob_says_why_below() -> None:
    settings = knobs.replace(SETTINGS, "fusion.combiner", "comb-sum")
    async with panel_on(settings) as (_, app, _pilot):
        assert any("without weights" in line for line in lines_of(app.screen))


async def test_the_cursor_reaches_the_last_knob_in_a_low_panel() -> None:
    async with panel_on(size=(38, 8), at="weights.lexical") as (panel, app, pilot):
        seen = set()
        for _ in range(30):
            assert panel.row is not None
            assert any(panel.row.label[:6] in line for line in lines_of(app.screen))
            seen.add(panel.row.path)
            panel.action_move(1)
            await pilot.pause()
        assert "cut.top_k" in seen
        for _ in range(30):
            panel.action_move(-1)
        await pilot.pause()
        assert panel.row is not None
        assert panel.row.path == "weights.lexical"
        assert "Leg weights" in lines_of(app.screen)[0]


async def test_a_click_and_a_drag_set_the_value_under_the_pointer() -> None:
    async with panel_on(at="weights.lexical", size=(60, 24)) as (panel, app, pilot):
        line = lines_of(app.screen).index(next(text for text in lines_of(app.screen) if "◆ dense" in text))
        shape = panel._shape()
        await pilot.mouse_down(panel, offset=(shape.begin, line))
        await pilot.hover(panel, offset=(shape.begin + shape.track - 1, line))
        await pilot.mouse_up(panel, offset=(shape.begin + shape.track - 1, line))
        posted = turns(app)
        assert (posted[0], posted[-1]) == (("weights.dense", 0), ("weights.dense", 1))
        assert app.mouse_captured is None
        await pilot.hover(panel, offset=(shape.begin, line))
        assert turns(app) == posted


async def test_the_wheel_turns_the_chosen_knob_and_moves_the_cursor_elsewhere() -> None:
    async with panel_on(at="weights.dense", size=(60, 24)) as (panel, app, pilot):
        x = panel._shape().begin + 1
        await pilot._post_mouse_events([_scroll_up()], panel, offset=(x, 2), button=0)
        assert turns(app) == [("weights.dense", 0.75)]
        await pilot._post_mouse_events([_scroll_up()], panel, offset=(1, 5), button=0)
        assert panel.row is not None
        assert panel.row.path == "weights.lexical"


def _scroll_up() -> type:
    from textual.events import MouseScrollUp

    return MouseScrollUp


@pytest.mark.parametrize("size", [(20, 6), (38, 20), (160, 45)])
async def test_no_size_breaks_a_row(size: tuple[int, int]) -> None:
    async with panel_on(size=size) as (_, app, _pilot):
        assert {len(line) for line in lines_of(app.screen)} == {size[0]}
