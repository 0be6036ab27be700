"""The garbage collector in a process that is one program of ours. What searches leave behind goes by reference counts
alone (a test holds that), so that collections find next to nothing and may be rare."""

from __future__ import annotations

import gc

THRESHOLDS = (10_000, 3, 1_000)
"""A frame makes some 20,000 objects, a search some 5,000; with the default thresholds a full collection interrupts a
slider at random, and a fifth of the time of many searches at once goes into collections."""


def collect_rarely() -> None:
    """For a process from its beginning."""
    gc.set_threshold(*THRESHOLDS)


def settle() -> None:
    """Leave what stands now out of every collection: when screen and index stand."""
    gc.collect()
    gc.freeze()
    collect_rarely()
