"""The knob panel's lines, made from settings and the knob table; and why a knob makes no difference now. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from console.widgets.landscape_line import StripRow, Strips, scale_of
from console.widgets.slider import KnobRow
from engine.fusion.blends import BLENDS, resolve
from engine.fusion.combiners import COMBINERS
from engine.local.instructions import INSTRUCTIONS
from engine.settings import knobs
from engine.settings.paths import Keys, join
from engine.settings.schema import LexicalLeg, RerankStage, Settings
from engine.settings.table import DTYPES, MAX_TOP, Knob
from engine.stores.base import StoreInfo

GROUPS = ("Leg weights", "Fusion", "Lexical", "Dense", "Rerank", "Cut")

OF_LOCAL: Mapping[str, tuple[str, ...]] = {
    "dtype": DTYPES,
    "device": ("auto", "cpu", "mps") if sys.platform == "darwin" else ("auto", "cpu", "cuda"),
    "instruction": ("", *INSTRUCTIONS),
}
"""What is chosen live of a local model beside its name, and from what; every other value only as a setting."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The panel's lines from the top: a knob's row, a heading, or the strip under a knob (by path in ``strips``)."""

    lines: tuple[KnobRow | StripRow | str, ...] = ()
    strips: Mapping[str, StripRow] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[KnobRow], strips: Strips | None = None) -> Layout:
        lines: list[KnobRow | StripRow | str] = []
        low, high = scale_of(strips.charts.values()) if strips else (0.0, 0.0)
        group = ""
        for row in rows:
            if row.group != group:
                group = row.group
                lines.append(group)
            lines.append(row)
            if strips and row.path in strips.charts and not row.reason:
                lines.append(StripRow(row, strips.charts[row.path], low, high, row.path in strips.stale))
        return cls(tuple(lines), {line.path: line for line in lines if isinstance(line, StripRow)})

    def line_of(self, path: str) -> int:
        """The line of that knob, −1 where there is none."""
        return next((at for at, line in enumerate(self.lines) if isinstance(line, KnobRow) and line.path == path), -1)

    def next_knob(self, line: int, step: int) -> int:
        """The nearest knob's line at least |step| lines away in that direction; the last one there is otherwise."""
        found, at = line, line + step
        direction = 1 if step > 0 else -1
        while 0 <= at < len(self.lines) and not isinstance(self.lines[at], KnobRow):
            at += direction
        if 0 <= at < len(self.lines):
            return at
        knobs = [place for place, each in enumerate(self.lines) if isinstance(each, KnobRow)]
        return (knobs[-1] if direction > 0 else knobs[0]) if knobs else found


def knob_rows(settings: Settings, saved: Settings, greyed: Mapping[str, str]) -> tuple[KnobRow, ...]:
    """Every live knob of these settings, in the order of the groups; ``greyed`` is path → reason."""
    before = {keys: value for keys, value, _ in knobs.leaves(saved)}
    rows = [
        _row(settings, keys, value, before.get(keys, value), knob, greyed.get(join(keys), ""))
        for keys, value, knob in turned(settings)
    ]
    order = {group: place for place, group in enumerate(_groups(settings))}
    return tuple(sorted(rows, key=lambda row: order[row.group]))


def turned(settings: Settings) -> Iterator[tuple[Keys, Any, Knob]]:
    """What the panel turns: every live knob, and what is chosen of a local model, as a choice."""
    for keys, value, shape in knobs.leaves(settings):
        if shape.knob is None:
            continue
        if shape.knob.live:
            yield keys, value, shape.knob
        elif keys[0] == "rerank" and keys[-1] in OF_LOCAL and _stage(settings, keys).provider == "local":
            choices = tuple(dict.fromkeys((*OF_LOCAL[keys[-1]], value)))
            yield keys, value, replace(shape.knob, choices=choices)


def _stage(settings: Settings, keys: Keys) -> RerankStage:
    """The stage of the reranking that a key below ``rerank`` belongs to."""
    return settings.rerank.cascade[keys[2]] if keys[1] == "cascade" else settings.rerank


def _row(settings: Settings, keys: Keys, value: Any, before: Any, knob: Knob, reason: str) -> KnobRow:
    """``before`` is what the file has, and the value itself where the file has no such leg or feature."""
    legs = list(settings.legs)
    low, high = _track(keys, knob, value)
    leg = legs.index(keys[1]) if keys[0] == "weights" and keys[1] in legs else -1
    return KnobRow(join(keys), _label(keys, knob), _group(settings, keys), knob, value, before, low, high, leg, reason)


