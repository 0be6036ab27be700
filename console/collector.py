"""The garbage collector in a process that is one program of ours. What searches leave behind goes by reference counts
alone (a test holds that), so that collections find next to nothing and may be rare."""

from __future__ import annotations

import gc

SEARCHES = (100_000, 3, 1_000)
"""A search makes some 5,000 objects, and a hundred at once hold fewer than this: those that are gone by then are never
looked at. With the default thresholds a fifth of the time of many searches goes into collections, with 10,000 a
tenth."""
FRAMES = (10_000, 3, 1_000)
"""A frame makes some 20,000 objects, and a collection has to fit between two; with the default thresholds a full one
interrupts a slider at random."""


def collect_rarely() -> None:
    """For a process from its beginning."""
    gc.set_threshold(*SEARCHES)


def settle() -> None:
    """Leave what stands now out of every collection: when screen and index stand."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*FRAMES)
