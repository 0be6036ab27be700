"""When to ask again: which failures pass, and how long a service, or our own patience, says to wait. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

BACKOFF_S = 0.25
"""The first pause where the service names none; it doubles with every attempt."""
MAX_BACKOFF_S = 8.0
_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""Above these a reset header is a point in time (seconds, milliseconds), below a duration in seconds."""

_PASSING_KINDS = frozenset({"connect", "reset", "overloaded"})


def passing_status(status: int) -> bool:
    """Whether the same request may be answered later: 408, 425, 429 and 5xx but 501 and 505, which are for good."""
    return status in (408, 425, 429) or (status >= 500 and status not in (501, 505))


def passing(kind: str) -> bool:
    """Whether a failure of this kind may pass: nobody listening, cut off before an answer, a passing status."""
    return kind in _PASSING_KINDS


def asked_wait_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the service asks to wait: ``retry-after-ms``, ``retry-after`` (seconds or a date),
    ``x-ratelimit-reset`` (seconds, or a point in time); None where it asks for none. ``now`` is Unix time."""
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1e3
    after = headers.get("retry-after")
    if after is not None:
        seconds = _number(after)
        return seconds if seconds is not None else _until_date(after, now)
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is None:
        return None
    if reset >= _EPOCH_MS:
        reset /= 1e3
    return max(0.0, reset - now) if reset >= _EPOCH_S else reset


def pause_s(asked: float | None, attempt: int, chance: float) -> float:
    """Seconds before attempt ``attempt + 1``. ``chance`` in 0…1 spreads callers that failed together: up to a tenth
    above what the service asked for, never below; else half to all of a back-off that doubles."""
    if asked is not None:
        return asked * (1 + chance / 10)
    return min(MAX_BACKOFF_S, BACKOFF_S * 2.0 ** (attempt - 1)) * (0.5 + chance / 2)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until_date(text: str, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
