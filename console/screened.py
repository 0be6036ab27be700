"""The stage of a script with a screen: the real application, driven without a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual.pilot import Pilot

from console.actions import BY_NAME
from console.launch import Launch
from console.locations import locations
from console.screens.main import REST_S
from console.session import Session
from console.ui import ConsoleApp
from engine.errors import UsageError
from engine.settings.load import Loaded
from engine.trace import Trace

if TYPE_CHECKING:
    from engine.pipeline import Pipeline

_TICK_S = 0.01


class Screened:
    """Plays the lines of a script on the application: keys go through its bindings, actions through its table. A line
    ends when nothing is under way any more and the screen is painted."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[Path]) -> None:
        self._app, self._pilot = app, pilot

    @classmethod
    @asynccontextmanager
    async def open(
        cls, loaded: Loaded, open_index: Callable[[], Pipeline], size: tuple[int, int], data: str = ""
    ) -> AsyncIterator[Screened]:
        """The application, running, with its index open. ``size`` is in columns and lines."""
        index = open_index()  # here, so that what is wrong with it ends the script and not up on the screen
        places = locations()
        app = ConsoleApp(
            Launch(
                loaded,
                lambda: index,
                themes=(places.user_themes,),
                data=data,
                judgments=places.judgments,
                agreements=places.agreements_file,
            )
        )
        app.animation_level = "none"
        async with app.run_test(size=size) as pilot:
            stage = cls(app, pilot)
            while app.main.session is None:
                await pilot.pause(_TICK_S)
            await stage._quiet()
            yield stage

    @property
    def session(self) -> Session:
        session = self._app.main.session
        assert session is not None  # ``open`` waits for it
        return session

    @property
    def trace(self) -> Trace | None:
        return self.session.trace

    @property
    def grades(self) -> Mapping[str, int]:
        return self.session.grades

    async def act(self, verb: str, words: Sequence[str]) -> None:
        """Do what a line says. Raises ``RankscopeError``."""
        main = self._app.main
        match verb:
            case "press":
                await self._pilot.press(*words)
            case "type":
                await self._pilot.press(*" ".join(words))
            case "save" if not words:  # the action asks first
                self.session.save()
                main.paint()
            case _:
                action = BY_NAME[verb]
                if reason := action.when(main.context):
                    raise UsageError(f"{action.title}: {reason}")
                main.deeds.do(verb, words)
        await self._settled()

    async def _settled(self) -> None:
        await self._quiet()
        if self.session.unsettled:
            await self._pilot.pause(REST_S + 2 * _TICK_S)
            await self._quiet()

    async def _quiet(self) -> None:
        await self._pilot.pause()
        while not all(worker.is_finished for worker in self._app.workers):
            await self._pilot.pause(_TICK_S)
        await self._pilot.pause()