def _track(keys: Keys, knob: Knob, value: Any) -> tuple[float, float]:
    """Where the slider begins and ends: the useful part of the range, wider where the value lies beyond."""
    low = knob.minimum if knob.minimum is not None else 0.0
    high = knob.slider or (knob.maximum if knob.maximum is not None else 1.0)
    if knob.slider and low < -knob.slider:
        low = 0.0 if not isinstance(value, float) or value >= 0 else -knob.slider
    if knob.log and high == MAX_TOP:
        high = 512.0
    number = float(value) if isinstance(value, int | float) else low
    return min(low, number), max(high, number)


def _label(keys: Keys, knob: Knob) -> str:
    if keys[0] == "weights":
        return keys[1]
    if keys[0] == "features":
        return keys[1] if keys[2] == "weight" else f"{keys[1]} {keys[2]}"
    if "fields" in keys:
        return f"{keys[-1]} boost"
    return knob.label or keys[-1].replace("_", " ")


def _groups(settings: Settings) -> Iterator[str]:
    yield from GROUPS[:2]
    yield from (name.capitalize() for name in settings.legs)
    yield GROUPS[-2]
    yield from (f"Rerank: {name}" for name in settings.rerank.cascade)
    yield GROUPS[-1]


def _group(settings: Settings, keys: Keys) -> str:
    if keys[0] in ("weights", "features"):
        return GROUPS[0]
    if keys[:2] == ("rerank", "cascade"):
        return f"Rerank: {keys[2]}"
    return (keys[1] if keys[0] == "legs" else keys[0]).capitalize()


def greyed(settings: Settings, info: StoreInfo | None = None) -> dict[str, str]:
    """Path → why turning that knob would change nothing; ``info`` None while no index is open."""
    return {join(keys): reason for keys, _, knob in turned(settings) if (reason := _reason(settings, info, keys, knob))}


def _reason(settings: Settings, info: StoreInfo | None, keys: Keys, knob: Knob) -> str:
    match keys[0]:
        case "weights":
            return COMBINERS[settings.fusion.combiner].frozen_reason
        case "legs":
            return _leg_reason(settings, info, keys, knob)
        case "fusion":
            return _fusion_reason(settings, keys[1])
        case "rerank":
            return _rerank_reason(settings, _stage(settings, keys), keys)
    return ""


def _leg_reason(settings: Settings, info: StoreInfo | None, keys: Keys, knob: Knob) -> str:
    if knob.needs and info is not None and knob.needs not in info.live_knobs | info.asked_knobs:
        return info.frozen_reason or f"{info.kind} fixes it when the index is built"
    if settings.weights.get(keys[1], 0) <= 0:
        return f"weights.{keys[1]} is 0, so the leg is not run"
    leg = settings.legs[keys[1]]
    if isinstance(leg, LexicalLeg) and keys[-1] == "b" and leg.k1 == 0:
        return "with k1 at 0 the length of a field does not count"
    return ""


def _fusion_reason(settings: Settings, name: str) -> str:
    combiner = COMBINERS[settings.fusion.combiner]
    if name == "normalizer" and not combiner.uses_normalizer:
        return f"{combiner.name} takes no normalised scores"
    if name == "rank_constant" and not combiner.uses_rank_constant:
        return "only the combiner rrf has it"
    return ""


def _rerank_reason(settings: Settings, stage: RerankStage, keys: Keys) -> str:
    name, further = keys[-1], keys[1] == "cascade"
    blend = BLENDS[resolve(stage.blend, stage.provider)]
    if not settings.rerank.enabled and (further or name != "enabled"):
        return "reranking is off"
    if name != "enabled" and not stage.enabled:
        return "this stage is off"
    if name == "weight" and not blend.uses_weight:
        return f"the blend {blend.name} does not weigh"
    if name == "normalizer" and not blend.uses_normalizer:
        return f"the blend {blend.name} normalises nothing"
    if name == "rank_constant" and not blend.uses_rank_constant:
        return "only the blend rank-fusion has it"
    if name == "vector_weight" and stage.provider != "term":
        return "only the provider term has it"
    return ""
