"""What the actions that look closer do on the main screen: strips, why, comparing, tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.screens.main import MainScreen
    from console.session import Session


class LookingDeeds:
    """Methods raise ``RankscopeError``; the screen shows it."""

    screen: MainScreen

    @property
    def session(self) -> Session:
        raise NotImplementedError

    def do_landscape(self) -> None:
        """Switch the strips; on, the weights have to be in view."""
        screen, strips = self.screen, self.screen.strips
        strips.wished = not strips.shown
        if strips.wished and not screen.panes.weights_pane.display:
            screen.perform("weights")
        screen.paint()
        strips.want()
