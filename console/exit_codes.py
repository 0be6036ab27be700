"""What a process of ours returns, which error means which code, and how an error is told."""

from __future__ import annotations

from enum import IntEnum

import click

from console.placing import not_taken
from console.text import clean
from engine.errors import (
    EmbedderError,
    ExpectationError,
    MissingExtraError,
    RankscopeError,
    RerankerError,
    SettingsError,
    SourceError,
    StoreError,
    UsageError,
)


class ExitCode(IntEnum):
    """The codes are part of the interface: scripts and CI jobs branch on them."""

    OK = 0
    FAILED = 1
    """An expectation or a gate was not met."""
    USAGE = 2
    """A command, an argument, a file or a setting that cannot be used."""
    STORE = 3
    """The index, or everything that searches it, could not answer."""
    RERANKER = 4
    """The reranker failed although the settings require it."""
    INTERNAL = 70
    """A fault of Rankscope itself (``EX_SOFTWARE`` of sysexits.h), so that it is never read as a failed gate."""
    INTERRUPTED = 130


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (BrokenPipeError, ExitCode.OK),
    (ExpectationError, ExitCode.FAILED),
    (UsageError, ExitCode.USAGE),
    (SettingsError, ExitCode.USAGE),
    (SourceError, ExitCode.USAGE),
    (MissingExtraError, ExitCode.USAGE),
    (StoreError, ExitCode.STORE),
    (EmbedderError, ExitCode.STORE),
    (RerankerError, ExitCode.RERANKER),
    (RankscopeError, ExitCode.USAGE),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (click.Abort, ExitCode.INTERRUPTED),
    (click.ClickException, ExitCode.USAGE),
    (OSError, ExitCode.USAGE),
)
"""First match wins. A broken pipe is a reader who has seen enough, as in ``rankscope search … | head``."""


def exit_code(error: BaseException) -> ExitCode:
    """The code of an error that ended a command."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.INTERNAL)


def describe(error: BaseException) -> list[str]:
    """The lines that tell a user of an error: what, where, and the way out."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            return ["interrupted"]
        case click.exceptions.NoArgsIsHelpError():
            return error.format_message().splitlines()
        case click.NoSuchOption(ctx=click.Context() as context):
            told, hint = not_taken(error, context)
            return [f"error: {clean(told)}", f"hint: {clean(hint)}"]
        case click.UsageError(ctx=click.Context() as context):
            ask = f"`{context.command_path} --help` shows what can be given."
            return [f"error: {clean(error.format_message())}", f"hint: {ask}"]
        case click.ClickException():
            return [f"error: {clean(error.format_message())}"]
        case RankscopeError():
            lines = [clean(line) for line in error.message.splitlines()] or [type(error).__name__]
            return [f"error: {lines[0]}", *lines[1:], *([f"hint: {clean(error.hint)}"] if error.hint else [])]
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return [f"error: {clean(place + (error.strerror or str(error)))}"]
        case _:
            return [
                f"error: {type(error).__name__}: {clean(str(error))}",
                "hint: this is a fault of Rankscope; `rankscope --debug …` shows where it arose",
            ]
