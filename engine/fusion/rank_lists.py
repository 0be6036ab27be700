"""Several orders of the same documents as one, by their ranks alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def fuse_orders(orders: Sequence[Sequence[str]], rank_constant: int = 60) -> dict[str, float]:
    """Document → Σ 1/(k + rank) over the orders that have it, ranks from 1, best first; equal sums stand as they first
    came.

    Reciprocal rank fusion: Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", SIGIR 2009.
    """
    sums: dict[str, float] = {}
    for order in orders:
        for rank, document in enumerate(order, 1):
            sums[document] = sums.get(document, 0.0) + 1 / (rank_constant + rank)
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))
