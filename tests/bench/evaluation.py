"""How long the metrics of one run take, and the live strip under a slider; beside ranx and pytrec_eval in one process.

``python tests/bench/evaluation.py``; peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np
from rank import pool_of, reranked

from engine.evaluation.dataset import DataSet
from engine.evaluation.judged import judge
from engine.evaluation.landscape import landscape
from engine.evaluation.metrics import parse
from engine.evaluation.scoring import score_lists
from engine.ingest.queries import QueryItem
from engine.ranking import Weighting, rank

METRICS = ("ndcg@10", "map", "mrr", "recall@100", "precision@10")
TREC = {"ndcg_cut_10", "map", "recip_rank", "recall_100", "P_10"}
Lists = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]


def made(queries: int, depth: int) -> tuple[Qrels, Lists]:
    random = np.random.default_rng(0)
    qrels: Qrels = {}
    run: Lists = {}
    for number in range(queries):
        ids = [f"d{row}" for row in random.permutation(10 * depth)[:depth]]
        judged = random.choice(10 * depth, 50, replace=False)
        qrels[f"q{number}"] = {
            f"d{row}": int(grade) for row, grade in zip(judged, random.integers(0, 3, 50), strict=True)
        }
        run[f"q{number}"] = {i: float(depth - place) for place, i in enumerate(ids)}
    return qrels, run


def median(work: Callable[[], object], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def one_run(queries: int, depth: int, repeats: int) -> None:
    qrels, run = made(queries, depth)
    items = [QueryItem(name, name, name) for name in qrels]
    data = DataSet.of("made", None, items, qrels)
    lists = {name: list(ids) for name, ids in run.items()}
    metrics = [parse(name) for name in METRICS]
    ours = median(lambda: score_lists(data, lists, metrics), repeats)
    print(f"one run, {queries} queries × {depth} documents, {', '.join(METRICS)}")
    print(f"  ours          {ours:.1f} ms")
    if importlib.util.find_spec("pytrec_eval"):
        import pytrec_eval

        evaluator = pytrec_eval.RelevanceEvaluator(qrels, TREC)
        theirs = median(lambda: evaluator.evaluate(run), repeats)
        print(f"  pytrec_eval   {theirs:.1f} ms   ({theirs / ours:.1f} × as long)")
    if importlib.util.find_spec("ranx"):
        import ranx

        theirs_qrels, theirs_run = ranx.Qrels(qrels), ranx.Run(run)
        names = list(METRICS)
        theirs = median(lambda: ranx.evaluate(theirs_qrels, theirs_run, names), repeats)
        whole = median(lambda: ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), names), repeats)
        print(f"  ranx          {theirs:.1f} ms   ({theirs / ours:.1f} × as long), its own records made beforehand")
        print(f"  ranx          {whole:.1f} ms   ({whole / ours:.1f} × as long), from the same dictionaries")
    else:
        print("  ranx is not installed: no peer in this run")


def strip(repeats: int) -> None:
    random = np.random.default_rng(0)
    pool, scores = pool_of(2048, 2, random), reranked(2048, 50, random)
    print("the strip under one slider, one query, pool 2,048")
    for label, which, blend in (
        ("fused", None, "replace"),
        ("reranked, replace", scores, "replace"),
        ("weighted", scores, "weighted"),
    ):
        weighting = Weighting({"leg0": 0.3, "leg1": 0.7}, blend=blend)
        order = rank(pool, which, weighting).order
        judged = [judge("q", pool, which, {pool.ids[row]: 1 for row in order[:20:3]})]
        took = median(lambda: landscape(judged, weighting, "weights.leg1", parse("ndcg@10")), repeats)  # noqa: B023
        print(f"  {label:18} {took:.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    one_run(options.queries, options.depth, options.repeats)
    strip(options.repeats)
