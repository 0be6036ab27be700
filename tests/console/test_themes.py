"""Themes: every one complete and readable, a bad file is one clear error, the roles of any Textual theme."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from console.locations import themes_dir
from console.palette import LEG_MARKS, palette_of
from console.themes import DEFAULT_THEME, ThemeFile, load_themes, read_theme
from console.widgets.timing_strip import TimingStrip
from engine.errors import SettingsError
from tests.console.consoles import QUERY, answered, running
from tests.console.widgets.bench_app import lines_of, stages, workbench
from tests.corpus import WatchedStore, pipeline_on

FILES = sorted(themes_dir().glob("*.toml"))
PAINTED = [path for path in FILES if not read_theme(path).ansi]


def test_there_are_themes_for_every_room() -> None:
    files = {path.stem: read_theme(path) for path in FILES}
    assert len(files) >= 5
    assert DEFAULT_THEME in files
    assert any(not theme.dark for theme in files.values())
    assert any(theme.contrast >= 7 for theme in files.values())
    assert any(theme.ansi for theme in files.values())
    assert not load_themes((themes_dir(),)).problems


def ratio(one: str, other: str) -> float:
    """WCAG 2's contrast ratio of two colours."""
    lighter, darker = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Color) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def texts(theme: ThemeFile) -> dict[str, str]:
    colors, ranking = theme.colors, theme.ranking
    names = ("text", "muted", "accent", "success", "warning", "error")
    roles = ("fused", "rerank", "feature", "up", "down", "absent", "unscored", "pinned", "match")
    legs = {f"legs[{at}]": color for at, color in enumerate(ranking.legs)}
    return {n: getattr(colors, n) for n in names} | {r: getattr(ranking, r) for r in roles} | legs


@pytest.mark.parametrize("path", PAINTED, ids=lambda path: path.stem)
def test_every_text_can_be_read_on_every_ground(path: Path) -> None:
    theme = read_theme(path)
    grounds = {name: getattr(theme.colors, name) for name in ("background", "surface", "panel", "cursor_blurred")}
    faint = {
        f"{text} on {ground}": round(found, 2)
        for (text, color), (ground, below) in product(texts(theme).items(), grounds.items())
        if (found := ratio(color, below)) < theme.contrast
    }
    assert not faint
    assert theme.contrast >= 4.5
    assert ratio(theme.colors.cursor_text, theme.colors.cursor) >= theme.contrast


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_legs_and_directions_have_colours_of_their_own(path: Path) -> None:
    ranking = read_theme(path).ranking
    assert len(set(ranking.legs)) == len(ranking.legs) >= 4
    assert ranking.up != ranking.down
    assert len(set(LEG_MARKS)) == len(LEG_MARKS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_an_application_can_wear_it(path: Path) -> None:
    strip = TimingStrip()
    async with workbench(strip, theme=path.stem) as (app, pilot):
        strip.show(stages())
        await pilot.pause()
        assert "rerank█" in lines_of(app.screen)[0]


async def test_without_colour_the_screen_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def shown() -> list[str]:
        strip = TimingStrip()
        async with workbench(strip) as (app, pilot):
            strip.show(stages())
            await pilot.pause()
            assert app.no_color is bool(monkeyed)
            return lines_of(app.screen)

    monkeyed = False
    colored = await shown()
    monkeyed = True
    monkeypatch.setenv("NO_COLOR", "1")
    assert await shown() == colored


async def test_without_colour_the_terminals_own_theme_has_its_two_default_colours(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(pipeline_on(store), theme="terminal", query=QUERY, size=(80, 24)) as (app, pilot):
        await answered(app, pilot)
        styles = {segment.style for strip in app.screen._compositor.render_strips() for segment in strip}
        colors = {color for style in styles if style for color in (style.color, style.bgcolor) if color}
        assert all(color.is_default for color in colors)
        assert any(style.reverse for style in styles if style), "the cursor is seen"


@pytest.mark.parametrize("name", sorted(BUILTIN_THEMES))
def test_any_theme_of_textual_has_our_roles(name: str) -> None:
    palette = palette_of(BUILTIN_THEMES[name])
    assert palette.tone("leg-2") == palette.leg(1)
    assert palette.tone("warning").color is not None


def write(folder: Path, change: tuple[str, str], name: str = "mine") -> Path:
    text = (themes_dir() / f"{DEFAULT_THEME}.toml").read_text(encoding="utf-8")
    assert change[0] in text
    file = folder / f"{name}.toml"
    file.write_text(text.replace(*change), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (("accent =", "acent ="), "colors.acent", "'accent'"),
        (("match =", "maatch ="), "ranking.maatch", "'match'"),
        (('accent = "#4fd6c4"', 'accent = "tealish"'), "colors.accent = 'tealish'", "#rrggbb"),
        (('accent = "#4fd6c4"', 'accent = "ansi_red"'), "the terminal's own", "ansi = true"),
        (("dark = true", 'dark = "yes"'), "Expected `bool`", "Mend"),
        (("[colors]", "[colors"), "mine.toml", "Mend"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, change: tuple[str, str], message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_theme(write(tmp_path, change))
    assert message in caught.value.message
    assert "mine.toml" in caught.value.message
    assert hint in caught.value.hint


def test_a_user_s_theme_takes_the_place_of_ours_and_a_bad_one_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, ("#0d1117", "#101010"), DEFAULT_THEME)
    write(tmp_path, ("accent =", "acent ="), "broken")
    themes = load_themes((themes_dir(), tmp_path))
    assert themes.by_name[DEFAULT_THEME].background == "#101010"
    assert "broken" not in themes.by_name
    assert [problem.path for problem in themes.problems] == ["colors.acent"]
    assert themes.pick("embr") == (DEFAULT_THEME, "No theme 'embr'; did you mean 'ember'? Using 'rankscope'.")
    assert themes.pick("") == (DEFAULT_THEME, "")
