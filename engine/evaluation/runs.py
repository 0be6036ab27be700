"""TREC runs: ``query Q0 document rank score tag``, the file that every evaluator reads.

trec_eval (https://github.com/usnistgov/trec_eval) and what is built on it ignore the rank column, hold scores in single
precision and break ties by document id. So the scores written here strictly decrease as float32: the order an
evaluator restores is the order that was shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import SourceError
from engine.ingest.lines import read_lines

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


def read_run(path: Path) -> dict[str, list[str]]:
    """Query id → document ids in the order that trec_eval restores: by score as float32, equal ones by falling id.

    Raises ``SourceError`` with ``file:line`` for a line that is none and for a document that stands there twice.
    """
    found: dict[str, dict[str, np.float32]] = {}
    for line in read_lines(path):
        columns = line.text.split()
        if not columns and not line.problem:
            continue
        score = _float(columns[4]) if len(columns) == 6 else None
        if line.problem or score is None:
            reason = line.problem or "this is no line of a run"
            raise SourceError(f"{path}:{line.number}: {reason}", hint="query Q0 document rank score tag")
        scores = found.setdefault(columns[0], {})
        if columns[2] in scores:
            raise SourceError(
                f"{path}:{line.number}: query {columns[0]} has document {columns[2]} already",
                hint="each document stands once in a query's list",
            )
        scores[columns[2]] = score
    # by id falling first: the second sort is stable
    return {
        query: sorted(sorted(scores, reverse=True), key=scores.__getitem__, reverse=True)
        for query, scores in found.items()
    }


def _float(text: str) -> np.float32 | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else np.float32(min(max(value, -_LARGEST), _LARGEST))
