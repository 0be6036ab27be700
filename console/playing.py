"""What ``rankscope run`` does: a script on a stage, each step told as it comes, a report at the end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from console.locations import locations
from console.noting import noted
from console.opening import Wanted, judged_data, load_for_search, open_index
from console.output import emit, encoded, grid, json_bytes, note
from console.script import Line, Stage, Step, failure, parse, play, summary
from engine.errors import SourceError
from engine.settings.load import Loaded

if TYPE_CHECKING:
    from engine.pipeline import Pipeline


def play_file(script: str, wanted: Wanted, *, ui: bool, size: tuple[int, int], keep_going: bool, as_json: bool) -> None:
    """Play the script and print the report. Raises what the script amounts to (``console.script.failure``)."""
    text, name = _read(script)
    lines = parse(text, name, screen=ui)
    loaded = load_for_search(wanted)

    async def run() -> list[Step]:
        steps = []
        async with _stage(loaded, wanted, ui, size) as stage:
            async for step in play(lines, stage, keep_going=keep_going):
                steps.append(step)
                tell(step)
        return steps

    steps = asyncio.run(run())
    emit(json_bytes(summary(steps, lines)) if as_json else encoded(report(steps, lines)))
    if error := failure(steps):
        raise error


@asynccontextmanager
async def _stage(loaded: Loaded, wanted: Wanted, ui: bool, size: tuple[int, int]) -> AsyncIterator[Stage]:
    def open_() -> Pipeline:
        return open_index(loaded, no_cache=wanted.no_cache)

    places = locations()
    data = judged_data(wanted, loaded, places)
    if ui:
        from console.screened import Screened

        async with Screened.open(loaded, open_, size, data) as screened:
            yield screened
        return
    from console.headless import Headless
    from console.judging import Judgments
    from console.session import Session

    async with open_() as pipeline:
        pipeline.ask_before_leaving(noted)
        session = Session(pipeline, loaded)
        session.judgments = Judgments.open(data, pipeline.store.info.name, places.judgments)
        yield Headless(session)


def _read(script: str) -> tuple[str, str]:
    """The text of a script and its name in messages; ``-`` is standard input. Raises ``SourceError``."""
    try:
        if script == "-":
            return sys.stdin.buffer.read().decode(), "<stdin>"
        return Path(script).read_text(encoding="utf-8-sig"), script
    except UnicodeDecodeError as error:
        raise SourceError(f"{script}: not UTF-8 at byte {error.start}", hint="save the script as UTF-8") from None
    except OSError as error:
        raise SourceError(f"{script}: {error.strerror}", hint="name a script, or - for standard input") from None


def tell(step: Step) -> None:
    """A line on stderr for what went wrong."""
    if step.error is not None:
        note(f"{step.line.where}: {step.error.message}")
    elif step.verdict is not None and not step.ok:
        note(f"{step.line.where}: expected {step.line.expected}, actual: {step.verdict.actual}")


def report(steps: list[Step], lines: tuple[Line, ...]) -> str:
    """A row per line that ran, and how many of the expectations were met."""
    rows = [
        ["ok" if step.ok else "FAILED", step.line.where, step.line.text, step.verdict.actual if step.verdict else ""]
        for step in steps
    ]
    whole = summary(steps, lines)
    met = sum(step.verdict is not None and step.ok for step in steps)
    end = f"{met} of {whole['expectations']} expectations met, {whole['ran']} of {whole['lines']} lines ran\n"
    return (grid(["", "where", "line", "actual"], rows) if rows else "") + end
