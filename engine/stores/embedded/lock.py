"""A lock file that one process may hold: ``flock`` on POSIX, ``locking`` on Windows. The system frees it at death."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from engine.errors import IndexLockedError

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """The locked byte lies beyond the text, so that others can still read the holder's pid."""

    def _try_lock(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


class FileLock:
    """Held from construction to ``release``. Raises ``IndexLockedError`` naming the holder's pid."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+", encoding="ascii")
        try:
            _try_lock(self._file)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read(20).strip()
            self._file.close()
            who = f"process {holder}" if holder else "another process"
            raise IndexLockedError(
                f"The index {path.parent} is being written by {who}.",
                hint="Wait until it has finished, or end that process; what it has taken in is kept.",
            ) from error
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        if not self._file.closed:
            _unlock(self._file)
            self._file.close()
