"""The log file: levels, a small rotation, secrets masked. Nothing is ever logged to stdout or stderr."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from engine.errors import UsageError
from engine.secrets import mask

ROOTS = ("engine", "console")
LEVELS = ("debug", "info", "warning", "error")
VARIABLE = "RANKSCOPE_LOG"
MAX_BYTES = 1_000_000
BACKUPS = 2


class MaskingFormatter(logging.Formatter):
    """Formats a record whole, traceback included, and masks the result."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def logger(name: str) -> logging.Logger:
    """The logger of a module (``logger(__name__)``), silent until ``start`` was called."""
    root = logging.getLogger(name.partition(".")[0])
    if not root.handlers:
        root.addHandler(logging.NullHandler())
        root.propagate = False
    return logging.getLogger(name)


def level_of(environ: Mapping[str, str]) -> str:
    """The level that ``RANKSCOPE_LOG`` asks for, else ``warning``. Raises ``UsageError`` for an unknown one."""
    level = environ.get(VARIABLE, "").strip().lower() or "warning"
    if level not in LEVELS:
        raise UsageError(f"{VARIABLE}: unknown level {level!r}", hint=f"the levels are {', '.join(LEVELS)}")
    return level


def start(path: Path, level: str = "warning") -> logging.Handler:
    """Logs to ``path`` from now on; give the handler to ``stop`` at the end. The file appears with the first line."""
    from logging.handlers import RotatingFileHandler  # imports sockets and queues that nothing else needs

    handler = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8", delay=True)
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    for name in ROOTS:
        root = logger(name)
        root.setLevel(level.upper())
        root.addHandler(handler)
    return handler


def stop(handler: logging.Handler) -> None:
    """Ends what ``start`` began."""
    for name in ROOTS:
        root = logging.getLogger(name)
        root.removeHandler(handler)
        root.setLevel(logging.NOTSET)
    handler.close()
