"""Choosing by value: how many of a query's matches have which value of a field, and a filter of those that are chosen.

It stands beside the lists, or below them where there is no room: what is chosen there moves them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import WorkType

from console.facets import SHOWN, Facet, Filters, Value, facets, filter_text, toggled
from console.numbers import count
from console.palette import Palette
from console.screens.dialog import Dialog
from console.session import Session
from console.widgets.lines import bar, pad, width_of
from engine.analysis.display import clean
from engine.errors import RankscopeError

BESIDE = 110
"""Columns from which it stands beside the lists."""
BAR, LONG = 10, 36
NONE = "(empty)"


class FacetScreen(Dialog[None]):
    """``choose`` puts a filter in place, ``undo`` takes the last change back; both at once, while this stays."""

    heading = "Filter · documents that match, by value"
    keys = "⏎ chooses · / finds · ⌫ all again · u undoes · esc closes"

    AUTO_FOCUS = "#list"

    DEFAULT_CSS = """
    FacetScreen { align: right bottom; background: transparent; }
    FacetScreen > #box { width: 46; max-width: 100%; max-height: 88%; }
    FacetScreen.-below { align: center bottom; }
    FacetScreen.-below > #box { width: 100%; max-height: 60%; }
    FacetScreen Static { height: auto; }
    FacetScreen OptionList, FacetScreen OptionList:focus { text-wrap: nowrap; text-overflow: ellipsis; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find a value", show=False),
        Binding("space", "choose", "Choose or not", show=False),
        Binding("backspace,delete", "clear", "Without a filter", show=False),
        Binding("u,ctrl+z", "undo", "Take the last change back", show=False),
        Binding("f", "leave", "Close", show=False),
    ]

    def __init__(self, session: Session, choose: Callable[[Filters, str], None], undo: Callable[[], None]) -> None:
        super().__init__()
        self._session, self._choose, self._undo = session, choose, undo
        self._facets: tuple[Facet, ...] = ()
        self._unfolded: set[str] = set()
        self._choices: list[tuple[str, str | None]] = []

    def body(self) -> ComposeResult:
        find = Input(placeholder="a part of the value", id="find")
        find.display = False
        yield find
        yield Static("counting …", id="said", markup=False)
        yield OptionList(id="list", markup=False)

    def on_mount(self) -> None:
        self._count()

    def on_resize(self) -> None:
        self.set_class(self.size.width < BESIDE, "-below")
        self.call_after_refresh(self._paint)

    # ---- counting

    def _count(self) -> None:
        job: WorkType[None] = self._counted
        self.run_worker(job, group="facets", exclusive=True, exit_on_error=False)

    async def _counted(self) -> None:
        try:
            self._facets = self._in_place(await facets(self._session))
        except RankscopeError as error:
            self._say(f"{error.message}\n{error.hint}" if error.hint else error.message)
            return
        self._say("" if self._facets else "No field has a value that several of the documents found share.")
        self._paint()

    def _in_place(self, found: tuple[Facet, ...]) -> tuple[Facet, ...]:
        """The fields where they stand already, whatever a choice makes of their counts; new ones behind."""
        places = {facet.field: place for place, facet in enumerate(self._facets)}
        return tuple(sorted(found, key=lambda facet: places.get(facet.field, len(places))))

    def _say(self, text: str) -> None:
        said = self.query_one("#said", Static)
        said.display = bool(text)
        said.update(Content(clean(text)))

    # ---- painting

    def _paint(self) -> None:
        """The list afresh, the cursor on the value that it is on."""
        shown = self.query_one(OptionList)
        at, before = shown.highlighted, self._chosen
        shown.styles.max_height = max(self.rows - self.query_one("#find").display, 3)
        self._choices = []
        shown.clear_options()
        shown.add_options(list(self._options(max(self.query_one("#box").content_size.width - 1, 20))))
        places = [option.id for option in shown.options]
        same = next((place for place, name in enumerate(places) if name and before == self._choices[int(name)]), None)
        shown.highlighted = same if same is not None else at
        if shown.highlighted is None or shown.get_option_at_index(shown.highlighted).disabled:
            shown.action_first()
        if not self.query_one("#find").has_focus:
            shown.focus()

    def _options(self, width: int) -> Iterator[Option]:
        part = self.query_one("#find", Input).value.strip().casefold()
        for facet in self._facets:
            named = [value for value in facet.values if part in value.text.casefold()]
            shown = [value for place, value in enumerate(named) if place < SHOWN or value.chosen]
            if not named:
                continue
            if part or facet.field in self._unfolded or len(shown) + 1 == len(named):
                shown = named
            yield Option(Text(clean(facet.field), style=self.palette.heading), disabled=True)
            largest = max(value.count for value in facet.values)
            for value in shown:
                yield Option(value_text(value, largest, self.palette, width), id=self._name_of(facet.field, value.text))
            if more := len(named) - len(shown):
                text = f"   {more}{' or more' if facet.partial else ''} further values"
                yield Option(Text(text, style=self.palette.muted), id=self._name_of(facet.field, None))

    def _name_of(self, field: str, value: str | None) -> str:
        """A name for the option of a value; None is the one that unfolds the field."""
        self._choices.append((field, value))
        return str(len(self._choices) - 1)

    @property
    def _chosen(self) -> tuple[str, str | None] | None:
        option = self.query_one(OptionList).highlighted_option
        return self._choices[int(option.id)] if option is not None and option.id else None

    # ---- keys

    def on_input_changed(self, _: Input.Changed) -> None:
        self._paint()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        field, value = self._choices[int(event.option_id or 0)]
        if value is None:
            self._unfolded.add(field)
            self._paint()
            return
        filters = toggled(self._session.settings.filter, field, value)
        self._filter(filters, f"filter {filter_text(filters)}" if filters else "no filter")

    def _filter(self, filters: Filters, label: str) -> None:
        self._choose(filters, label)
        self._count()

    def action_choose(self) -> None:
        self.query_one(OptionList).action_select()

    def action_clear(self) -> None:
        if self._session.settings.filter:
            self._filter({}, "no filter")

    def action_undo(self) -> None:
        self._undo()
        self._count()

    def action_find(self) -> None:
        find = self.query_one("#find", Input)
        find.display = True
        self.set_focus(find)  # at once: the keys behind this one are for it

    def action_leave(self) -> None:
        """Out of the words that are looked for, else of the screen."""
        find = self.query_one("#find", Input)
        if find.display:
            find.display = False
            find.value = ""
            self.query_one(OptionList).focus()
        else:
            self.dismiss(None)


def value_text(value: Value, largest: int, palette: Palette, width: int) -> Text:
    """One value: whether it is chosen, its text, and how many documents have it."""
    number = count(value.count)
    text = Text(no_wrap=True)
    text.append(" ✓ " if value.chosen else "   ", palette.success)
    room = max(BAR, width - LONG - 11)
    name = max(width - room - 11, 6)
    shown = pad(clean(value.text, newlines=False) or NONE, name)
    text.append(f"{shown} ", palette.heading if value.chosen else palette.text)
    cells = bar(value.count / largest * room if largest else 0)
    return text.append(cells + " " * (room - width_of(cells)), palette.accent).append(f"{number:>7}", palette.muted)
