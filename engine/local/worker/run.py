"""A worker's whole life, whatever loads its models."""

from __future__ import annotations

import logging
import os
import sys

from engine.local.messages import Configure
from engine.local.worker.channel import Channel, settle
from engine.local.worker.loop import Worker
from engine.local.worker.slots import Loader


def run(load: Loader) -> None:
    """Serve the process that started this one until it closes the pipe or is gone; does not return. The first
    argument is its process id, its first message a ``Configure``."""
    settle(int(sys.argv[1]))
    channel = Channel.of_standard_streams()
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("engine").propagate = True
    configure = next(channel.requests(), None)
    if isinstance(configure, Configure):
        Worker(channel, load, configure).serve()
    os._exit(0)  # threads may be computing, and have nothing to finish
