"""Where the time of a remote call went, as parts of the stage's bar. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.records import StagePart
from engine.remote.wire import WireTiming


def parts(timing: WireTiming, server: Mapping[str, float]) -> tuple[StagePart, ...]:
    """One part after the other, on the clock ``perf_counter`` in milliseconds; parts of no length are left out.

    ``server`` is the service's own account, name → milliseconds in the order in which it happened (a ``network`` in it
    does not count). ``retries`` and ``limits`` (waiting for a turn) are ours. What the account leaves of the time to
    the first byte is ``network``, put first, for nobody knows how much of it was the way back; an account that does not
    fit into that time is scaled to it. Without an account that time is ``service``: network and work together.
    """
    inside = {name: ms for name, ms in server.items() if name != "network"}
    total = sum(inside.values())
    scale = min(1.0, timing.first_byte_ms / total) if total > 0 else 1.0
    spans = {
        "retries": timing.retried_ms,
        "limits": timing.waited_ms,
        "network" if inside else "service": timing.first_byte_ms - total * scale,
        **{name: ms * scale for name, ms in inside.items()},
        "body": timing.body_ms,
    }
    out, at = [], timing.began * 1e3
    for name, ms in spans.items():
        if ms > 0:
            out.append(StagePart(name, at, at + ms))
            at += ms
    return tuple(out)
