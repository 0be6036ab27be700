"""The colours that every widget paints with: one rich ``Style`` per role, resolved once per theme.

A role never rests on colour alone. Legs differ by ``LEG_MARKS`` as well, rises and falls by arrow, matches by
underline, so that the screen reads the same under NO_COLOR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

LEG_MARKS = "●◆■✚★✦"
"""One mark per leg, in settings order; the seventh leg starts again."""

VARIABLE_PREFIX = "rank-"
"""Our roles in a Textual theme's ``variables``: ``rank-up``, ``rank-leg-1`` …"""

LEG_COUNT = 6


@dataclass(frozen=True, slots=True)
class Palette:
    """Foreground styles, except ``cursor``, ``match`` and ``chip``, which also set the ground."""

    text: Style
    muted: Style
    accent: Style
    heading: Style
    rule: Style
    track: Style
    success: Style
    warning: Style
    error: Style
    up: Style
    down: Style
    absent: Style
    unscored: Style
    pinned: Style
    match: Style
    fused: Style
    rerank: Style
    feature: Style
    cursor: Style
    cursor_blurred: Style
    legs: tuple[Style, ...]

    def leg(self, index: int) -> Style:
        """The style of the leg at that place in the settings."""
        return self.legs[index % len(self.legs)]

    def grade(self, mark: str) -> Style:
        """The style of a grade, ``·`` being none yet."""
        return {"·": self.absent, "0": self.down, "1": self.warning, "2": self.success}.get(mark, self.up)

    def tone(self, name: str) -> Style:
        """The style of a role by its name, for views that carry roles as text; ``leg-2`` is the second leg."""
        if name.startswith("leg-"):
            return self.leg(int(name[4:]) - 1)
        style = getattr(self, name)
        assert isinstance(style, Style)
        return style


def leg_mark(index: int) -> str:
    """The mark of the leg at that place in the settings."""
    return LEG_MARKS[index % len(LEG_MARKS)]


def palette_of(theme: Theme) -> Palette:
    """The theme's palette. A Textual theme that knows none of our roles gets them from its own colours."""
    roles = {name: Color.parse(value).rich_color for name, value in role_colors(theme).items()}

    def style(role: str, *, bold: bool = False, italic: bool = False, underline: bool = False) -> Style:
        return Style(color=roles[role], bold=bold or None, italic=italic or None, underline=underline or None)

    return Palette(
        text=style("text"),
        muted=style("muted"),
        accent=style("accent"),
        heading=style("accent", bold=True),
        rule=style("rule"),
        track=style("track"),
        success=style("success"),
        warning=style("warning"),
        error=style("error", bold=True),
        up=style("up", bold=True),
        down=style("down"),
        absent=style("absent"),
        unscored=style("unscored", italic=True),
        pinned=style("pinned", bold=True),
        match=style("match", bold=True, underline=True),
        fused=style("fused"),
        rerank=style("rerank"),
        feature=style("feature"),
        cursor=Style(color=roles["cursor-text"], bgcolor=roles["cursor"], bold=True),
        cursor_blurred=Style(bgcolor=roles["cursor-blurred"]),
        legs=tuple(style(f"leg-{number}") for number in range(1, LEG_COUNT + 1)),
    )


def role_colors(theme: Theme) -> Mapping[str, str]:
    """Role → colour as the theme states it, with the gaps filled from the theme's general colours."""
    system = theme.to_color_system().generate()
    general = {
        "text": theme.foreground or system["foreground"],
        "muted": "ansi_bright_black"
        if theme.ansi
        else Color.parse(system["foreground"]).blend(Color.parse(system["background"]), 0.4).hex,
        "accent": theme.accent or system["accent"],
        "rule": system["panel-lighten-2"] if not theme.ansi else "ansi_bright_black",
        "track": system["panel-lighten-2"] if not theme.ansi else "ansi_bright_black",
        "success": system["success"],
        "warning": system["warning"],
        "error": system["error"],
        "cursor": system["primary"] if not theme.ansi else "ansi_blue",
        "cursor-text": Color.parse(system["primary"]).get_contrast_text(1.0).hex if not theme.ansi else "ansi_white",
        "cursor-blurred": system["panel"] if not theme.ansi else "ansi_default",
    }
    general |= {"up": general["success"], "down": general["error"], "absent": general["muted"]}
    general |= {"unscored": general["muted"], "pinned": general["warning"], "match": general["accent"]}
    general |= {"fused": system["secondary"], "rerank": general["accent"], "feature": general["success"]}
    legs = (general["warning"], system["primary"], general["success"], general["accent"], system["secondary"])
    general |= {f"leg-{number}": legs[(number - 1) % len(legs)] for number in range(1, LEG_COUNT + 1)}
    given = {name.removeprefix(VARIABLE_PREFIX): value for name, value in theme.variables.items()}
    return {role: given.get(role, value) for role, value in general.items()}
