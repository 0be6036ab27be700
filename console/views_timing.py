"""A query's stages as bars on one time axis, and which of them a narrow line shows by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.widgets.lines import width_of
from engine.records import Outcome, StagePart, StageReport

OWN_STAGES = frozenset({"analyse", "embed", "complete", "fuse", "fetch", "rerank", "blend", "cut"})
"""Every other stage is a leg, but for the further ones of a cascade: ``rerank.NAME``."""

LEAST_BAR_SHARE = 0.45
"""Of the compact line; below it the shortest stages are folded together."""

LABEL_LETTERS = 3
"""Of a stage's name where the bars would have no room: first of our own stages, then of the legs as well."""

LEAST_PART_MS = 0.05

SMALL_SHARE = 0.1
"""Of the whole time; a stage that takes more is never folded."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage as it is drawn; milliseconds from the query's start. ``leg`` is its place among the legs, or −1."""

    name: str
    start_ms: float
    end_ms: float
    leg: int = -1
    where: str = ""
    outcome: Outcome | None = None
    parts: tuple[StagePart, ...] = ()

    @property
    def running(self) -> bool:
        return self.outcome is None

    @property
    def ms(self) -> float:
        return max(self.end_ms - self.start_ms, 0.0)

    @property
    def reranks(self) -> bool:
        return reranks(self.name)

    @property
    def label(self) -> str:
        """The name; of a cascade's further stage its own."""
        return self.name.removeprefix("rerank.")

    @property
    def foldable(self) -> bool:
        return self.leg < 0 and not self.reranks and self.outcome is not None and self.outcome.ok


def reranks(stage: str) -> bool:
    """Whether the stage is the reranking, or a further stage of it."""
    return stage == "rerank" or stage.startswith("rerank.")


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What the strip shows. ``said`` is how far a stage under way is, in words, by its name."""

    bars: tuple[Bar, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def start_ms(self) -> float:
        return min((b.start_ms for b in self.bars), default=0.0)

    @property
    def end_ms(self) -> float:
        return max((b.end_ms for b in self.bars), default=0.0)

    @property
    def total_ms(self) -> float:
        return self.end_ms - self.start_ms

    @property
    def running(self) -> bool:
        return any(b.running for b in self.bars)


def waterfall(
    stages: Sequence[StageReport],
    running: Mapping[str, float],
    now_ms: float,
    said: Mapping[str, str],
    legs: Sequence[str] = (),
) -> Waterfall:
    """The bars in the order in which they began; of a stage that ran twice the later run.

    ``running`` holds the stages under way with their starts, ``legs`` the legs in settings order.
    """
    order = list(legs) or sorted({s.name for s in stages if s.name not in OWN_STAGES and not reranks(s.name)})
    places = {name: place for place, name in enumerate(order)}
    bars = {
        s.name: Bar(s.name, s.start_ms, s.end_ms, places.get(s.name, -1), s.ran_on.value, s.outcome, seen(s.parts))
        for s in stages
    }
    for name, start in running.items():
        bars[name] = Bar(name, start, max(now_ms, start), places.get(name, -1))
    return Waterfall(tuple(sorted(bars.values(), key=lambda b: (b.start_ms, b.end_ms))), said)


def seen(parts: Sequence[StagePart]) -> tuple[StagePart, ...]:
    """The parts that are more than ``0.0 ms``."""
    return tuple(part for part in parts if part.end_ms - part.start_ms >= LEAST_PART_MS)


def fold(bars: Sequence[Bar], width: int) -> tuple[list[Bar], list[Bar]]:
    """The bars that get a label of their own in ``width`` cells, and the shortest ones that do not."""
    shown, folded = list(bars), list[Bar]()
    small = SMALL_SHARE * sum(b.ms for b in bars)
    for candidate in sorted((b for b in bars if b.foldable and b.ms <= small), key=lambda b: b.ms):
        labels = sum(width_of(b.label) + 1 for b in shown)
        if width - labels >= width * LEAST_BAR_SHARE:
            break
        shown.remove(candidate)
        folded.append(candidate)
    return shown, folded


def labels_of(bars: Sequence[Bar], width: int) -> dict[str, str]:
    """Stage → label: whole where the bars keep their share of ``width``, else cut, the legs and the reranker last."""
    whole = {b.name: b.label for b in bars}
    ours = {b.name: b.label[:LABEL_LETTERS] if b.foldable else b.label for b in bars}
    cut = {b.name: b.label[:LABEL_LETTERS] for b in bars}
    for labels, share in ((whole, LEAST_BAR_SHARE), (ours, LEAST_BAR_SHARE / 2)):
        if width - sum(width_of(label) + 1 for label in labels.values()) >= width * share:
            return labels
    return cut


def lanes_of(bars: Sequence[Bar]) -> tuple[list[Bar], list[Bar]]:
    """The bars in two lanes: a bar goes below where it overlaps the one above."""
    above, below = list[Bar](), list[Bar]()
    for b in bars:
        (below if above and b.start_ms < above[-1].end_ms else above).append(b)
    return above, below
