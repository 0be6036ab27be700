"""A tuning as plain data, and the comment that a tuned settings file begins with."""

from __future__ import annotations

import platform
from datetime import datetime
from typing import Any

import numpy as np

from engine import __version__
from engine.evaluation.dataset import DataSet
from engine.evaluation.significance import bootstrap_interval
from engine.evaluation.tuning.space import Choice, shown
from engine.evaluation.tuning.tuner import Tuning

Tree = dict[str, Any]


def tuning_json(tuning: Tuning, data: DataSet) -> Tree:
    """The whole report. ``trials`` is columnar: a list of values per setting, and the mean of each trial."""
    trials, means = tuning.trials, tuning.trials.scores.mean(axis=0)
    mean, interval = float(tuning.gain.mean()), bootstrap_interval(tuning.gain)
    return {
        "data": {"name": data.name, "digest": data.digest, "queries": len(data)},
        "metric": str(tuning.plan.metric),
        "folds": len(tuning.fold_values),
        "seed": tuning.plan.seed,
        "whole": tuning.whole,
        "verdict": tuning.verdict,
        "better": tuning.better,
        "chosen": "centre" if tuning.better else "start",
        "settings": {
            name: {
                "values": trials.values(trial),
                "mean": float(means[trial]),
                "held_out": {
                    "mean": tuning.held_out[name].mean,
                    "low": tuning.held_out[name].interval[0],
                    "high": tuning.held_out[name].interval[1],
                },
            }
            for name, trial in (("start", tuning.start), ("best", tuning.best), ("centre", tuning.centre))
        },
        "gain": {"mean": mean, "low": interval[0], "high": interval[1], "p": tuning.p, "detectable": tuning.detectable},
        "plateau": {"trials": int(tuning.members.sum()), "ranges": plateau_ranges(tuning)},
        "fold_values": list(tuning.fold_values),
        "warnings": list(tuning.warnings),
        "trials": {
            **{
                each.path: [each.value(number) for number in column]
                for each, column in zip(trials.space.dimensions, trials.points.T.tolist(), strict=True)
            },
            "mean": means.tolist(),
            "plateau": tuning.members.tolist(),
        },
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {"rankscope": __version__, "python": platform.python_version(), "numpy": np.__version__}


def plateau_ranges(tuning: Tuning) -> dict[str, list[Choice]]:
    """Per setting the least and greatest value on the plateau; of choices those that occur."""
    points = tuning.trials.points[tuning.members]
    ranges: dict[str, list[Choice]] = {}
    for each, column in zip(tuning.trials.space.dimensions, points.T, strict=True):
        if each.choices:
            ranges[each.path] = [each.choices[int(index)] for index in np.unique(column)]
        elif len(column):
            ranges[each.path] = [each.value(column.min()), each.value(column.max())]
    return ranges


def provenance(tuning: Tuning, data: DataSet, now: datetime) -> str:
    """Where tuned settings come from, as lines for the head of their file."""
    plan, trials = tuning.plan, tuning.trials
    mean = trials.scores.mean(axis=0)
    start, centre = tuning.held_out["start"], tuning.held_out["centre"]
    low, high = (centre if tuning.better else start).interval
    lines = [
        f"Tuned by rankscope {__version__} on {now:%Y-%m-%d}: {tuning.verdict}.",
        f"Data: {data.name}, {len(data)} judged queries, digest {data.digest}.",
        f"Metric: {plan.metric}, {len(tuning.fold_values)} folds, seed {plan.seed}"
        + ("." if tuning.whole else "; ended early."),
        f"Held-out mean: {start.mean:.4f} before, {centre.mean:.4f} tuned; of what stands here 95 % {low:.4f} "
        f"to {high:.4f}.",
        f"On all queries: {mean[tuning.start]:.4f} before, {mean[tuning.chosen]:.4f} as it stands here.",
        f"Searched: {', '.join(each.path for each in trials.space.dimensions)}; {len(trials)} trials, "
        f"{int(tuning.members.sum())} of them cannot be told from the best.",
        f"Here: {shown(trials.values(tuning.chosen))} ({'the centre of those' if tuning.better else 'as it was'}).",
        "Made with " + ", ".join(f"{name} {version}" for name, version in versions().items()) + ".",
    ]
    return "\n".join([*lines, *(f"Warning: {text}." for text in tuning.warnings)])
