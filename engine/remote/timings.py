"""Where the time of a remote call went, as parts of the stage's bar. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.records import StagePart
from engine.remote.wire import WireTiming

SERVER_PARTS = ("queue", "tokenization", "inference")
"""What a service may report of itself, in the order in which it happens, beside ``total``; milliseconds."""


def parts(timing: WireTiming, server: Mapping[str, float]) -> tuple[StagePart, ...]:
    """One part after the other, on the clock ``perf_counter`` in milliseconds; parts of no length are left out.

    ``limits`` (waiting for a turn) and ``retries`` are ours; of the time to the first byte the service's own account
    is taken away and the rest is ``network``, put first, for nobody knows how much of it was the way back; a total
    above its parts leaves ``server``. An account that does not fit into the time measured here is scaled to it.
    """
    inside = {name: server.get(name, 0.0) for name in SERVER_PARTS}
    total = max(server.get("total", 0.0), sum(inside.values()))
    scale = min(1.0, timing.first_byte_ms / total) if total > 0 else 1.0
    spans = {
        "retries": timing.retried_ms,
        "limits": timing.waited_ms,
        "network": timing.first_byte_ms - total * scale,
        **{name: ms * scale for name, ms in inside.items()},
        "server": (total - sum(inside.values())) * scale,
        "body": timing.body_ms,
    }
    out, at = [], timing.began * 1e3
    for name, ms in spans.items():
        if ms > 0:
            out.append(StagePart(name, at, at + ms))
            at += ms
    return tuple(out)
