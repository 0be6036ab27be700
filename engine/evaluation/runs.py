"""TREC runs: ``query Q0 document rank score tag``, the file that every evaluator reads.

trec_eval (https://github.com/usnistgov/trec_eval) and what is built on it ignore the rank column, hold scores in single
precision and break ties by document id. So the scores written here strictly decrease as float32: the order an
evaluator restores is the order that was shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

_LARGEST = 1e38
_SMALLEST = float(np.finfo(np.float32).tiny)


def strictly_decreasing(scores: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """float32[n]: each score as it is where it lies below the one before, else the next smaller float32.

    Denormal numbers are left out, since a fast-math evaluator reads them as 0.
    """
    out = np.clip(np.asarray(scores, dtype=np.float64), -_LARGEST, _LARGEST).astype(np.float32)
    out[np.abs(out) < _SMALLEST] = 0.0
    rises = np.flatnonzero(out[1:] >= out[:-1])
    for row in range(rises[0] + 1 if len(rises) else len(out), len(out)):
        if not out[row] < out[row - 1]:
            out[row] = _below(out[row - 1])
    return out


def _below(value: np.float32) -> np.float32:
    """The next smaller float32 that is not denormal."""
    lower: np.float32 = np.nextafter(value, np.float32(-np.inf))
    if abs(lower) >= _SMALLEST:
        return lower
    return np.float32(0.0) if value > 0 else np.float32(-_SMALLEST)


def encode_id(text: str) -> str:
    """The id with its white space percent-encoded, since fields of a run are divided by it."""
    if text.isprintable() and " " not in text:
        return text
    return "".join("".join(f"%{byte:02X}" for byte in c.encode()) if c.isspace() else c for c in text)


def run_lines(
    query_id: str, ids: Sequence[str], scores: Sequence[float] | npt.NDArray[np.float64], tag: str = "rankscope"
) -> Iterator[str]:
    """The lines of one query, best document first, without line ends; ``ids`` and ``scores`` are in rank order."""
    query = encode_id(query_id)
    for rank, (id_, score) in enumerate(zip(ids, strictly_decreasing(scores), strict=True), start=1):
        yield f"{query} Q0 {encode_id(id_)} {rank} {score:.9g} {tag}"
