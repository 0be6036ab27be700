"""What a tuner may turn: one dimension per setting, a number in a range or one of several choices.

The legs' weights are one simplex: only their ratio matters, so that they sum to 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import UsageError
from engine.fusion.combiners import combiner
from engine.records import FloatArray, IntArray
from engine.settings import knobs
from engine.settings.schema import LexicalLeg, Settings

Choice = str | int | float
_DIGITS = 4
_RESOLUTION = 10.0**-_DIGITS

K1 = (0.6, 0.9, 1.2, 1.6, 2.0)
B = (0.0, 0.3, 0.5, 0.75, 1.0)
BOOSTS = (0.5, 1.0, 2.0, 4.0)
TOP_N = (10, 20, 50, 100, 200)
RANK_CONSTANTS = (5, 10, 20, 60, 120)
NORMALIZERS = ("theoretical-min-max", "min-max", "z-score", "rank")
COMBINERS = ("convex", "rrf", "comb-mnz")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One setting. With ``choices`` a point holds the index of one; else a number between ``low`` and ``high``."""

    path: str
    low: float = 0.0
    high: float = 1.0
    choices: tuple[Choice, ...] = ()

    @property
    def is_weight(self) -> bool:
        """A leg's weight, part of the simplex."""
        return self.path.startswith("weights.")

    @property
    def is_linear(self) -> bool:
        """Swept in a product of matrices; the others need another pool, normaliser or window each."""
        return not self.choices

    def value(self, number: float) -> Choice:
        """What a coordinate stands for."""
        return self.choices[round(number)] if self.choices else round(float(number), _DIGITS)

    def number(self, value: Choice) -> float:
        """The coordinate of a value, the nearest where a choice is not listed."""
        if not self.choices:
            return min(max(float(value), self.low), self.high)
        if value in self.choices:
            return float(self.choices.index(value))
        gaps = [abs(float(each) - float(value)) for each in self.choices]
        return float(gaps.index(min(gaps)))


@dataclass(frozen=True, slots=True)
class Space:
    """The dimensions, legs' weights first. A point is float64[D]."""

    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def weights(self) -> IntArray:
        """int64, the columns of the simplex."""
        return np.flatnonzero([each.is_weight for each in self.dimensions])

    @property
    def linear(self) -> IntArray:
        """int64, the other columns that hold numbers."""
        return np.flatnonzero([each.is_linear and not each.is_weight for each in self.dimensions])

    @property
    def choices(self) -> IntArray:
        """int64, the columns that hold choices."""
        return np.flatnonzero([not each.is_linear for each in self.dimensions])

    def point(self, settings: Settings) -> FloatArray:
        """float64[D], where these settings stand."""
        numbers = [each.number(knobs.get(settings, each.path)) for each in self.dimensions]
        return np.asarray(self.settled(np.array([numbers], dtype=np.float64))[0])

    def settled(self, points: FloatArray) -> FloatArray:
        """The points inside their ranges, weights summing to 1, numbers as they will be saved; none twice."""
        points = points.copy()
        low = np.array([each.low for each in self.dimensions])
        high = np.array([len(each.choices) - 1 if each.choices else each.high for each in self.dimensions])
        points = np.clip(points, low, high)
        weights = self.weights
        if len(weights):
            total = points[:, weights].sum(axis=1, keepdims=True)
            shares = np.where(total > 0, points[:, weights] / np.where(total > 0, total, 1.0), 1.0 / len(weights))
            points[:, weights] = shares
        points[:, self.choices] = points[:, self.choices].round()
        return np.asarray(points.round(_DIGITS), dtype=np.float64)

    def apply(self, settings: Settings, point: FloatArray) -> Settings:
        """The settings with the point's values."""
        return knobs.replace_all(settings, self.values(point))

    def values(self, point: FloatArray) -> dict[str, Choice]:
        """Dotted name → value."""
        return {each.path: each.value(number) for each, number in zip(self.dimensions, point, strict=True)}

    def unit(self, points: FloatArray) -> FloatArray:
        """The points with every range brought to 0…1, for distances."""
        low = np.array([0.0 if each.choices else each.low for each in self.dimensions])
        high = np.array([len(each.choices) - 1 if each.choices else each.high for each in self.dimensions])
        return np.asarray((points - low) / np.maximum(high - low, _RESOLUTION))


