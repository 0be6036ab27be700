"""Themes as files: TOML, one per theme, in the package's folder and in the user's.

A file has a ``title``, ``dark``, ``ansi``, a table ``[colors]`` and a table ``[ranking]``; ``themes/rankscope.toml``
says what each name colours. The file's name is the theme's name; a user's file takes the place of ours of that name.
A file that cannot be used is reported and left out: the console starts all the same.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from console.palette import LEG_COUNT, VARIABLE_PREFIX
from engine.errors import SettingsError

DEFAULT_THEME = "rankscope"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the file's tables; every colour in them is needed."""


class Colors(Table, frozen=True, kw_only=True):
    background: str
    surface: str
    panel: str
    text: str
    muted: str
    accent: str
    rule: str
    track: str
    success: str
    warning: str
    error: str
    cursor: str
    cursor_text: str
    cursor_blurred: str


class RankingColors(Table, frozen=True, kw_only=True):
    legs: list[str]
    fused: str
    rerank: str
    feature: str
    up: str
    down: str
    absent: str
    unscored: str
    pinned: str
    match: str


class ThemeFile(Table, frozen=True, kw_only=True):
    """``contrast`` is the ratio that the theme promises for text on its grounds; tests hold it to that."""

    title: str
    dark: bool = True
    ansi: bool = False
    contrast: float = 4.5
    colors: Colors
    ranking: RankingColors


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes by name, and one error for each file that could not be used."""

    by_name: dict[str, Theme]
    problems: tuple[SettingsError, ...] = ()

    def pick(self, wanted: str) -> tuple[str, str]:
        """The theme to use, and what to tell the user ('' where it is the one wanted)."""
        if not wanted or wanted in self.by_name:
            return wanted or DEFAULT_THEME, ""
        near = difflib.get_close_matches(wanted, self.by_name, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        return DEFAULT_THEME, f"No theme {wanted!r}{meant} Using {DEFAULT_THEME!r}."


def load_themes(folders: Sequence[Path]) -> Themes:
    """Every ``*.toml`` of the folders, a later folder before an earlier one; a missing folder holds none."""
    by_name: dict[str, Theme] = {}
    problems: list[SettingsError] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                by_name[path.stem] = textual_theme(path.stem, read_theme(path))
            except SettingsError as error:
                problems.append(error)
    return Themes(by_name, tuple(problems))


def read_theme(path: Path) -> ThemeFile:
    """The theme of one file.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or a name or colour in it makes no sense.
    """
    hint = f"Mend {path.name}, or move it out of the themes folder."
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"Theme {path}: {error}", hint=hint) from error
    _refuse_unknown(raw, ThemeFile, "", path)
    _refuse_unknown(raw.get("colors"), Colors, "colors", path)
    _refuse_unknown(raw.get("ranking"), RankingColors, "ranking", path)
    try:
        theme = msgspec.convert(raw, ThemeFile)
    except msgspec.ValidationError as error:
        raise SettingsError(f"Theme {path}: {error}", hint=hint) from error
    _refuse_bad_colors(theme, path)
    return theme


def textual_theme(name: str, file: ThemeFile) -> Theme:
    """The Textual theme; our roles ride in its variables as ``rank-…``."""
    colors = file.colors
    own = {role.replace("_", "-"): value for role, value in msgspec.structs.asdict(colors).items()}
    own |= {role: value for role, value in msgspec.structs.asdict(file.ranking).items() if isinstance(value, str)}
    legs = file.ranking.legs
    own |= {f"leg-{number + 1}": legs[number % len(legs)] for number in range(LEG_COUNT)}
    return Theme(
        name=name,
        primary=colors.accent,
        secondary=file.ranking.rerank,
        accent=colors.accent,
        warning=colors.warning,
        error=colors.error,
        success=colors.success,
        foreground=colors.text,
        background=colors.background,
        surface=colors.surface,
        panel=colors.panel,
        dark=file.dark,
        ansi=file.ansi,
        variables=_textual_variables(file) | {f"{VARIABLE_PREFIX}{role}": value for role, value in own.items()},
    )


def _textual_variables(file: ThemeFile) -> dict[str, str]:
    """Textual's own names that its built-in widgets read; for the terminal's colours on top of its own such theme."""
    colors = file.colors
    ground = BUILTIN_THEMES["ansi-dark" if file.dark else "ansi-light"].variables if file.ansi else {}
    return ground | {
        "text-muted": colors.muted,
        "border": colors.accent,
        "border-blurred": colors.rule,
        "block-cursor-background": colors.cursor,
        "block-cursor-foreground": colors.cursor_text,
        "block-cursor-blurred-background": colors.cursor_blurred,
        "block-cursor-blurred-foreground": colors.text,
        "input-cursor-background": colors.text if not file.ansi else "ansi_white",
        "input-cursor-foreground": colors.background if not file.ansi else "ansi_black",
        "input-selection-background": colors.cursor,
        "input-selection-foreground": colors.cursor_text,
        "scrollbar": colors.track,
        "scrollbar-hover": colors.muted,
        "scrollbar-active": colors.accent,
        "scrollbar-background": colors.surface,
        "scrollbar-background-hover": colors.surface,
        "scrollbar-background-active": colors.surface,
        "scrollbar-corner-color": colors.surface,
        "footer-key-foreground": colors.accent,
        "footer-description-foreground": colors.muted,
    }


def _refuse_unknown(raw: object, struct: type[Table], table: str, path: Path) -> None:
    if not isinstance(raw, dict):
        return
    for name in raw:
        if name not in struct.__struct_fields__:
            near = difflib.get_close_matches(name, struct.__struct_fields__, n=1)
            where = f"{table}.{name}" if table else name
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(struct.__struct_fields__)}."
            raise SettingsError(f"Theme {path}: unknown name {where!r}", path=where, hint=hint)


def _refuse_bad_colors(theme: ThemeFile, path: Path) -> None:
    if not theme.ranking.legs:
        raise SettingsError(f"Theme {path}: ranking.legs is empty", path="ranking.legs", hint="Give each leg a colour.")
    named = {f"colors.{role}": value for role, value in msgspec.structs.asdict(theme.colors).items()}
    for role, value in msgspec.structs.asdict(theme.ranking).items():
        values = {"": value} if isinstance(value, str) else {f"[{at}]": leg for at, leg in enumerate(value)}
        named |= {f"ranking.{role}{at}": color for at, color in values.items()}
    for where, value in named.items():
        try:
            Color.parse(value)
        except ColorParseError as error:
            hint = "Write #rrggbb, or a terminal colour such as ansi_blue."
            raise SettingsError(f"Theme {path}: {where} = {value!r} is no colour", path=where, hint=hint) from error
        if value.startswith("ansi_") and not theme.ansi:
            hint = "Add `ansi = true`, or write the colour as #rrggbb."
            raise SettingsError(f"Theme {path}: {where} = {value!r} is the terminal's own", path=where, hint=hint)
