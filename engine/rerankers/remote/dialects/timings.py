"""Where the time of a request went on the service's side, where it says so.

TEI says it in header fields, in milliseconds; ZeroEntropy in its answer, in seconds; Ollama in nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.rerankers.remote.dialects.json_paths import dig

_TEI = {"tokenize": "x-tokenization-time", "queue": "x-queue-time", "inference": "x-inference-time"}


def server_ms(body: Any, headers: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds by name, in the order in which they went; {} where nothing is said."""
    shares = _tei(headers) or _zeroentropy(body) or _ollama(body)
    return {name: ms for name, ms in shares.items() if ms > 0}


def _tei(headers: Mapping[str, str]) -> dict[str, float]:
    """Each is a mean over the documents, so that what is left of the total is the server's own (``service``)."""
    total = _ms(headers.get("x-total-time"))
    if total is None:
        return {}
    shares = {name: _ms(headers.get(header)) or 0.0 for name, header in _TEI.items()}
    return {**shares, "service": total - sum(shares.values())}


def _zeroentropy(body: Any) -> dict[str, float]:
    total, inference = _ms(dig(body, "e2e_latency"), 1e3), _ms(dig(body, "inference_latency"), 1e3)
    return {} if total is None or inference is None else {"queue": total - inference, "inference": inference}


def _ollama(body: Any) -> dict[str, float]:
    total, load = _ms(dig(body, "total_duration"), 1e-6), _ms(dig(body, "load_duration"), 1e-6) or 0.0
    return {} if total is None else {"load": load, "inference": total - load}


def _ms(value: Any, factor: float = 1.0) -> float | None:
    """Milliseconds of a number or of its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        ms = float(value) * factor
    except (ValueError, OverflowError):
        return None
    return ms if 0 <= ms < math.inf else None
