"""How long ranking takes: one weighting, as a slider asks it, and ten thousand, as a tuner does.

``python tests/bench/rank.py``; the peer is one argsort of the same scores, the least that any ranking needs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from engine.ranking import FeatureWeight, WeightGrid, Weighting, fused_scores, rank, top_rows
from engine.records import CandidatePool, Leg, RerankScores, ScoreKind

KINDS = (ScoreKind.BM25, ScoreKind.COSINE, ScoreKind.SPARSE, ScoreKind.COSINE)


def pool_of(n: int, legs: int, rng: np.random.Generator, *, completed: bool = True) -> CandidatePool:
    """A pool as hybrid search makes it: each leg returned half, the rest is completed, or absent."""
    relevance = rng.random(n)
    scores = np.column_stack(
        [
            (np.maximum(0.0, 12 * (0.5 * relevance + 0.5 * rng.random(n)) - 2) if leg % 2 == 0 else 0.0)
            + (np.clip(0.4 * relevance + 0.4 * rng.random(n), -1, 1) if leg % 2 else 0.0)
            for leg in range(legs)
        ]
    )
    returned = scores >= np.median(scores, axis=0)
    returned[~returned.any(axis=1), 0] = True
    if not completed:
        scores = np.where(returned, scores, np.nan)
    return CandidatePool(
        ids=tuple(f"d{row}" for row in range(n)),
        legs=tuple(Leg(f"leg{leg}", KINDS[leg]) for leg in range(legs)),
        scores=scores,
        returned=returned,
        feature_names=("pagerank",),
        features=rng.random((n, 1)),
    )


def weighting_of(pool: CandidatePool, combiner: str, normalizer: str, blend: str = "replace") -> Weighting:
    weights = dict(zip(pool.leg_names, (0.3, 0.7, 0.2, 0.4), strict=False))
    return Weighting(
        weights,
        features={"pagerank": FeatureWeight(0.01, 1.0)},
        combiner=combiner,
        normalizer=normalizer,
        blend=blend,
        top_n=2048,
    )


def reranked(n: int, some: int, rng: np.random.Generator) -> RerankScores:
    scores = RerankScores.none(n)
    scores.raw[:] = rng.normal(size=n)
    scores.raw[rng.permutation(n)[some:]] = np.nan
    return RerankScores(scores.raw, ScoreKind.LOGIT, scores.token_similarity, scores.tokens, scores.truncated)


def measure(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times)), float(np.percentile(times, 95))


def one_weighting(repeats: int) -> None:
    rng = np.random.default_rng(0)
    pool, gaps = pool_of(2048, 4, rng), pool_of(2048, 4, rng, completed=False)
    peer, _ = measure(lambda: np.argsort(-pool.scores[:, 0], kind="stable"), repeats)
    print(f"rank(), 2,048 documents × 4 legs (peer: one stable argsort of 2,048, {peer:.3f} ms)")
    cases = [
        ("convex, theoretical-min-max", pool, None, "convex", "theoretical-min-max", "replace"),
        ("  absent scores", gaps, None, "convex", "theoretical-min-max", "replace"),
        ("  50 reranked, replace", pool, reranked(2048, 50, rng), "convex", "theoretical-min-max", "replace"),
        ("  50 reranked, weighted", pool, reranked(2048, 50, rng), "convex", "theoretical-min-max", "weighted"),
        ("  2,048 reranked, weighted", pool, reranked(2048, 2048, rng), "convex", "theoretical-min-max", "weighted"),
        ("convex, min-max", pool, None, "convex", "min-max", "replace"),
        ("convex, z-score", pool, None, "convex", "z-score", "replace"),
        ("convex, rank", pool, None, "convex", "rank", "replace"),
        ("comb-mnz, min-max", pool, None, "comb-mnz", "min-max", "replace"),
        ("rrf", pool, None, "rrf", "min-max", "replace"),
    ]
    for label, which, scores, combiner, normalizer, blend in cases:
        weighting = weighting_of(which, combiner, normalizer, blend)
        median, p95 = measure(lambda: rank(which, scores, weighting), repeats)  # noqa: B023
        print(f"  {label:30} median {median:.3f} ms   p95 {p95:.3f} ms   {median / peer:.1f} × the peer")


def many_weightings(count: int, pools: int, legs: int) -> None:
    rng = np.random.default_rng(1)
    made = [pool_of(500, legs, rng) for _ in range(pools)]
    weights = rng.dirichlet(np.ones(legs), count)
    weighting = weighting_of(made[0], "convex", "theoretical-min-max")
    grid = WeightGrid.of(weights)
    print(f"{count:,} weightings, pool 500 × {legs} legs")
    median, _ = measure(lambda: fused_scores(made[0], weighting, weights), 5)
    print(f"  fused_scores, one pool          {median:.0f} ms")
    median, _ = measure(lambda: top_rows(made[0], weighting, grid, 10), 5)
    print(f"  top_rows 10, one pool           {median:.1f} ms")
    peer, _ = measure(lambda: np.argsort(-fused_scores(made[0], weighting, weights), axis=1), 1)
    print(f"  peer: fused_scores and argsort  {peer:.0f} ms   ({peer / median:.0f} × as long)")
    total, _ = measure(lambda: [top_rows(pool, weighting, grid, 10) for pool in made], 1)
    print(f"  top_rows 10, {pools} pools         {total / 1e3:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--weightings", type=int, default=10_000)
    parser.add_argument("--pools", type=int, default=200)
    options = parser.parse_args()
    one_weighting(options.repeats)
    for legs in (2, 4):
        many_weightings(options.weightings, options.pools, legs)
