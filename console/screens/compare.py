"""Two tries, or settings files, side by side on the present query: both final lists, what moved, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from console.messages import CursorMoved
from console.numbers import score
from console.palette import Palette
from console.screens.dialog import Dialog
from console.session import Session, shown
from console.text import clean
from console.views_compare import AFTER, BEFORE, Comparison, Contender, compare, contenders, from_file, values_of
from console.widgets.flow import Flow
from console.widgets.lines import fit, pad
from console.widgets.result_list import ResultList, moved
from engine.errors import RankscopeError
from engine.evaluation.compare import Move

NAME = 34


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings to put in place as one try."""

    values: dict[str, object]
    label: str


class CompareScreen(Dialog[Choice]):
    """Gives the side that was chosen. Ranks what is here; asks nothing."""

    heading = "Compare"
    keys = "tab side · [ ] other try · o file · x swap · ⏎ puts in place · esc closes"

    DEFAULT_CSS = """
    CompareScreen > #box { width: 100%; max-width: 100%; height: 100%; max-height: 100%; }
    CompareScreen #agreement, CompareScreen #both Static { height: 1; }
    CompareScreen #both { height: 1fr; }
    CompareScreen #both Vertical { width: 1fr; }
    CompareScreen Flow { width: 12; }
    CompareScreen.-narrow Flow { width: 6; }
    CompareScreen #below { height: 11; margin: 1 0 0 0; }
    CompareScreen.-narrow #below { height: 6; }
    CompareScreen #below Static { width: 1fr; height: 100%; }
    CompareScreen Input { display: none; }
    CompareScreen Input.-asked { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,shift+tab,left,right", "side", "The other side", show=False, priority=True),
        Binding("left_square_bracket", "step(-1)", "The try before", show=False),
        Binding("right_square_bracket", "step(1)", "The try after", show=False),
        Binding("x", "swap", "Swap the sides", show=False),
        Binding("o", "file", "A settings file", show=False),
        Binding("enter", "apply", "Put this side in place", show=False),
    ]

    def __init__(self, session: Session, before: str = "", after: str = "") -> None:
        """``before`` and ``after`` name a side: ``saved``, the number of a try, or a file; '' takes what is most
        useful. Raises ``RankscopeError`` for a file that cannot be read."""
        super().__init__()
        self._session = session
        self._known = contenders(session)
        now = next(at for at, each in enumerate(self._known) if each.name.endswith("now"))
        self._sides = [self._named(before, 0), self._named(after, now)]
        self._side = 1
        self._version = 0
        self.comparison: Comparison | None = None
        self._lists = [ResultList(name) for name in (BEFORE, AFTER)]

    def _named(self, name: str, otherwise: int) -> int:
        """The place of a contender among the known."""
        if not name:
            return otherwise
        for at, each in enumerate(self._known):
            if each.name.split(" · ")[0] in (name, f"try {name}"):
                return at
        self._known.append(from_file(Path(name)))
        return len(self._known) - 1

    # ---- structure

    def body(self) -> ComposeResult:
        yield Static(id="agreement", markup=False)
        yield Input(placeholder="a settings file", id="file")
        with Horizontal(id="both"):
            yield Vertical(Static(id="name-before", markup=False), self._lists[0])
            yield Flow(*self._lists)
            yield Vertical(Static(id="name-after", markup=False), self._lists[1])
        with Horizontal(id="below"):
            yield Static(id="differences", markup=False)
            yield Static(id="moves", markup=False)

    def on_mount(self) -> None:
        for each in self._lists:
            self.watch(each, "scroll_y", self._redraw, init=False)
        self._lists[self._side].focus()
        self._compare()

    def _redraw(self) -> None:
        self.query_one(Flow).refresh()

    def on_resize(self) -> None:
        self.set_class(self.size.width < 110 or self.size.height < 32, "-narrow")
        if self.comparison is not None:
            self.call_after_refresh(self._show)

    # ---- what it shows

    def _contender(self, side: int) -> Contender:
        return self._known[self._sides[side]]

    def _compare(self) -> None:
        self._version += 1
        try:
            self.comparison = compare(self._session, self._contender(0), self._contender(1), self._version)
        except RankscopeError as error:
            self.query_one("#agreement", Static).update(Content(f"{error.message} · {error.hint}"))
            return
        cursor = self._lists[1].cursor_id
        for widget, view in zip(self._lists, self.comparison.lists, strict=True):
            widget.show(view, cursor or view.id_at(0), self._session.pinned)
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        found, palette = self.comparison, self.palette
        assert found is not None
        for side, name in enumerate((BEFORE, AFTER)):
            self._put(f"#name-{name}", self._name_text(side, self.query_one(f"#name-{name}").size.width))
        self._put("#agreement", agreement_text(found, palette))
        width = max(self.query_one("#differences").size.width - 1, 20)
        height = self.query_one("#below").size.height
        self._put("#differences", differences_text(found, palette, width, height))
        self._put("#moves", moves_text(found, palette, width, height))
        self._redraw()

    def _put(self, selector: str, text: Text) -> None:
        self.query_one(selector, Static).update(Content.from_rich_text(text))

    def _name_text(self, side: int, width: int) -> Text:
        palette, contender = self.palette, self._contender(side)
        chosen = side == self._side
        text = Text(no_wrap=True)
        text.append("▌" if chosen else " ", palette.accent)
        text.append(f"{'AB'[side]} {contender.name} ", palette.heading if chosen else palette.text)
        return text.append(fit(clean(contender.about), max(width - len(contender.name) - 5, 0)), palette.muted)

    # ---- what the keys do

    def on_cursor_moved(self, message: CursorMoved) -> None:
        for each in self._lists:
            each.point_at(message.id)
        self._redraw()

    def action_side(self) -> None:
        self._side = 1 - self._side
        self._lists[self._side].focus()
        self._show()

    def on_descendant_focus(self) -> None:
        if self.focused in self._lists and self.focused is not self._lists[self._side]:
            self._side = self._lists.index(self.focused)
            self._show()

    def action_step(self, by: int) -> None:
        self._sides[self._side] = (self._sides[self._side] + by) % len(self._known)
        self._compare()

    def action_swap(self) -> None:
        self._sides.reverse()
        self._compare()

    def action_file(self) -> None:
        line = self.query_one(Input)
        line.add_class("-asked")
        line.focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        try:
            self._sides[self._side] = self._named(message.value.strip(), self._sides[self._side])
        except RankscopeError as error:
            self.notify(f"{error.message}\n{error.hint}", title=message.value, severity="error")
            return
        self._close_file()
        self._compare()

    def _close_file(self) -> None:
        self.query_one(Input).remove_class("-asked")
        self._lists[self._side].focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a file is typed its keys are its own."""
        return action == "leave" or not isinstance(self.focused, Input)

    def action_leave(self) -> None:
        if isinstance(self.focused, Input):
            self._close_file()
        else:
            self.dismiss(None)

    def action_apply(self) -> None:
        chosen = self._contender(self._side)
        values = values_of(self._session.settings, chosen.settings)
        if values:
            self.dismiss(Choice(values, f"as {chosen.name}"))
        else:
            self.notify("These settings hold already.", title=chosen.name)


