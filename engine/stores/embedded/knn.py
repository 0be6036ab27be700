"""Exact nearest neighbours: one float32 product finds the candidates, float64 gives their scores.

A float32 product's last bits depend on how the rows were blocked, so equal vectors could come out unequal. Every row
within the product's rounding error of the k-th is therefore scored again in float64, row by row: scores and ties are
exact and a completed score equals a searched one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.records import BoolArray, FloatArray, IntArray
from engine.stores.embedded.topk import top_k

_BLOCK_BYTES = 16 << 20
"""Of rows copied out of the matrix at a time."""

_EXACT_BYTES = 1 << 19
"""The same for exact scores: what a core's own cache holds of float64."""

_SPARSE = 4
"""Below one row in four a filter's rows are gathered instead of multiplying all."""

_MOST = 2
"""From one row in so many on that is wanted, all are scored exactly at once."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """``matrix`` float32[n, d], NaN rows for documents without a vector; unit rows where ``cosine``.

    ``present`` counts the rows that have one; ``max_norm`` is the length of the longest.
    """

    matrix: Vectors
    cosine: bool
    present: int
    max_norm: float

    def query(self, vector: npt.NDArray[np.float32]) -> FloatArray | None:
        """float64[d]: the vector as it is multiplied, of length 1 for cosine; None for one without direction."""
        wide = vector.astype(np.float64)
        if not self.cosine:
            return wide
        norm = float(np.sqrt(wide @ wide))
        return wide / norm if norm > 0 and np.isfinite(norm) else None

    def scores(self, query: FloatArray, rows: IntArray) -> FloatArray:
        """float64[len(rows)]: cosine or dot product; NaN where a row has no vector or is below 0."""
        result = np.full(rows.size, np.nan)
        known = np.flatnonzero(rows >= 0)
        step = _exact_rows(query)
        for at in range(0, known.size, step):
            part = known[at : at + step]
            result[part] = _exact(self.matrix[rows[part]], query)
        return self._bounded(result)

    def every(self, query: FloatArray) -> FloatArray:
        """The same of every row, read in place."""
        step = _exact_rows(query)
        blocks = (self.matrix[at : at + step] for at in range(0, len(self.matrix), step))
        return self._bounded(np.concatenate([_exact(block, query) for block in blocks]))

    def _bounded(self, scores: FloatArray) -> FloatArray:
        # a stored unit vector is of length 1 to float32 alone
        return np.clip(scores, -1.0, 1.0, out=scores) if self.cosine else scores

    def search(
        self, vector: npt.NDArray[np.float32], k: int, mask: BoolArray | None
    ) -> tuple[IntArray, FloatArray, int, FloatArray | None]:
        """(the k best rows that ``mask`` admits, their float64 scores, how many could have come, the scores of all
        rows where most had to be scored)."""
        query = self.query(vector)
        if query is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0), 0, None
        wanted = k if mask is None else min(k, int(np.count_nonzero(mask)))
        if 0 < len(self.matrix) <= wanted * _MOST:
            every = self.every(query)
            admitted = every if mask is None else np.where(mask, every, np.nan)
            best = top_k(admitted, k, above=-np.inf)
            return best, admitted[best], int(np.count_nonzero(~np.isnan(admitted))), every
        rows, approximate, total = self._products(query.astype(np.float32), mask)
        first = top_k(approximate, k, above=-np.inf)
        if not first.size:
            return first, np.zeros(0), total, None
        slack = 2 * self._rounding(query)
        close = np.flatnonzero(approximate >= approximate[first[-1]] - slack)
        candidates = close if rows is None else rows[close]
        exact = self.scores(query, candidates)
        best = top_k(exact, k, above=-np.inf)
        return candidates[best], exact[best], total, None

    def _products(self, query: Vectors, mask: BoolArray | None) -> tuple[IntArray | None, Vectors, int]:
        """(rows or None for all, float32 products with NaN for what cannot come, how many can come)."""
        rows = np.flatnonzero(mask) if mask is not None else None
        if rows is not None and rows.size * _SPARSE < self.matrix.shape[0]:
            products = self._gathered(query, rows)
            return rows, products, int(np.count_nonzero(~np.isnan(products)))
        # the mapped matrix is read in place: one pass, nothing copied
        products = self.matrix @ query
        if mask is not None:
            products[~mask] = np.nan
            return None, products, int(np.count_nonzero(~np.isnan(products)))
        return None, products, self.present

    def _gathered(self, query: Vectors, rows: IntArray) -> Vectors:
        """float32[len(rows)] products, the rows copied block by block."""
        step = max(1, _BLOCK_BYTES // (4 * max(1, query.size)))
        products = np.empty(rows.size, dtype=np.float32)
        for at in range(0, rows.size, step):
            np.dot(self.matrix[rows[at : at + step]], query, out=products[at : at + step])
        return products

    def _rounding(self, query: FloatArray) -> float:
        """How far a float32 product can lie from the exact one: (d + 2) roundings of at most |q| · |x|."""
        norm = float(np.sqrt(query @ query))
        return (query.size + 2) * float(np.finfo(np.float32).eps) * norm * self.max_norm


def _exact_rows(query: FloatArray) -> int:
    """How many rows are scored at a time; two at least."""
    return max(2, _EXACT_BYTES // (8 * max(1, query.size)))


def _exact(block: Vectors, query: FloatArray) -> FloatArray:
    """float64[rows] products, a sum along each row, so that a row's score does not depend on its neighbours."""
    # einsum would sum a row that is alone in pieces of 8,192 numbers
    rows = block if len(block) > 1 else np.repeat(block, 2, axis=0)
    scores: FloatArray = np.einsum("ij,j->i", rows.astype(np.float64), query)[: len(block)]
    return scores
