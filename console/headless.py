"""The stage of a script without a screen: a session, settled after every line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from console.cascades import with_stage, without_stage
from console.judging import grade_from
from console.rerankers import picked
from console.session import Session
from engine.errors import UsageError
from engine.evaluation.metrics import parse
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

    @property
    def grades(self) -> Mapping[str, int]:
        return self.session.grades

    async def act(self, verb: str, words: Sequence[str]) -> None:
        """Do what a line says. Raises ``RankscopeError``."""
        session = self.session
        match verb, words:
            case "search", _:
                await _drain(session.ask(" ".join(words)))
            case "again", _:
                _needs(bool(session.query), "there is no query yet")
                await _drain(session.ask(session.query))
            case "score", _:
                _needs(session.search is not None, "there is no query yet")
                await _drain(session.settle())
            case "set", (path, *value):
                session.turn(path, knobs.get(knobs.replace_text(session.settings, path, " ".join(value)), path))
            case "rerank", _:
                _needs(words[0] in ("on", "off") if words else True, "the reranker is on or off")
                session.turn("rerank.enabled", words[0] == "on" if words else not session.settings.rerank.enabled)
            case "reranker", (name,):
                session.change(picked(session, name), f"reranker {name}")
            case "stage", (name,):
                settings, stage = with_stage(session.settings, picked(session, name))
                session.put(settings, f"further stage {stage}")
            case "unstage", _:
                settings, stage = without_stage(session.settings)
                _needs(bool(stage), "there is one stage alone")
                session.put(settings, f"without stage {stage}")
            case "preset", (name,):
                session.preset(name)
            case "revert", _:
                session.revert()
            case "undo", _:
                _needs(session.can_undo, "there is nothing to undo")
                session.undo()
            case "redo", _:
                _needs(session.can_redo, "there is nothing to redo")
                session.redo()
            case "save", _:
                session.save(Path(words[0]) if words else None)
            case "judge", (document, grade):
                session.grade(document, grade_from(grade))
            case "metric", (name,):
                session.metric = str(parse(name))
            case "pin", (document,):
                session.pinned = document
            case "unpin", _:
                session.pinned = ""
            case _:
                raise UsageError(f"`{' '.join((verb, *words))}` needs the screen", hint="run the script with --ui")
        session.rest()
        if session.search is not None and session.unsettled:
            await _drain(session.settle())


def _needs(condition: bool, otherwise: str) -> None:
    if not condition:
        raise UsageError(otherwise)


async def _drain(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass
