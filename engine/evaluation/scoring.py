"""Rankings and judgments → metrics per query, and what two settings' metrics say of each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.evaluation.answers import Listing
from engine.evaluation.dataset import DataSet
from engine.evaluation.experiment import Experiment
from engine.evaluation.judged import NOTHING, ideal
from engine.evaluation.metrics import Metric
from engine.evaluation.significance import bootstrap_intervals, holm, randomisation_tests
from engine.records import FloatArray

Scores = dict[Metric, FloatArray]
"""Per metric float64[queries], in the data set's order."""

_EQUAL = 1e-12
"""Differences up to here are a tie: the same metric, added up in another order."""


def score_lists(data: DataSet, lists: Mapping[str, Sequence[str]], metrics: Sequence[Metric]) -> Scores:
    """The metrics of a run, query id → document ids best first; a query without a list scores 0."""
    listings = [Listing.of(lists.get(item.id, ()), data.qrels[item.id]) for item in data.queries]
    return score_listings(data, listings, metrics)


def score_listings(data: DataSet, listings: Sequence[Listing], metrics: Sequence[Metric]) -> Scores:
    """The metrics of one ranking per query, in the data set's order."""
    gains = _stacked([listing.gains() for listing in listings], NOTHING)
    grades = _stacked([ideal(data.qrels[item.id]) for item in data.queries], 0.0)
    return {metric: metric.scores(gains, grades) for metric in metrics}


def score_contender(experiment: Experiment, contender: int, metrics: Sequence[Metric]) -> dict[str, Scores]:
    """Every ranking of one contender, in the order of the stages."""
    answers = experiment.of(contender)
    return {
        name: score_listings(experiment.data, [answer.rankings[name] for answer in answers], metrics)
        for name in answers[0].rankings
    }


def _stacked(rows: Sequence[FloatArray], rest: float) -> FloatArray:
    """float64[len(rows), longest], shorter rows filled up with ``rest``."""
    stacked = np.full((len(rows), max(map(len, rows), default=0)), rest)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked


@dataclass(frozen=True, slots=True)
class Paired:
    """What ``after`` is against ``before``, query by query.

    difference  of the means, after − before; ``low`` and ``high`` its 95 % bootstrap interval (BCa)
    p           of the paired randomisation test; ``p_adjusted`` for the number of settings compared (Holm)
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    wins: int
    losses: int
    ties: int


def compare(before: Scores, after: Sequence[Scores]) -> list[dict[Metric, Paired]]:
    """Each of ``after`` against ``before``, by metric. The p-values of one metric are adjusted together."""
    metrics = list(before)
    count = len(metrics)
    if not after or not count:
        return [{} for _ in after]
    columns = [scores[metric] - before[metric] for scores in after for metric in metrics]
    differences = np.stack(columns, axis=1)
    differences[np.abs(differences) <= _EQUAL] = 0.0
    p_values = randomisation_tests(differences)
    intervals = bootstrap_intervals(differences)
    adjusted = np.array([holm(p_values[m::count].tolist()) for m in range(count)]).T.ravel()
    pairs = [
        Paired(
            difference=float(column.mean()),
            low=float(low),
            high=float(high),
            p=float(p),
            p_adjusted=float(corrected),
            wins=int((column > 0).sum()),
            losses=int((column < 0).sum()),
            ties=int((column == 0).sum()),
        )
        for column, (low, high), p, corrected in zip(differences.T, intervals, p_values, adjusted, strict=True)
    ]
    return [dict(zip(metrics, pairs[i * count : (i + 1) * count], strict=True)) for i in range(len(after))]
