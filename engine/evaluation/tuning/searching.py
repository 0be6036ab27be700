"""Which points are tried: first all over the space, then around the best of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.evaluation.tuning.space import Space, finest, lattice, on_simplex, spread
from engine.evaluation.tuning.trials import Trials
from engine.records import BoolArray, FloatArray, IntArray

EXHAUSTIVE = 3
"""Up to so many legs, and nothing else that is a number, the simplex is tried as a lattice."""

_GRID = 6
"""Values of each other number where there is room to try them all."""

_STEPS = (0.1, 0.05, 0.02, 0.01)
_FEWEST = 20
"""Points that each combination of choices gets at least; where there is no room for that, combinations are drawn."""


def everywhere(space: Space, start: FloatArray, budget: int, seed: int) -> FloatArray:
    """About ``budget`` points float64[T, D] spread over the whole space, the start first."""
    combinations = _combinations(space, max(1, budget // _FEWEST), seed)
    if len(combinations) > 1:
        own = start[space.choices]
        combinations = np.vstack([own, combinations[(combinations != own).any(axis=1)]])
    numbers = _numbers(space, max(1, (budget - 1) // len(combinations)), seed)
    points = np.zeros((len(combinations) * len(numbers) + 1, len(space)))
    points[0] = start
    points[1:, space.choices] = np.repeat(combinations, len(numbers), axis=0)
    points[1:, np.concatenate([space.weights, space.linear])] = np.tile(numbers, (len(combinations), 1))
    return points


def _combinations(space: Space, most: int, seed: int) -> FloatArray:
    """Every combination of choices, float64[c, choices], or ``most`` of them, drawn."""
    sizes = [len(space.dimensions[column].choices) for column in space.choices]
    total = int(np.prod(sizes, dtype=np.int64)) if sizes else 1
    picked = np.arange(total)
    if total > most:
        picked = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
    if not sizes:
        return np.zeros((1, 0))
    return np.column_stack(np.unravel_index(picked, sizes)).astype(np.float64)


def _numbers(space: Space, budget: int, seed: int) -> FloatArray:
    """Points of the numbers, float64[p, weights + linear]: a lattice times a grid where that has room, else spread."""
    legs, others = len(space.weights), len(space.linear)
    low = np.array([space.dimensions[column].low for column in space.linear])
    high = np.array([space.dimensions[column].high for column in space.linear])
    grid = _GRID**others if legs else budget
    if legs <= EXHAUSTIVE and others <= 1 and budget >= grid * 3:
        weights = lattice(legs, min(finest(legs, budget // grid), 100)) if legs else np.zeros((1, 0))
        count = max(2, budget // len(weights)) if others else 1
        units = np.linspace(0, 1, min(count, 101))[:, None] if others else np.zeros((1, 0))
        return np.hstack(
            [np.repeat(weights, len(units), axis=0), np.tile(low + (high - low) * units, (len(weights), 1))]
        )
    units = spread(budget, legs + others, seed)
    weights = np.vstack([np.eye(legs), np.full((1, legs), 1 / max(legs, 1)), on_simplex(units[:, :legs])])[:budget]
    if not legs:
        weights = np.zeros((budget, 0))
    return np.hstack([weights, low + (high - low) * units[: len(weights), legs:]])


def around(trials: Trials, known: IntArray, queries: BoolArray, budget: int) -> Iterator[IntArray]:
    """Pattern search (Hooke and Jeeves, 1961) from the best of the ``known`` trials, told by ``queries`` bool[queries]
    alone: steps along every dimension, halved where none is better. Yields the trials of each round."""
    best, space = _best(trials, known, queries), trials.space
    level = spent = 0
    while level < len(_STEPS) and spent < budget:
        points = _neighbours(space, trials.points[best], _STEPS[level], choices=level == 0)
        if not len(points):
            return
        tried = trials.run(points)
        spent += len(points)
        yield tried
        better = _best(trials, np.append(best, tried), queries)
        level, best = (level + 1, best) if better == best else (level, better)


def _best(trials: Trials, some: IntArray, queries: BoolArray) -> int:
    """The trial of the highest mean, the first of equal ones."""
    means = trials.scores[np.ix_(queries, some)].mean(axis=0)
    return int(some[(means >= means.max() - 1e-12).argmax()])


def _neighbours(space: Space, point: FloatArray, step: float, *, choices: bool) -> FloatArray:
    """The points one step away, float64[p, D], along each number both ways, and with each other choice."""
    moved = []
    for column in (*space.weights, *space.linear):
        dimension = space.dimensions[column]
        for way in (-1, 1):
            other = point.copy()
            other[column] = np.clip(
                point[column] + way * step * (dimension.high - dimension.low), dimension.low, dimension.high
            )
            if dimension.is_weight:
                _share(other, space.weights, int(column))
            moved.append(other)
    for column in space.choices if choices else ():
        for index in range(len(space.dimensions[column].choices)):
            if index != point[column]:
                moved.append(point.copy())
                moved[-1][column] = index
    return np.array(moved).reshape(len(moved), len(space))


def _share(point: FloatArray, weights: IntArray, column: int) -> None:
    """Divide what ``column`` leaves of 1 among the other weights in their proportion."""
    others = weights[weights != column]
    rest, total = 1.0 - point[column], point[others].sum()
    point[others] = point[others] * rest / total if total > 0 else rest / len(others)
