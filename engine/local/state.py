"""What the host of local models is about, for those who show it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.loading import Loading
from engine.local.base import ModelInfo


@dataclass(frozen=True, slots=True)
class HostState:
    """The worker at this moment.

    phase         off, loading (a model), busy, idle
    models        that are loaded, least recently used first
    requests      under way
    memory_bytes  of the worker process (resident); 0 where the system does not tell
    device_used   bytes of the device's memory that the models hold, of ``device_total``; 0 on a CPU
    ends_in_s     until the idle worker ends; None while it is used, and where it stays for ever
    ended         why the last worker ended: ``unloaded``, ``idle``, or the cause of a crash; '' where there was none
    """

    phase: Literal["off", "loading", "busy", "idle"]
    pid: int = 0
    models: tuple[ModelInfo, ...] = ()
    loading: Loading | None = None
    requests: int = 0
    memory_bytes: int = 0
    device_used: int = 0
    device_total: int = 0
    ends_in_s: float | None = None
    ended: str = ""


def memory_of(pid: int) -> int:
    """Resident bytes of a process; 0 where it is gone or the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
