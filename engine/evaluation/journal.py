"""The answers of an evaluation as they come, in a file: one that was killed goes on where it stopped.

A line per query, appended and synced once the query is through, so that nothing that was paid for is asked again. A
line cut off by a kill, and all behind it, is dropped on opening.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from engine.evaluation.answers import Answer
from engine.logs import logger

log = logger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """A query and its answer under each settings."""

    query: str
    answers: list[Answer]


class Journal:
    """``answers`` holds what an earlier run left; ``fresh`` forgets it. A file that cannot be read or written is a
    warning in the log, never a failed evaluation."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.answers: dict[str, list[Answer]] = {}
        self._file: BinaryIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            self._file.truncate(0 if fresh else self._read(self._file))
        except OSError as error:
            self._give_up(error)

    def _read(self, file: BinaryIO) -> int:
        """Take in the whole entries; the number of bytes up to the end of the last one."""
        decoder = msgspec.json.Decoder(Entry)
        file.seek(0)
        end = 0
        for line in file:
            try:
                entry = decoder.decode(line)
            except msgspec.MsgspecError:
                break
            if not line.endswith(b"\n"):
                break
            self.answers[entry.query] = entry.answers
            end += len(line)
        return end

    def add(self, query: str, answers: list[Answer]) -> None:
        """Keep a query's answers, durably."""
        self.answers[query] = answers
        if self._file is None:
            return
        try:
            self._file.write(msgspec.json.encode(Entry(query, answers)) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._give_up(error)

    def remove(self) -> None:
        """The evaluation is through: the next one asks anew."""
        if self._file is not None:
            self.close()
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self, error: OSError) -> None:
        log.warning("%s cannot be used, this evaluation could not be resumed: %s", self.path, error)
        self.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
