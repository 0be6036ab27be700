"""How long a sweep takes: weightings × queries, metric included, beside ranx's ``optimize_fusion`` on the same pools.

``python tests/bench/tuning.py``; without ranx (it needs numba, and is no dependency) its line is left out. Both sides
fuse min-max normalised scores of two legs, or of four, with each weighting and take the mean nDCG@10 over the queries.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np
from rank import pool_of

from engine.evaluation.judged import JudgedPool, judge
from engine.evaluation.metrics import parse
from engine.evaluation.orders import Sweep
from engine.evaluation.tuning.space import finest, lattice
from engine.evaluation.tuning.trials import columns_of, swept
from engine.ranking import WeightGrid, Weighting
from engine.records import FloatArray

NDCG = parse("ndcg@10")


def judged_pools(queries: int, legs: int) -> list[JudgedPool]:
    """Pools of 500 documents of which the better ones are relevant; about ten judged per query."""
    random = np.random.default_rng(legs)
    made = []
    for number in range(queries):
        pool = pool_of(500, legs, random)
        quality = pool.scores.mean(axis=1) + random.normal(size=500)
        rows = np.argsort(-quality)[:10]
        made.append(judge(f"q{number}", pool, None, {pool.ids[row]: int(random.integers(0, 4)) for row in rows}))
    return [each for each in made if each.judged]


def sweep(pools: list[JudgedPool], weights: FloatArray) -> FloatArray:
    """Mean nDCG@10 of every weighting."""
    weighting = Weighting(dict.fromkeys(pools[0].pool.leg_names, 1.0), normalizer="min-max")
    every, grid = np.arange(len(weights)), Sweep(WeightGrid.of(weights))
    return np.asarray(swept(pools, weighting, NDCG, {columns_of(pools[0]): (every, grid)}, len(weights)).mean(axis=0))


def timed(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def ranx_cell(pools: list[JudgedPool], legs: int, step: float) -> tuple[float, int]:
    """Seconds per weighting and query of ``optimize_fusion``, compiled beforehand, and how many weightings it tried."""
    from ranx import Qrels, Run, optimize_fusion

    qrels = {
        each.query_id: {each.pool.ids[row]: int(each.gains[row]) for row in np.flatnonzero(each.gains > 0)}
        for each in pools
    }
    runs = [
        Run(
            {
                each.query_id: {
                    each.pool.ids[row]: float(each.pool.scores[row, leg])
                    for row in np.flatnonzero(each.pool.returned[:, leg])
                }
                for each in pools
            },
            name=f"leg{leg}",
        )
        for leg in range(legs)
    ]

    def optimise() -> object:
        return optimize_fusion(
            Qrels(qrels),
            runs,
            norm="min-max",
            method="wsum",
            metric="ndcg@10",
            step=step,
            return_optimization_report=True,
        )

    optimise()
    seconds = timed(optimise, 1)
    tried = len(lattice(legs, round(1 / step)))
    return seconds / tried / len(pools), tried


def main(weightings: int, queries: int) -> None:
    for legs in (2, 4):
        pools = judged_pools(queries, legs)
        weights = lattice(legs, finest(legs, weightings))
        seconds = timed(lambda: sweep(pools, weights))  # noqa: B023
        cell = seconds / len(weights) / len(pools)
        print(f"{len(weights):,} weightings × {len(pools)} queries, pool 500 × {legs} legs: {seconds:.2f} s")
        print(f"  per weighting and query     {cell * 1e6:.3f} µs")
        if importlib.util.find_spec("ranx"):
            theirs, tried = ranx_cell(pools, legs, 0.1 if legs == 2 else 0.25)
            print(f"  ranx, {tried} weightings       {theirs * 1e6:.1f} µs   ({theirs / cell:.0f} × as long)")
        else:
            print("  ranx is not installed: no peer in this run")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weightings", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    main(options.weightings, options.queries)
