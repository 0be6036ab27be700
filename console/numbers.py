"""Numbers as the console writes them: short, of a steady width, the same in every pane."""

from __future__ import annotations

import math
from collections.abc import Mapping


def score(value: float, digits: int = 3) -> str:
    """``.834``, ``1.00``, ``12.4``, ``–.021``; ``–`` for NaN. The 0 before the point is left out."""
    if math.isnan(value):
        return "–"
    size = abs(value)
    places = digits if size < 1 else max(digits - len(str(int(size))), 0)
    text = f"{size:.{places}f}"
    if text.startswith("0."):
        text = text[1:]
    return f"-{text}" if value < 0 and any(c in "123456789" for c in text) else text


def share(value: float) -> str:
    """A value of 0…1 in at most four cells: ``.83``, ``1.00``; ``–`` for NaN."""
    return "–" if math.isnan(value) else f"{value:.2f}".removeprefix("0")


def milliseconds(value: float) -> str:
    """``0.4``, ``3.1``, ``412`` without the unit; from ten seconds on in seconds, with it."""
    if value < 9.95:  # 9.96 would read 10.0
        return f"{value:.1f}"
    return f"{value:.0f}" if value < 10_000 else f"{value / 1000:.1f} s"


def duration(value: float) -> str:
    """The same with its unit: ``0.4 ms``, ``412 ms``, ``12.5 s``."""
    text = milliseconds(value)
    return text if text.endswith("s") else f"{text} ms"


def count(value: int) -> str:
    """``9,412``."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """``1 document``, ``9,412 documents``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def spent_text(usage: Mapping[str, float]) -> str:
    """``1,234 tokens · 0.002 $``; '' where nothing is known to have been used."""
    parts = []
    if "tokens" in usage:
        parts.append(f"{count(int(usage['tokens']))} tokens")
    if "searches" in usage:
        parts.append(_counted(usage["searches"], "search", "searches"))
    if "usd" in usage:
        parts.append(f"{usage['usd']:.4f} $")
    elif not parts and "requests" in usage:
        parts.append(_counted(usage["requests"], "request", "requests"))
    return " · ".join(parts)


def _counted(number: float, one: str, more: str) -> str:
    return f"{number:g} {one if number == 1 else more}"
