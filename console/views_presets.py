"""What a preset would change, and what the lists would then look like. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from console.session import shown
from engine.analysis.display import clean
from engine.errors import RankscopeError
from engine.fusion.presets import PRESETS, Preset, apply
from engine.settings import knobs
from engine.settings.paths import join
from engine.settings.schema import Settings
from engine.trace import Trace


@dataclass(frozen=True, slots=True)
class PresetView:
    """``changes`` are (name, now, then); ``problem`` is why the preset cannot be put in place, '' where it can."""

    preset: Preset
    changes: tuple[tuple[str, str, str], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A result after the change, with its rank now; 0 where it is not ranked now."""

    rank: int
    before: int
    title: str


def preset_views(settings: Settings) -> tuple[PresetView, ...]:
    """Every preset against these settings."""
    return tuple(preset_view(settings, preset) for preset in PRESETS.values())


def preset_view(settings: Settings, preset: Preset) -> PresetView:
    """One preset against these settings."""
    try:
        wanted = apply(settings, preset.name)
    except RankscopeError as error:
        return PresetView(preset, problem=error.message)
    changes = []
    for keys, value, _ in knobs.leaves(wanted):
        before = knobs.get(settings, join(keys))
        if before != value:
            changes.append((join(keys), _said(before), _said(value)))
    return PresetView(preset, tuple(changes))


def moved(before: Trace, after: Trace, count: int) -> tuple[Moved, ...]:
    """The first results of ``after``, each with its rank in ``before``."""
    ranks = dict(zip(before.pool.ids, before.ranking.rank.tolist(), strict=True))
    lines = []
    for place, row in enumerate(after.ranking.results[:count].tolist(), 1):
        i = after.pool.ids[row]
        document = after.documents.get(i)
        title = clean(document.title if document else i, newlines=False)
        lines.append(Moved(place, int(ranks.get(i, 0)), title))
    return tuple(lines)


def _said(value: object) -> str:
    """A settings value on one line; lists without their brackets."""
    return ", ".join(map(str, value)) if isinstance(value, list) else clean(shown(value))
