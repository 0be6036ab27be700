"""Tuning over the judged queries: what to turn, the trials as they are made, and what held-out queries say of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker, WorkType

from console.screens.departures import agreed
from console.screens.dialog import Dialog, plain
from console.screens.tuning_text import ABOUT, gathering_text, offer_text, result_text, running_text, step_text
from console.session import METRICS, Session
from console.views_tuning import Wish, cost, data_set, offers
from engine.errors import RankscopeError
from engine.evaluation.tuning.gathering import gather
from engine.evaluation.tuning.reporting import provenance
from engine.evaluation.tuning.space import Space, shown
from engine.evaluation.tuning.tuner import Progress, Tuning, tune
from engine.settings.schema import Settings

FRAME_S = 0.1
STEPS = ("metric", "folds", "trials")

CHOOSING, SEARCHING, TRYING, DONE = range(4)
_KEYS = {
    CHOOSING: "⏎ space choose · ← → change · t begins · esc closes",
    SEARCHING: "esc stops",
    TRYING: "esc stops, and judges what was found by then",
    DONE: "c applies the centre · b the best · s the centre and saves · n again · esc",
}


@dataclass(frozen=True, slots=True)
class Tuned:
    """Settings to put in place as one try, and to save with ``header`` at the head of a new file."""

    values: dict[str, object]
    label: str
    save: bool = False
    header: str = ""


class TuningScreen(Dialog[Tuned]):
    """Gives what to put in place. Searches and trials run beside it; ``tuning`` is what came of them."""

    heading = "Tune"
    keys = _KEYS[CHOOSING]

    DEFAULT_CSS = """
    TuningScreen > #box { width: 100%; max-width: 140; height: 100%; max-height: 100%; }
    TuningScreen Static { height: auto; }
    TuningScreen OptionList { height: auto; max-height: 1fr; margin: 1 0 0 0; }
    TuningScreen #how { color: $text-muted; }
    TuningScreen VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Choose or not", show=False),
        Binding("left", "step(-1)", "The choice before", show=False),
        Binding("right", "step(1)", "The choice after", show=False),
        Binding("t", "begin", "Begin", show=False),
        Binding("c", "take('centre')", "Put the centre in place", show=False),
        Binding("b", "take('best')", "Put the best trial in place", show=False),
        Binding("s", "save", "Put the centre in place, and save", show=False),
        Binding("n", "again", "Tune something else", show=False),
    ]

    def __init__(self, session: Session) -> None:
        """Raises ``SourceError`` where no query has a grade above 0."""
        super().__init__()
        assert session.judgments is not None
        from console.tuning import usual

        self._session = session
        self._settings: Settings = session.settings
        self._data = data_set(session.judgments)
        self._offers = offers(session.settings, frozenset(session.pipeline.store.info.live_knobs))
        possible = {each.name for each in self._offers if not each.reason}
        self.wish = Wish(tuple(name for name in usual(session.settings) if name in possible), session.metric)
        self.state = CHOOSING
        self.tuning: Tuning | None = None
        self._progress: Progress | None = None
        self._searched = (0, 0)
        self._stopped = False
        self._space: Space | None = None
        self._worker: Worker[None] | None = None
        self._drawn: object = None

    # ---- structure

    def body(self) -> ComposeResult:
        yield Static(id="about", markup=False)
        yield OptionList(id="list", markup=False)
        yield plain(ABOUT, id="how")
        with VerticalScroll(can_focus=True):
            yield Static(id="picture", markup=False)

    def on_mount(self) -> None:
        self._enter(CHOOSING)
        self.set_interval(FRAME_S, self._frame)

    def on_resize(self) -> None:
        self._drawn = None
        self.call_after_refresh(self._draw)

    def _enter(self, state: int) -> None:
        self.state = state
        self.show_keys(_KEYS[state])
        options, picture = self.query_one(OptionList), self.query_one(VerticalScroll)
        options.display = self.query_one("#how").display = state == CHOOSING
        picture.display = state != CHOOSING
        (options if state == CHOOSING else picture).focus()
        self._drawn = None
        self._draw()

    @property
    def _width(self) -> int:
        return max(self.query_one("#box").content_size.width - 2, 40)

    # ---- choosing

    def _list(self) -> None:
        options = self.query_one(OptionList)
        at, over, palette, width = options.highlighted, self.wish.over, self.palette, self._width
        lines = [
            Option(offer_text(each, palette, width, chosen=each.name in over), id=each.name, disabled=bool(each.reason))
            for each in self._offers
        ]
        lines += [Option(step_text(name, str(getattr(self.wish, name)), self.palette), id=name) for name in STEPS]
        begin = Option(Text("  ▶ begin", style=self.palette.heading), id="begin")
        options.clear_options()
        options.add_options([*lines, begin])
        options.highlighted = len(lines) if at is None else at

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        match event.option_id:
            case "begin":
                self.action_begin()
            case "metric" | "folds" | "trials":
                self.action_step(1)
            case _:
                self.action_choose()

    @property
    def _highlighted(self) -> str:
        options = self.query_one(OptionList)
        if self.state != CHOOSING or options.highlighted is None:
            return ""
        return options.get_option_at_index(options.highlighted).id or ""

    def action_choose(self) -> None:
        name = self._highlighted
        if name in {each.name for each in self._offers}:
            self.wish = self.wish.toggled(name)
            self._draw()

    def action_step(self, by: int) -> None:
        if (name := self._highlighted) in STEPS:
            self.wish = self.wish.stepped(name, by, METRICS)
            self._draw()

    # ---- the work

    def action_begin(self) -> None:
        if self.state != CHOOSING:
            return
        try:
            self._space = self.wish.space(self._settings)
        except RankscopeError as error:
            self._complain(error)
            return
        self._progress, self.tuning, self._stopped = None, None, False
        self._searched = (0, len(self._data))
        self._enter(SEARCHING)
        job: WorkType[None] = self._work
        self._worker = self.run_worker(job, exit_on_error=False)

    async def _work(self) -> None:
        space, settings = self._space, self._settings
        assert space is not None
        try:
            queries = [item.text for item in self._data.queries]
            if not await agreed(self.app, self._session.pipeline, [settings], queries):
                self._enter(CHOOSING)
                return
            pools = await gather(
                self._session.pipeline, self._data, settings, space, on_progress=lambda *at: self._heard(at)
            )
            self._enter(TRYING)
            self.tuning = await asyncio.to_thread(
                tune, pools, settings, space, self.wish.plan, on_progress=self._tried, stop=lambda: self._stopped
            )
        except Exception as error:
            self._complain(error)
            self._enter(CHOOSING)
            return
        self._enter(DONE)

    def _heard(self, searched: tuple[int, int]) -> None:
        self._searched = searched

    def _tried(self, progress: Progress) -> None:
        """Called in the thread of the trials; the next frame shows it."""
        self._progress = progress

    def _complain(self, error: Exception) -> None:
        hint = getattr(error, "hint", "")
        self.notify(f"{error}\n{hint}" if hint else str(error), title="tune", severity="error")

    # ---- the picture

    def _frame(self) -> None:
        if self.state in (SEARCHING, TRYING):
            self._draw()

    def _draw(self) -> None:
        """Paint the present state, where it is another than the one painted."""
        seen = (self.state, self.wish, self._searched, self._progress, self._width)
        if seen == self._drawn:
            return
        self._drawn = seen
        palette, width = self.palette, self._width
        asked, costs = cost(self._settings, len(self._data))
        about = Text(f"{self._data.name}: {asked}", palette.warning if costs else palette.muted)
        self.query_one("#about", Static).update(Content.from_rich_text(about))
        height = self.query_one(VerticalScroll).size.height or self.size.height - 6
        if self.state == CHOOSING:
            self._list()
        elif self.state == SEARCHING or (self.state == TRYING and self._progress is None):
            self._picture(gathering_text(*self._searched, palette, width))
        elif self.state == TRYING and self._progress is not None and self._space is not None:
            self._picture(running_text(self._progress, self._space, self.wish.metric, palette, width, height))
        elif self.tuning is not None:
            self._picture(result_text(self.tuning, palette, width, height))

    def _picture(self, text: Text) -> None:
        self.query_one("#picture", Static).update(Content.from_rich_text(text))

    # ---- the end

    def action_leave(self) -> None:
        """Stop what runs; else close."""
        if self.state == TRYING:
            self._stopped = True
        elif self.state == SEARCHING:
            assert self._worker is not None
            self._worker.cancel()
            self._enter(CHOOSING)
        else:
            self.dismiss(None)

    def action_again(self) -> None:
        if self.state == DONE:
            self._enter(CHOOSING)

    def action_take(self, which: str) -> None:
        if self.state == DONE and self.tuning is not None:
            self.dismiss(self._tuned(which, save=False))

    def action_save(self) -> None:
        if self.state == DONE and self.tuning is not None:
            self.dismiss(self._tuned("centre", save=True))

    def _tuned(self, which: str, *, save: bool) -> Tuned:
        tuning = self.tuning
        assert tuning is not None
        values = tuning.trials.values(tuning.best if which == "best" else tuning.centre)
        name = "the best trial" if which == "best" else "the plateau's centre"
        header = provenance(tuning, self._data, datetime.now(UTC))
        return Tuned(dict(values), f"tuned, {name}: {shown(values)}", save, header)

    def on_key(self, event: events.Key) -> None:
        """Up and down scroll the picture where it has no room."""
        if self.state != CHOOSING and event.key in ("up", "down"):
            event.stop()
            self.query_one(VerticalScroll).scroll_relative(y=1 if event.key == "down" else -1, animate=False)
