"""What the user is told of an error."""

from __future__ import annotations

import logging

from engine.errors import RankscopeError

log = logging.getLogger(__name__)


def told(error: Exception) -> str:
    """One line: message and hint of an error of ours; any other is a fault of the program, and is logged whole."""
    if isinstance(error, RankscopeError):
        return f"{error.message} · {error.hint}" if error.hint else error.message
    log.error("a fault of the console", exc_info=error)
    return f"a fault of the program, {type(error).__name__}: {error} · the log file has the details"