def agreement_text(found: Comparison, palette: Palette) -> Text:
    """How much the first ten agree, the metric of both, and what one side has not asked yet."""
    final = found.sides.final
    text = Text(no_wrap=True)
    if not found.sides.differences:
        return text.append(" the same settings · [ and ] go to other tries", palette.warning)
    for sentence in found.missing:  # first: what follows does not hold without it
        text.append(f" {sentence}  · ", palette.warning)
    text.append(" first 10: ", palette.muted)
    text.append(f"RBO {score(final.rbo, 2)}  τ {score(final.tau, 2)}", palette.text)
    text.append(
        f"  {len(final.entered)} enter, {len(final.left)} leave", palette.text if final.moves else palette.muted
    )
    if found.measures:
        one, other = found.measures
        role = "up" if other > one else "down" if other < one else "muted"
        text.append(f"  ·  {found.metric} {score(one, 3)} → {score(other, 3)}", palette.tone(role))
    return text


def differences_text(found: Comparison, palette: Palette, width: int, height: int) -> Text:
    """The settings that differ, from A to B."""
    text = Text(no_wrap=True)
    text.append("Settings that differ\n", palette.heading)
    every = found.sides.differences
    room = height - 1 if len(every) < height else height - 2
    name = min(NAME, max(width - 20, 12))
    for each in every[:room]:
        values = [fit(clean("–" if value is None else shown(value)), 18) for value in (each.before, each.after)]
        text.append(f" {pad(each.path, name)} ", palette.text).append(values[0], palette.down)
        text.append(" → ", palette.muted).append(f"{values[1]}\n", palette.up)
    if len(every) > room:
        text.append(f" and {len(every) - room} more\n", palette.muted)
    text.rstrip()
    return text


def moves_text(found: Comparison, palette: Palette, width: int, height: int) -> Text:
    """Who enters, who leaves, and who moves most among the first ten."""
    text = Text(no_wrap=True)
    text.append("Who moves in the first 10\n", palette.heading)
    moves = found.sides.final.moves
    if not moves:
        return text.append(" nobody: both begin with the same list", palette.muted)
    for move in moves[: height - 1]:
        mark, role = _marked(move)
        text.append(f" {mark:<7}", palette.tone(role))
        text.append(f"{move.before or '–':>4} → {move.after or '–':<4} ", palette.muted)
        text.append(f"{fit(clean(found.titles.get(move.id, move.id)), max(width - 21, 8))}\n", palette.text)
    text.rstrip()
    return text


def _marked(move: Move) -> tuple[str, str]:
    match inside(move.before), inside(move.after):
        case False, True:
            return "enters", "up"
        case True, False:
            return "leaves", "down"
    return moved(move.before - move.after), "up" if move.kind == "up" else "down"


def inside(rank: int) -> bool:
    return 0 < rank <= 10
