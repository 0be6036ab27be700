"""What every test needs of the process it runs in."""

from __future__ import annotations

import signal

import pytest

from engine.local.worker.processor import spare_broken_tiles
from tests.servers.engines import any_engine, elasticsearch_8, elasticsearch_9, group, opensearch_2
from tests.servers.ragflow import ragflow_index

__all__ = ["any_engine", "elasticsearch_8", "elasticsearch_9", "opensearch_2", "ragflow_index"]

# A shell starts what it puts in the background with SIGINT ignored, and children inherit that: the tests that interrupt
# a real process would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one search engine stay in one process (``--dist loadgroup``), so that it is started once.

    The longest test of all goes first: begun last, it would keep one process busy while the others have nothing to do.
    """
    items.sort(key=lambda item: item.name != "test_checks_are_clean[mypy]")
    for item in items:
        if name := group(item):
            item.add_marker(pytest.mark.xdist_group(name))


# As the worker does: oneDNN reads it at the first product, and some test computes one before any bf16.
spare_broken_tiles()
