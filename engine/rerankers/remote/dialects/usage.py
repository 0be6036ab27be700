"""What a request cost, as the service reports it: the first place of each unit that holds a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.rerankers.remote.dialects.json_paths import dig

PLACES: dict[str, tuple[str, ...]] = {
    "tokens": (
        "usage.total_tokens",
        "usage.prompt_tokens",
        "usage.input_tokens",
        "meta.tokens.input_tokens",
        "total_tokens",
        "input_tokens",
        "prompt_eval_count",
    ),
    "searches": ("meta.billed_units.search_units", "usage.search_units", "usage.rerank_units"),
    "usd": ("usage.cost", "inference_status.cost"),
}
TOKENS_HEADER = "x-compute-tokens"
BEDROCK_HEADER = "x-amzn-bedrock-input-token-count"


def usage(body: Any, headers: Mapping[str, str], tokens_are: str = "tokens") -> dict[str, float]:
    """Amount by unit; a unit that is not reported is missing. ``tokens_are``: some count words and call them tokens."""
    found = {}
    for unit, places in PLACES.items():
        amounts = (_amount(dig(body, place)) for place in places)
        if (amount := next((a for a in amounts if a is not None), None)) is not None:
            found[tokens_are if unit == "tokens" else unit] = amount
    for header in (TOKENS_HEADER, BEDROCK_HEADER):
        if tokens_are not in found and headers.get(header, "").isascii() and headers.get(header, "").isdigit():
            found[tokens_are] = float(headers[header])
    return found


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < 1e15 and math.isfinite(value) else None
