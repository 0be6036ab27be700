"""What calls cost, and what they will: by what a provider reports, else by the price of its row. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.rerankers.remote.providers import Provider

USD = "usd"


def cost_of(provider: Provider, usage: Mapping[str, float]) -> dict[str, float]:
    """``{"usd": …}`` of one request; nothing where neither provider nor row knows a price."""
    if USD in usage:
        return {USD: usage[USD]}
    amount = 1.0 if provider.price_unit == "requests" else usage.get(provider.price_unit)
    return {} if amount is None or not provider.price else {USD: amount * provider.price / 1e6}
