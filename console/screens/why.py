"""Why one document stands above another: the contributions subtracted, and the single changes that would turn them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import WorkType

from console.numbers import score
from console.palette import Palette
from console.screens.dialog import Dialog
from console.session import Session
from console.views_why import TOP, Account, Followed, Remedy, account, outside, rows_of
from console.widgets.landscape_line import BLOCKS
from console.widgets.lines import bar, fit, pad, width_of
from engine.evaluation.counterfactual import Part, RankCurve
from engine.settings.table import KNOBS
from engine.trace import Trace
from engine.tracking import track

NAME = 16
NUMBER = 8
WIDE = 90
"""Columns from which both documents' own numbers stand beside their difference."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting to put in place as a try."""

    path: str
    value: float
    label: str


class WhyScreen(Dialog[Change]):
    """Gives the change that was chosen. The account is made off the loop."""

    heading = "Why this order"
    keys = "↑↓ ⏎ puts a change in place (u undoes) · pgdn scrolls · esc closes"

    DEFAULT_CSS = """
    WhyScreen > #box { max-width: 120; }
    WhyScreen VerticalScroll { height: auto; scrollbar-size-vertical: 1; }
    WhyScreen #text { height: auto; }
    WhyScreen OptionList { height: auto; margin: 1 0 0 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", "Further down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Further up", show=False, priority=True),
    ]

    def __init__(self, session: Session, document_id: str) -> None:
        """Raises ``UsageError`` where there are no two documents to compare."""
        super().__init__()
        trace = session.trace
        assert trace is not None
        self._session = session
        self._trace: Trace = trace
        self._pinned = session.pinned
        self._rows = rows_of(trace, document_id, session.pinned)
        self._remedies: tuple[Remedy | str, ...] = ()
        self.account: Account | None = None

    def body(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static("finding what would turn them round …", id="text", markup=False)
        yield OptionList(id="list", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).display = False
        job: WorkType[None] = self._work
        self.run_worker(job, exit_on_error=False)

    async def _work(self) -> None:
        try:
            found = await asyncio.to_thread(account, self._trace, self._rows, self._pinned)
            search, settings = self._session.search, self._trace.settings
            if self._pinned and found.followed is None and search is not None:
                found = replace(found, followed=outside(await track(search, settings, self._pinned), settings))
            self.account = found
        except Exception as error:
            self.query_one("#text", Static).update(Content(str(error)))
            return
        self._show()

    def on_resize(self) -> None:
        if self.account is not None:
            self._show()

    def _show(self) -> None:
        found = self.account
        assert found is not None
        width = max(self.query_one("#box").content_size.width - 2, 40)
        self.query_one("#text", Static).update(Content.from_rich_text(account_text(found, self.palette, width)))
        options = self.query_one(OptionList)
        kept = options.highlighted
        self._remedies = tuple(remedies_of(found))
        options.clear_options()
        texts = [remedy_text(each, self.palette, width) for each in self._remedies]
        options.add_options(
            Option(text, disabled=not applies(each)) for text, each in zip(texts, self._remedies, strict=True)
        )
        options.display = bool(self._remedies)
        room = self.rows - 1
        choices = min(sum(text.plain.count("\n") + 1 for text in texts), max(room // 2, 5))
        options.styles.max_height = choices
        self.query_one(VerticalScroll).styles.max_height = room - choices
        first = next((at for at, each in enumerate(self._remedies) if applies(each)), None)
        options.highlighted = first if kept is None else kept
        options.focus()

    def action_page(self, pages: int) -> None:
        shown = self.query_one(VerticalScroll)
        shown.scroll_relative(y=pages * max(shown.size.height - 1, 1), animate=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        chosen = self._remedies[event.option_index]
        if not isinstance(chosen, str) and chosen.value is not None:
            label = f"{chosen.path} {score(chosen.now)}→{score(chosen.value)}: {chosen.does}"
            self.dismiss(Change(chosen.path, chosen.value, label))


def applies(line: Remedy | str) -> bool:
    """Whether the line is a change that can be put in place."""
    return not isinstance(line, str) and line.value is not None


def remedies_of(found: Account) -> Iterator[Remedy | str]:
    """Every single change, those that turn the two round first, under headings."""
    if found.remedies:
        yield "One change that turns them round"
        yield from found.remedies
    if found.followed is not None and found.followed.remedies:
        yield f"One change that helps ★ among the first {TOP}"
        yield from found.followed.remedies


def remedy_text(remedy: Remedy | str, palette: Palette, width: int) -> Text:
    """A heading, or the setting, its value now and then, and what that does: in one line where there is room."""
    text = Text(no_wrap=True)
    if isinstance(remedy, str):
        return text.append(fit(remedy, width), palette.heading)
    name = min(2 * NAME, width - 46)
    broad = name > width_of(remedy.path)
    if remedy.value is None:
        name = name if broad else min(2 * NAME, width - width_of(remedy.does) - 3)
        return text.append(f" ✗ {pad(remedy.path, name)}{fit(remedy.does, width - name - 3)}", palette.absent)
    now, then = _plain(remedy.now), _plain(remedy.value)
    way = "▲" if remedy.value > remedy.now else "▼"
    text.append(f" {way} ", palette.up if remedy.value > remedy.now else palette.down)
    if not broad:
        text.append(fit(remedy.path, width - len(now) - len(then) - 7), palette.text)
        text.append(f" {now} → ", palette.muted).append(then, palette.heading)
        return text.append(f"\n   {fit(remedy.does, width - 3)}", palette.text)
    text.append(pad(remedy.path, name), palette.text)
    text.append(f"{now:>{NUMBER}} → ", palette.muted).append(f"{then:<{NUMBER}}", palette.heading)
    return text.append(fit(remedy.does, width - name - 2 * NUMBER - 7), palette.text)


def _plain(value: float) -> str:
    return f"{value:.6g}"


def account_text(found: Account, palette: Palette, width: int) -> Text:
    """The question, the two-sided chart with its sum, and where the followed document stands along each weight."""
    (above, one), (below, other) = found.above, found.below
    text = Text()
    room = max(width // 2 - 14, 10)
    text.append(f"{above} ", palette.heading).append(fit(one, room), palette.text)
    text.append("  stands above  ", palette.muted)
    text.append(f"{below or '–'} ", palette.heading).append(f"{fit(other, room)}\n", palette.text)
    text.append(f"{sentence(found)}\n\n", palette.muted)
    _chart(text, found, palette, width)
    if found.followed is not None:
        _follow(text, found.followed, palette, width)
    text.rstrip()
    return text


def sentence(found: Account) -> str:
    """The account in words, with what weighs most."""
    parts, (one, other) = found.why.parts, (found.above[1], found.below[1])
    if any(part.below != part.below for part in parts):
        return f"{one} was reranked and {other} was not: what is scored stands first"
    total = sum(part.difference for part in parts)
    if abs(total) < 1e-12:
        return "Their scores are equal: fewer absent legs, then the index's order decide"
    against = [part.name for part in parts if part.difference * total < 0]
    told = f"ahead by {score(abs(total), 4)}, most of it {parts[0].name}"
    if parts[0].difference * total < 0:
        told = f"ahead by {score(abs(total), 4)}, although {parts[0].name} says the opposite"
    elif against:
        told += f", against {' and '.join(against)}"
    return told[0].upper() + told[1:]


def _chart(text: Text, found: Account, palette: Palette, width: int) -> None:
    wide = width >= WIDE
    half = max((width - NAME - (3 if wide else 1) * NUMBER - 1) // 2, 6)
    parts = found.why.parts
    known = [abs(part.difference) for part in parts if part.difference == part.difference]
    total = sum(part.difference for part in parts)
    largest = max([*known, abs(total) if total == total else 0.0, 1e-12])
    text.append(" " * NAME)
    text.append(f"{fit(found.below[1], half - 2):>{half - 2}} ◀", palette.down).append("┼", palette.rule)
    text.append(f"▶ {pad(fit(found.above[1], half - 2), half - 2)}", palette.up)
    text.append(f"{'above':>{NUMBER}}{'below':>{NUMBER}}" if wide else "", palette.muted).append("\n")
    sums = abs(sum(part.above for part in parts) - found.scores[0]) < 1e-6  # a blend puts them on its own scale
    for part in parts:
        values = (part.above, part.below) if sums or len(parts) == 1 else ()
        _bar(text, part, half, largest, palette, palette.text, values if wide else None)
    if len(parts) > 1:
        whole = Part("together", *found.scores)
        _bar(text, whole, half, largest, palette, palette.heading, found.scores if wide else None)


def _bar(
    text: Text,
    part: Part,
    half: int,
    largest: float,
    palette: Palette,
    name: Style,
    values: tuple[float, ...] | None,
) -> None:
    """One line of the chart; ``values`` are shown where there are any, None leaves no room for them."""
    difference = part.difference
    cells = 0.0 if difference != difference else abs(difference) / largest * half
    text.append(pad(part.name, NAME), name)
    if difference < 0:
        blocks = "█" * int(cells) or "▐" * (cells > 0)
        text.append(f"{blocks:>{half}}", palette.down).append("│", palette.rule).append(" " * half)
    else:
        text.append(" " * half).append("│", palette.rule).append(f"{bar(cells):<{half}}", palette.up)
    if values is not None:
        text.append("".join(f"{score(value):>{NUMBER}}" for value in values) or " " * 2 * NUMBER, palette.muted)
    apart = "" if difference != difference else f"{'+' if difference > 0 else ''}{score(difference)}"
    text.append(f"{apart:>{NUMBER}}\n", palette.up if difference > 0 else palette.down)


def _follow(text: Text, followed: Followed, palette: Palette, width: int) -> None:
    text.append("\n★ ", palette.pinned).append(fit(followed.title, width - 40), palette.text)
    place = f" stands at {followed.rank}" if followed.rank else " is not in the list"
    text.append(f"{place}{'; along each weight:' if followed.curves else ''}\n", palette.muted)
    room = max(width - NAME - 30, 10)
    for curve in followed.curves:
        text.append(pad(curve.path.removeprefix("weights."), NAME), palette.text)
        _curve(text, curve, room, palette)
    for hurdle in followed.hurdles:
        text.append(" ✗ ", palette.warning).append(f"{fit(hurdle.text, width - 4)}\n", palette.text)


def _curve(text: Text, curve: RankCurve, room: int, palette: Palette) -> None:
    """The rank at each place of the slider's track, the first the highest; the first ten stand out."""
    low, high = track_of(curve)
    here = round((curve.current - low) / (high - low) * (room - 1))
    ranks = [curve.at(low + (high - low) * cell / (room - 1)) for cell in range(room)]
    for cell, place in enumerate(ranks):
        style = palette.up if 0 < place <= TOP else palette.muted
        text.append(*(("┃", palette.heading) if cell == here else (rank_block(place), style)))
    ranked = [place for place in ranks if place]
    span = f"{min(ranked)}–{max(ranked)}" if ranked else "never ranked"
    text.append(f"  {span}, now {curve.at(curve.current) or '–'}\n", palette.muted)


def track_of(curve: RankCurve) -> tuple[float, float]:
    """Where the slider of the curve's weight begins and ends."""
    kind = curve.path.partition(".")[0]
    knob = KNOBS.get(curve.path) or KNOBS[f"{kind}.*{'.weight' if kind == 'features' else ''}"]
    return min(0.0, curve.current), max(knob.slider or knob.maximum or 1.0, curve.current)


def rank_block(place: int) -> str:
    """A rank as a block, in doublings: 1 is the tallest, 64 and beyond the least; ``·`` for none."""
    if not place:
        return "·"
    return BLOCKS[max(len(BLOCKS) - place.bit_length(), 0)]
