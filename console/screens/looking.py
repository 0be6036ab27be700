"""What the actions that look closer do on the main screen: strips, why, comparing, tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.screens.compare import Choice
    from console.screens.main import MainScreen
    from console.screens.tuning import Tuned
    from console.screens.why import Change
    from console.session import Session
    from engine.settings.save import SaveResult


class LookingDeeds:
    """Methods raise ``RankscopeError``; the screen shows it."""

    screen: MainScreen

    @property
    def session(self) -> Session:
        raise NotImplementedError

    def _saved(self, result: SaveResult | None) -> None:
        raise NotImplementedError

    def do_landscape(self) -> None:
        """Switch the strips; on, the weights have to be in view."""
        screen, strips = self.screen, self.screen.strips
        strips.wished = not strips.shown
        if strips.wished and not screen.panes.weights_pane.display:
            screen.perform("weights")
        screen.paint()
        strips.want()

    # ---- why

    def do_why(self, document_id: str = "") -> None:
        from console.screens.why import WhyScreen

        screen = WhyScreen(self.session, document_id or self.screen.cursor_id)
        self.screen.app.push_screen(screen, self._change)

    def _change(self, change: Change | None) -> None:
        """Put the chosen change in place as one try."""
        if change is not None:
            self.screen.attempt(lambda: self._apply({change.path: change.value}, change.label))

    def _apply(self, values: Mapping[str, object], label: str) -> None:
        self.session.change(values, label)
        self.session.rest()
        self.screen.turned()
        self.screen.tell(f"{label} · u undoes", "success")

    # ---- comparing

    def do_compare(self, before: str = "", after: str = "") -> None:
        from console.screens.compare import CompareScreen

        self.screen.app.push_screen(CompareScreen(self.session, before, after), self._choose_side)

    def _choose_side(self, choice: Choice | None) -> None:
        if choice is not None:
            self.screen.attempt(lambda: self._apply(choice.values, choice.label))

    # ---- tuning

    def do_tune(self) -> None:
        from console.screens.tuning import TuningScreen

        self.screen.app.push_screen(TuningScreen(self.session), self._tuned)

    def _tuned(self, tuned: Tuned | None) -> None:
        if tuned is None:
            return
        self.screen.attempt(lambda: self._apply(tuned.values, tuned.label))
        if tuned.save:
            self.screen.attempt(lambda: self._save(tuned.header))

    def _save(self, header: str) -> None:
        from console.screens.save import SaveScreen

        self.screen.app.push_screen(SaveScreen(self.session, header=header), self._saved)
