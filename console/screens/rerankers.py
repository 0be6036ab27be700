"""Rerankers: what can be used, what each suits and costs; one is picked, or several are marked and compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from msgspec.structs import replace
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from console.cascades import cascade_text, with_stage, without_stage
from console.rerankers import RerankerRow, matching
from console.screens.dialog import Dialog
from console.session import Session
from console.text import clean
from console.views_rerankers import about_text, heading_text, line_text
from engine.errors import SettingsError
from engine.settings.schema import RerankSettings, Settings

MOST = 4
"""Rerankers that are compared at once."""
LOW = 20
"""Lines of a terminal below which the list takes a line of what stands under it."""


@dataclass(frozen=True, slots=True)
class Picked:
    """Settings to put in place as one try, by name or whole; or, of several ``rerankers``, to compare them."""

    values: Mapping[str, object]
    label: str = ""
    rerankers: tuple[RerankSettings, ...] = ()
    settings: Settings | None = None


class FindLine(Input):
    """Words to find; space and plus are left to the screen, which marks and adds a stage by them."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key not in ("space", "plus") and super().check_consume_key(key, character)


class RerankerScreen(Dialog[Picked]):
    """Gives what was picked. Asks nothing of any service."""

    heading = "Rerankers"
    keys = "type finds · ←→ model · space marks · + stage · ⏎ uses · esc closes"

    DEFAULT_CSS = """
    RerankerScreen > #box { height: 90%; max-width: 140; }
    RerankerScreen OptionList, RerankerScreen OptionList:focus {
        height: 1fr; max-height: 1fr; text-wrap: nowrap; text-overflow: ellipsis;
    }
    RerankerScreen #more { border-top: solid $border-blurred; height: 5; }
    RerankerScreen.-low #more { height: 4; }
    RerankerScreen #answer { display: none; }
    RerankerScreen #answer.-asked { display: block; }
    RerankerScreen #find { display: none; }
    RerankerScreen #find.-asked { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", show=False),
        Binding("space", "mark", "Mark", show=False, priority=True),
        Binding("left", "model(-1)", "The model before", show=False),
        Binding("right", "model(1)", "The next model", show=False),
        Binding("c", "compare", "Compare the marked", show=False),
        Binding("plus", "add_stage", "A further stage", show=False, priority=True),
        Binding("minus", "remove_stage", "Without the last stage", show=False),
    ]

    def __init__(
        self, session: Session, rows: tuple[RerankerRow, ...], latest: Mapping[tuple[str, str], float]
    ) -> None:
        """``latest`` is milliseconds of the last answer by provider and model."""
        super().__init__()
        self._session, self._latest = session, latest
        self._rows = {row.id: row for row in rows}
        self._models = {row.id: row.model for row in rows}
        self._addresses: dict[str, str] = {}
        self._marked: list[str] = []
        self._shown: list[str] = []
        self._problem = ""

    # ---- structure

    def body(self) -> ComposeResult:
        yield FindLine(placeholder="a name, a model, a language …", id="find", select_on_focus=False)
        yield Static(id="columns", markup=False)
        yield OptionList(id="list", markup=False)
        yield Static(id="more", markup=False)
        yield Input(id="answer")

    def on_mount(self) -> None:
        self._fill("")
        self.query_one(OptionList).focus()

    def on_resize(self) -> None:
        self.set_class(self.size.height < LOW, "-low")
        self.call_after_refresh(self._repaint)

    def _fill(self, text: str) -> None:
        shown = self.query_one(OptionList)
        shown.clear_options()
        rows = matching(tuple(self._rows.values()), text)
        self._shown = [row.id for row in rows]
        shown.add_options(self._options(rows, text))
        now = self._now
        if now in self._shown and not text:
            shown.highlighted = shown.get_option_index(now)
        else:
            shown.action_first()

    def _options(self, rows: list[RerankerRow], text: str) -> Iterator[Option]:
        """The rows under their headings; of those that were found, without."""
        group = ""
        for row in rows:
            if row.group != group and not text:
                group = row.group
                yield Option(Text(str(group), style=self.palette.heading), disabled=True)
            yield Option(self._line(row), id=row.id)
        if not rows:
            yield Option(Text("no reranker has these words", style=self.palette.muted), disabled=True)

    @property
    def _now(self) -> str:
        """The row of the reranker that the settings have."""
        rerank = self._session.settings.rerank
        names = (f"{rerank.provider}/{rerank.model}", rerank.provider)
        return next((name for name in names if name in self._rows), "")

    @property
    def _row(self) -> RerankerRow | None:
        """The row under the cursor."""
        shown = self.query_one(OptionList)
        option = shown.get_option_at_index(shown.highlighted) if shown.highlighted is not None else None
        return self._rows.get(option.id or "") if option else None

    # ---- painting

    @property
    def _width(self) -> int:
        return max(self.query_one(OptionList).scrollable_content_region.width - 2, 40)

    def _repaint(self) -> None:
        shown = self.query_one(OptionList)
        heading = heading_text(self.palette, self._width)
        self.query_one("#columns", Static).update(Content.from_rich_text(heading))
        for name in self._shown:
            shown.replace_option_prompt(name, self._line(self._rows[name]))
        self._tell()
        self._foot()

    def on_descendant_focus(self) -> None:
        self._foot()

    def _foot(self) -> None:
        marked = ", ".join(clean(name) for name in self._marked)
        how = "esc, then c compares them" if isinstance(self.focused, Input) else "c compares them"
        self.show_keys(f"✓ {marked} · {how}" if marked else type(self).keys)

    def _line(self, row: RerankerRow) -> Text:
        mark = "✓" if row.id in self._marked else "●" if row.id == self._now else " "
        return line_text(row, self._models[row.id], mark, self._last(row), self.palette, self._width)

    def _last(self, row: RerankerRow) -> float:
        return self._latest.get((row.name, self._models[row.id]), math.nan)

    def _tell(self) -> None:
        row = self._row
        text = Text() if row is None else about_text(row, self._models[row.id], self.palette)
        if stages := cascade_text(self._session.settings):
            text = Text(f"cascade: {stages} · - drops the last\n", self.palette.accent).append_text(text)
        if self._problem:
            text = Text(self._problem, self.palette.error).append("\n").append_text(text)
        self.query_one("#more", Static).update(Content.from_rich_text(text))

    def on_option_list_option_highlighted(self, _: OptionList.OptionHighlighted) -> None:
        self._problem = ""
        self._tell()

    # ---- finding

    def action_find(self) -> None:
        self._find("")

    def _find(self, beginning: str) -> None:
        line = self.query_one("#find", Input)
        line.add_class("-asked")
        line.focus()
        line.insert_text_at_cursor(beginning)

    def on_key(self, event: events.Key) -> None:
        """Letters begin to find, but for c once something is marked; the list follows the arrows meanwhile."""
        if self._asking or (event.key == "c" and self._marked and not isinstance(self.focused, Input)):
            return
        finding = isinstance(self.focused, Input)
        coming = self.query_one("#find").has_class("-asked")  # keys of a burst are faster than the focus
        moves = {"down": "cursor_down", "up": "cursor_up", "pagedown": "page_down", "pageup": "page_up"}
        if finding and event.key in moves:
            getattr(self.query_one(OptionList), f"action_{moves[event.key]}")()
        elif not finding and event.is_printable and event.character and (coming or event.character.isalnum()):
            self._find(event.character)
        else:
            return
        event.prevent_default()
        event.stop()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "find":
            self._fill(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "find":
            self.query_one(OptionList).action_select()
        else:
            self._answered(event.value.strip())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is typed its keys are its own; a space still marks, and a plus adds a stage."""
        if isinstance(self.focused, Input):
            return action == "leave" or (action in ("mark", "add_stage") and not self._asking)
        return action != "remove_stage" or not self.query_one("#find").has_class("-asked")

    def action_leave(self) -> None:
        if self._asking:
            self.query_one("#answer", Input).remove_class("-asked")
        elif isinstance(self.focused, Input):
            self.focused.remove_class("-asked")
            self.focused.value = ""
        else:
            self.dismiss(None)
            return
        self.query_one(OptionList).focus()

    # ---- choosing

    def action_model(self, by: int) -> None:
        row = self._row
        if row is None or len(row.models) < 2:
            return
        at = row.models.index(self._models[row.id]) if self._models[row.id] in row.models else 0
        self._models[row.id] = row.models[(at + by) % len(row.models)]
        self._repaint()

    def action_mark(self) -> None:
        row = self._row
        if row is None:
            return
        if row.id in self._marked:
            self._marked.remove(row.id)
        elif self._lacks(row):
            self._say(f"{row.name}: {row.missing}")
        elif len(self._marked) == MOST:
            self._say(f"at most {MOST} are compared at once")
        else:
            self._marked.append(row.id)
        self._repaint()

    def action_compare(self) -> None:
        if len(self._marked) < 2:
            self._say("space marks another one, then c compares them")
            return
        rerank = self._session.settings.rerank
        self.dismiss(Picked({}, "", tuple(self._settings(self._rows[name], rerank) for name in self._marked)))

    def action_add_stage(self) -> None:
        """The reranker under the cursor over the best of what is reranked now."""
        row = self._row
        if row is None:
            return
        if self._lacks(row):
            self._say(f"{row.name}: {row.missing}")
            return
        try:
            settings, name = with_stage(self._session.settings, self._values(row))
        except SettingsError as error:
            self._say(error.message)
            return
        self.dismiss(Picked({}, f"further stage {name}", settings=settings))

    def action_remove_stage(self) -> None:
        settings, name = without_stage(self._session.settings)
        if name:
            self.dismiss(Picked({}, f"without stage {name}", settings=settings))
        else:
            self._say("there is no further stage: + adds one")

    def _settings(self, row: RerankerRow, now: RerankSettings) -> RerankSettings:
        values = {path.removeprefix("rerank."): value for path, value in self._values(row).items()}
        return replace(now, cascade={}, **values)

    def _values(self, row: RerankerRow) -> dict[str, object]:
        return row.values(self._models[row.id], self._addresses.get(row.id, ""))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._pick(self._rows[event.option_id or ""])

    def _pick(self, row: RerankerRow) -> None:
        """Use it; where an address or a model's name is all that it lacks, ask for that first."""
        if not self._lacks(row):
            model = self._models[row.id]
            self.dismiss(Picked(self._values(row), f"reranker {row.name}{f' {model}' if model else ''}"))
        elif row.asks:
            self._ask(f"address of {row.label}, as in http://localhost:8080" if self._lacks_address(row) else "model")
        else:
            self._say(f"{row.name}: {row.missing}")

    def _lacks(self, row: RerankerRow) -> bool:
        """Whether it cannot be asked, with what was typed here."""
        typed = row.id in self._addresses or bool(self._models[row.id])
        if row.asks == "rerank.base_url":
            return self._lacks_address(row) or (row.needs_model and not self._models[row.id])
        return bool(row.missing) and not (row.asks and typed)

    def _lacks_address(self, row: RerankerRow) -> bool:
        return row.asks == "rerank.base_url" and row.id not in self._addresses

    @property
    def _asking(self) -> bool:
        """Whether an address or a model's name is being typed."""
        return self.query_one("#answer", Input).has_class("-asked")

    def _ask(self, what: str) -> None:
        line = self.query_one("#answer", Input)
        line.placeholder, line.value = what, ""
        line.add_class("-asked")
        line.focus()

    def _answered(self, text: str) -> None:
        row = self._row
        if row is None or not text:
            return
        if self._lacks_address(row):
            self._addresses[row.id] = text
        else:
            self._models[row.id] = text
        self.action_leave()
        self._repaint()
        self._pick(row)

    def _say(self, problem: str) -> None:
        self._problem = problem
        self._tell()
