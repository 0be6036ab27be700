"""What the actions about production engines do on the main screen: connect, export, the engine's own fusion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UsageError

if TYPE_CHECKING:
    from console.screens.main import MainScreen
    from console.session import Session


class ExportingDeeds:
    """Methods raise ``RankscopeError``; the screen shows it."""

    screen: MainScreen

    @property
    def session(self) -> Session:
        raise NotImplementedError

    def do_connect(self, url: str = "") -> None:
        """Propose settings for an index of an engine; the console goes on with them."""
        from console.locations import locations
        from console.screens.connect import ConnectScreen

        screen = self.screen
        loaded = screen.session.loaded if screen.session else screen.launch.loaded

        def done(file: Path | None) -> None:
            if file is None:
                return
            if screen.session is not None and screen.session.dirty:
                screen.tell(f"wrote {file} · s saves the settings here, then: rankscope -c {file}", "warning")
            else:
                screen.app.exit(file)

        screen.app.push_screen(ConnectScreen(loaded, locations(), url), done)

    def do_export(self, target: str = "") -> None:
        """Pick a target, look, copy or save."""
        from console.exporting import behind, wish_of
        from console.screens.export import ExportScreen
        from engine.export.given import given_of
        from engine.export.registry import TARGETS

        if target and target not in TARGETS:
            raise UsageError(f"export {target}: there is no such target", hint=f"there are {', '.join(TARGETS)}")
        session = self.session
        shape, version = behind(session.pipeline.store)
        bare = wish_of(session.settings, session.loaded.base_dir, version, None, shape)
        wish = None
        if session.search is not None and session.trace is not None and len(session.trace.pool):
            given = given_of(session.search, session.trace)
            wish = wish_of(session.settings, session.loaded.base_dir, version, given, shape)

        def done(said: str | None) -> None:
            if said:
                self.screen.tell(said, "success")

        self.screen.app.push_screen(ExportScreen(bare, wish, target), done)

    def do_native(self) -> None:
        """The engine's own fusion beside ours."""
        from console.screens.native import NativeScreen

        session = self.session
        if session.search is None or session.trace is None:
            raise UsageError("there is no query yet")
        store = session.pipeline.store
        self.screen.app.push_screen(NativeScreen(session.search, session.trace, store, session.loaded.base_dir))
