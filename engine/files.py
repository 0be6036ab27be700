"""Files put in place whole: a reader, and a crash, see the old content or the new, never half of it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes beside the file and moves over it: links followed, permissions kept, folders made. Raises ``OSError``."""
    with replacing(path) as file:
        file.buffer.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[TextIOWrapper]:
    """The same for what is written bit by bit (UTF-8, ``\\n``); an exception leaves the file as it was. What is no
    plain file (a pipe, ``/dev/stdout``) is written to directly."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with aside.open("x", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, aside)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