NAMES = {
    "weights": "the legs' weights",
    "features": "weights of the features",
    "blend": "share of the reranker in a blend",
    "boosts": "boosts of the lexical leg's fields",
    "k1": "k1 of BM25",
    "b": "b of BM25",
    "normalizer": "how scores come onto one scale",
    "combiner": "how the legs become one",
    "rank_constant": "k of reciprocal ranks",
    "top_n": "how many are reranked",
}
"""What ``--over`` takes, beside the dotted names of settings."""


def space_of(settings: Settings, over: Sequence[str]) -> Space:
    """The space of what is named: words of ``NAMES`` or settings, alone or with a range or choices
    (``blend=0..0.6``, ``legs.lexical.k1=0.9,1.2``). Raises ``UsageError`` and ``SettingsError``."""
    found: dict[str, Dimension] = {}
    for text in over:
        name, sign, values = text.strip().partition("=")
        dimensions = _named(settings, name) if name in NAMES or not sign else []
        if sign:
            paths = [each.path for each in dimensions] or [name]
            dimensions = [_given(settings, path, values) for path in paths]
        found.update((each.path, each) for each in dimensions)
    weights = [each for each in found.values() if each.is_weight and each.is_linear]
    if len(weights) == 1:
        raise UsageError(
            f"{weights[0].path} cannot be tuned alone: only the ratio of the weights matters",
            hint="tune weights, all of them",
        )
    if not found:
        raise UsageError("there is nothing to tune", hint=f"--over takes {', '.join(NAMES)}, or names of settings")
    return Space((*weights, *(each for each in found.values() if each not in weights)))


def _named(settings: Settings, name: str) -> list[Dimension]:
    lexical = [f"legs.{leg}" for leg, spec in settings.legs.items() if isinstance(spec, LexicalLeg)]
    match name:
        case "weights":
            frozen = combiner(settings.fusion.combiner).frozen_reason
            if frozen or len(settings.legs) < 2:
                raise UsageError(f"the weights cannot be tuned: {frozen or 'there is one leg'}", hint="leave them out")
            return [Dimension(f"weights.{leg}") for leg in settings.legs]
        case "features":
            return [_between(settings, f"features.{feature}.weight", 0.0, 1.0) for feature in settings.features]
        case "blend":
            return [Dimension("rerank.weight")]
        case "k1" | "b":
            return [_choices(settings, f"{leg}.{name}", K1 if name == "k1" else B) for leg in lexical]
        case "boosts":
            paths = [f"{leg}.fields.{field}" for leg in lexical for field in knobs.get(settings, f"{leg}.fields")]
            # one boost is the measure of the others
            return [_choices(settings, path, BOOSTS) for path in paths[1:]]
        case "normalizer":
            return [_choices(settings, "fusion.normalizer", NORMALIZERS)]
        case "combiner":
            return [_choices(settings, "fusion.combiner", COMBINERS)]
        case "rank_constant":
            return [_choices(settings, "fusion.rank_constant", RANK_CONSTANTS)]
        case "top_n":
            return [_choices(settings, "rerank.top_n", [n for n in TOP_N if n <= settings.rerank.top_n])]
        case _:
            knob = knobs.knob(settings, name)
            if knob.choices:
                return [_choices(settings, name, knob.choices)]
            if knob.minimum is None or (knob.maximum is None and not knob.slider):
                raise UsageError(
                    f"{name} has no range to search", hint=f"give one: {name}=0..1, or choices: {name}=1,2"
                )
            return [_between(settings, name, knob.minimum, knob.slider or knob.maximum or 1.0)]


