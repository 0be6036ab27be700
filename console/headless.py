"""The stage of a script without a screen: a session, settled after every line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from console.session import Session
from engine.errors import UsageError
from engine.settings import knobs
from engine.trace import Event, Trace


class Headless:
    """Plays the lines of a script on a session. After each one everything that it made necessary has been asked, so
    that an expectation sees what a fresh search with the same settings would find."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def trace(self) -> Trace | None:
        return self.session.trace

    async def act(self, verb: str, words: Sequence[str]) -> None:
        """Do what a line says. Raises ``RankscopeError``."""
        session = self.session
        match verb:
            case "search":
                await _drain(session.ask(" ".join(words)))
            case "set":
                path, text = words[0], " ".join(words[1:])
                session.turn(path, knobs.get(knobs.replace_text(session.settings, path, text), path))
            case "preset":
                session.preset(words[0])
            case "undo":
                if not session.can_undo:
                    raise UsageError("there is nothing to undo")
                session.undo()
            case "redo":
                if not session.can_redo:
                    raise UsageError("there is nothing to redo")
                session.redo()
            case "pin":
                session.pinned = words[0]
            case "unpin":
                session.pinned = ""
            case "save":
                session.save(Path(words[0]) if words else None)
            case _:
                raise UsageError(f"`{verb}` needs the screen", hint="run the script with --ui")
        session.rest()
        if session.search is not None and session.unsettled:
            await _drain(session.settle())


async def _drain(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass
