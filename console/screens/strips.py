"""The work behind the strips under the weights: charted off the loop once everything rests, shown when it is there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import WorkType

if TYPE_CHECKING:
    from console.landscapes import Charted, Order, Pools, Source
    from console.screens.main import MainScreen
    from console.widgets.landscape_line import Strips

ROOM = 30
"""Lines of the screen from which strips are shown unasked."""


class StripsWork:
    """The strips of one main screen.

    wished  what the user said, None leaves it to the room
    source  the queries that are charted; None until the first use makes it the present query
    """

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self.wished: bool | None = None
        self.source: Source | None = None
        self._charts: dict[str, Charted] = {}
        self._under_way: Order | None = None

    @property
    def shown(self) -> bool:
        return self._screen.size.height >= ROOM if self.wished is None else self.wished

    @property
    def current(self) -> Strips | None:
        """What is to be painted now; None for none. What no longer holds is marked stale."""
        order = self._order() if self.shown and self._charts else None
        if order is None:
            return None
        from console.widgets.landscape_line import Strips

        charts = {path: chart for path, chart in self._charts.items() if path in order.of}
        return Strips(charts, frozenset(path for path, chart in charts.items() if chart.of != order.of[path]))

    def want(self) -> None:
        """Have charted what is not, off the loop; does nothing where everything holds."""
        order = self._order() if self.shown else None
        if order is None or (self._under_way is not None and self._under_way.of == order.of):
            return
        charts = self._charts
        if all(path in charts and charts[path].of == of for path, of in order.of.items()):
            return
        session, source = self._screen.session, self.source
        assert session is not None
        assert source is not None  # else there is no order
        self._under_way = order
        job: WorkType[None] = partial(self._make, order, source.pools(session))
        self._screen.run_worker(job, group="strips", exclusive=True, exit_on_error=False)

    async def _make(self, order: Order, pools: Pools) -> None:
        try:
            charts = await asyncio.to_thread(order.make, pools, lambda: self._under_way is not order)
        except Exception as error:
            self._screen.tell_error(error)
            return
        finally:
            if self._under_way is order:
                self._under_way = None
        self._charts = charts
        self._screen.panes.paint_knobs()

    def _order(self) -> Order | None:
        from console.landscapes import ThisQuery, order_of

        session = self._screen.session
        self.source = self.source or ThisQuery()
        return order_of(session, self.source) if session else None
