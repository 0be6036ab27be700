"""An experiment as the plain tree that ``evaluate`` prints. Names only ever get added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from engine.evaluation.answers import FUSED, RERANKED
from engine.evaluation.dataset import DataSet
from engine.evaluation.experiment import Experiment
from engine.evaluation.metrics import JUDGED, Metric, with_judged
from engine.evaluation.scoring import Paired, Scores, compare, score_contender
from engine.evaluation.significance import bootstrap_intervals

Tree = dict[str, Any]


def evaluation_json(experiment: Experiment, metrics: Sequence[Metric]) -> Tree:
    """The report: ``data``, ``metrics``, ``settings``.

    ``rerank_effect`` of a settings sets its ``reranked`` against its ``fused``; ``comparison`` sets its last ranking
    against the last of the first settings, and in ``rankings`` each against the one of the same name.
    """
    metrics = with_judged(metrics)
    scored = [score_contender(experiment, index, metrics) for index in range(len(experiment.contenders))]
    compared = _against_first(scored)
    return {
        "data": _data(experiment.data),
        "metrics": [str(metric) for metric in metrics],
        "settings": [_settings(experiment, index, rankings, compared[index]) for index, rankings in enumerate(scored)],
    }


def _data(data: DataSet) -> Tree:
    return {
        "name": data.name,
        "path": None if data.path is None else str(data.path),
        "digest": data.digest,
        "queries": len(data),
        "excluded": list(data.excluded),
        "unjudged": data.unjudged,
    }


def _settings(experiment: Experiment, index: int, rankings: Mapping[str, Scores], compared: Tree) -> Tree:
    answers = experiment.of(index)
    tree: Tree = {
        "file": experiment.contenders[index].name,
        "metrics": {name: {str(m): float(v.mean()) for m, v in scores.items()} for name, scores in rankings.items()},
        "intervals": {name: _intervals(scores) for name, scores in rankings.items()},
        "unanswered": sum(not answer.answered for answer in answers),
    }
    if RERANKED in rankings:
        tree["reranked"] = {
            "scored": sum(answer.scored for answer in answers),
            "asked": sum(answer.asked for answer in answers),
            "partly": sum(answer.scored < answer.asked for answer in answers),
        }
        tree["rerank_effect"] = _pairs(compare(_compared(rankings[FUSED]), [_compared(rankings[RERANKED])])[0])
    if index:
        tree["comparison"] = compared
    tree["queries"] = [
        {
            "id": item.id,
            "metrics": {name: {str(m): float(v[row]) for m, v in scores.items()} for name, scores in rankings.items()},
        }
        for row, item in enumerate(experiment.data.queries)
    ]
    return tree


def _intervals(scores: Scores) -> dict[str, list[float]]:
    """The 95 % bootstrap interval of each mean."""
    kept = _compared(scores)
    ends = bootstrap_intervals(np.stack(list(kept.values()), axis=1)).tolist() if kept else []
    return {str(metric): both for metric, both in zip(kept, ends, strict=True)}


def _compared(scores: Scores) -> Scores:
    """What is worth comparing: judged@k says how far to trust a list, not how good it is."""
    return {metric: values for metric, values in scores.items() if metric.name != JUDGED}


def _against_first(scored: Sequence[Mapping[str, Scores]]) -> list[Tree]:
    """What each settings is against the first."""
    first, *others = scored
    last = [list(rankings)[-1] for rankings in scored]
    pairs = compare(
        _compared(first[last[0]]), [_compared(one[name]) for one, name in zip(others, last[1:], strict=True)]
    )
    trees: list[Tree] = [
        {"before": last[0], "after": name, "metrics": _pairs(found), "rankings": {}}
        for name, found in zip(last[1:], pairs, strict=True)
    ]
    for name, before in first.items():
        shared = [(tree, one[name]) for tree, one in zip(trees, others, strict=True) if name in one]
        pairs = compare(_compared(before), [_compared(scores) for _, scores in shared])
        for (tree, _), found in zip(shared, pairs, strict=True):
            tree["rankings"][name] = _pairs(found)
    return [{}, *trees]


def _pairs(found: Mapping[Metric, Paired]) -> Tree:
    return {str(metric): asdict(paired) for metric, paired in found.items()}