def _choices(settings: Settings, path: str, values: Sequence[Choice]) -> Dimension:
    """The choices, what the settings have now among them."""
    now = knobs.get(settings, path)
    listed = dict.fromkeys([*values, now])
    ordered = list(listed) if isinstance(now, str) else sorted(listed, key=float)
    return Dimension(path, choices=tuple(ordered))


def _between(settings: Settings, path: str, low: float, high: float) -> Dimension:
    """The range where trials can sweep it, else a few choices from it. Provider ``term`` has the features inside its
    scores, so that they are no factor any more."""
    inside_term = settings.rerank.enabled and settings.rerank.provider == "term"
    if path.startswith("weights.") or path == "rerank.weight" or (path.startswith("features.") and not inside_term):
        return Dimension(path, low, high)
    whole = isinstance(knobs.get(settings, path), int)
    return _choices(
        settings, path, [round(x) if whole else round(x, _DIGITS) for x in np.linspace(low, high, 6).tolist()]
    )


def _given(settings: Settings, path: str, values: str) -> Dimension:
    number = r"-?\d+(?:\.\d+)?"
    if bounds := re.fullmatch(rf"\s*({number})\s*\.\.\s*({number})\s*", values):
        low, high = float(bounds[1]), float(bounds[2])
        if not low < high:
            raise UsageError(f"{path}: {values} is no range", hint="write the lower end first, as in 0..1")
        for end in (low, high):
            knobs.replace(settings, path, int(end) if end.is_integer() else end)
        return _between(settings, path, low, high)
    typed = [knobs.get(knobs.replace_text(settings, path, text.strip()), path) for text in values.split(",")]
    return _choices(settings, path, typed)


def lattice(legs: int, steps: int) -> FloatArray:
    """Every division of 1 into ``legs`` shares of whole ``1/steps``, float64[C(steps + legs − 1, legs − 1), legs]."""
    if legs == 1:
        return np.ones((1, 1))
    rest = [np.array([[steps]])]
    for _ in range(legs - 1):
        last = rest[-1]
        heads = np.repeat(last[:, :-1], last[:, -1] + 1, axis=0)
        first = np.concatenate([np.arange(count + 1) for count in last[:, -1]])
        left = np.repeat(last[:, -1], last[:, -1] + 1) - first
        rest.append(np.column_stack([heads, first, left]))
    return rest[-1] / steps


def finest(legs: int, budget: int) -> int:
    """The most steps of a lattice with at most ``budget`` points."""
    steps = 1
    while math.comb(steps + legs, legs - 1) <= budget:
        steps += 1
    return steps


def spread(count: int, dimensions: int, seed: int) -> FloatArray:
    """float64[count, dimensions] in 0…1, evenly spread: Halton's sequence with a random shift (Halton 1960; Cranley
    and Patterson 1976)."""
    primes = [n for n in range(2, 400) if all(n % d for d in range(2, math.isqrt(n) + 1))][:dimensions]
    points = np.zeros((count, dimensions))
    for column, prime in enumerate(primes):
        index, scale = np.arange(1, count + 1), 1.0
        while index.any():
            scale /= prime
            points[:, column] += scale * (index % prime)
            index //= prime
    return (points + np.random.default_rng(seed).random(dimensions)) % 1.0


def on_simplex(units: FloatArray) -> FloatArray:
    """Points of 0…1 as evenly spread shares that sum to 1: −log u, normalised."""
    logs = -np.log(np.clip(units, 1e-12, 1.0))
    return np.asarray(logs / logs.sum(axis=1, keepdims=True))


def shown(values: Mapping[str, Choice]) -> str:
    """``weights.dense 0.62, rerank.weight 0.4``."""
    return ", ".join(
        f"{path} {value:g}" if isinstance(value, float) else f"{path} {value}" for path, value in values.items()
    )
