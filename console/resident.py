"""Which local models are loaded on this machine: every console leaves a small file in the cache folder while its worker
holds models, and ``rankscope models`` reads them all."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from engine.files import write_atomically
from engine.local.base import ModelInfo
from engine.local.host import LocalHost
from engine.local.state import memory_of

_NAME = "worker-{}.json"


class Resident(msgspec.Struct, frozen=True):
    """The worker process of one console, and its models, least recently used first."""

    worker: int
    models: tuple[ModelInfo, ...]

    @property
    def memory_bytes(self) -> int:
        """Of the worker now; 0 where the system does not tell."""
        return memory_of(self.worker)


def keep(host: LocalHost, folder: Path) -> None:
    """Write down what the host's worker holds whenever that changes; nothing is left once it holds nothing."""
    file = folder / _NAME.format(os.getpid())
    written = Resident(0, ())

    def changed() -> None:
        nonlocal written
        state = host.state
        now = Resident(state.pid, state.models)
        if now == written:
            return
        written = now
        if now.models:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(file, msgspec.json.encode(now).decode())
        else:
            file.unlink(missing_ok=True)

    host.watch(changed)


def residents(folder: Path) -> list[Resident]:
    """The workers that run now; the file of one that is gone is removed."""
    found = []
    for file in sorted(folder.glob(_NAME.format("*"))):
        try:
            resident = msgspec.json.decode(file.read_bytes(), type=Resident)
        except (OSError, msgspec.DecodeError):  # written by another release, or just gone
            continue
        if _runs(resident.worker):
            found.append(resident)
        else:
            file.unlink(missing_ok=True)
    return found


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
