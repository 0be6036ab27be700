"""Several rerankers on the present query side by side: lists as they come, how far they agree, what each took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar

from msgspec.structs import asdict
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from console.numbers import share
from console.palette import Palette
from console.screens.departures import DepartureScreen
from console.screens.dialog import Dialog
from console.screens.rerankers import Picked
from console.session import Session
from console.text import clean
from console.views_panel import BY_RANK, FUSED, Column, columns
from console.widgets.lines import bar, fit, pad
from console.widgets.side_lists import SideLists
from engine.rerankers.panel import Agreement, Panel
from engine.settings.schema import RerankSettings

SET = ("provider", "model", "revision", "base_url", "api_key")
"""What choosing a reranker puts in place."""

QUICKLY = 100
"""Documents up to which agreement is worked out with every batch; beyond, once a reranker has ended."""


class PanelScreen(Dialog[Picked]):
    """Gives the reranker that was chosen. What they score is kept with the search: choosing one asks nothing again."""

    heading = "Rerankers side by side"
    keys = "↑↓ document · ←→ list · f by rank · n ask again · ⏎ uses it · esc closes"

    DEFAULT_CSS = """
    PanelScreen > #box { width: 100%; max-width: 100%; height: 100%; max-height: 100%; }
    PanelScreen #below { height: 8; margin: 1 0 0 0; }
    PanelScreen.-low #below { height: 6; margin: 0; }
    PanelScreen.-low.-many #below { height: 7; }
    PanelScreen #below Static { width: 1fr; height: 100%; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "use", "Use this one", show=False),
        Binding("f", "by_rank", "Fuse them by rank", show=False),
        Binding("n", "again", "Ask again", show=False),
    ]

    def __init__(self, session: Session, rerankers: Sequence[RerankSettings]) -> None:
        super().__init__()
        assert session.search is not None
        self._session = session
        self.panel = Panel(session.search, session.settings, rerankers)
        self._by_rank = False
        self._lists = SideLists()
        self._agreements: list[Agreement] = []

    def body(self) -> ComposeResult:
        yield self._lists
        with Horizontal(id="below"):
            yield Static(id="agreement", markup=False)
            yield Static(id="document", markup=False)

    def on_mount(self) -> None:
        self._lists.focus()
        self._agreements = self.panel.agreements()
        self.set_class(len(self._agreements) > 5, "-many")
        self._show()
        self._run()

    def on_resize(self) -> None:
        self.set_class(self.size.height < 32, "-low")
        self.call_after_refresh(self._tell)

    # ---- asking

    def _run(self) -> None:
        self.run_worker(self._follow(), group="panel", exclusive=True, exit_on_error=False)

    async def _follow(self) -> None:
        try:
            async with aclosing(self.panel.run()) as news:
                async for number in news:
                    ended = self.panel.members[number].outcome is not None
                    if ended or len(self.panel.ids) <= QUICKLY:
                        self._agreements = self.panel.agreements()
                    self._show()
        except Exception as error:
            self.notify(f"{type(error).__name__}: {error}", severity="error")
            raise
        agreements = self._session.agreements
        if agreements.pending:
            self.app.push_screen(DepartureScreen(agreements.pending), self._answered)

    def _answered(self, agreed: bool | None) -> None:
        self._session.agreements.answer(agreed=bool(agreed))
        if agreed:
            self._run()

    def action_again(self) -> None:
        """Ask those that did not score everything."""
        self._session.agreements.ask_again()
        self._run()

    # ---- painting

    @property
    def _titles(self) -> Mapping[str, str]:
        trace = self._session.trace
        return {} if trace is None else {i: clean(each.title) for i, each in trace.documents.items()}

    def _show(self) -> None:
        self._lists.show(columns(self.panel, by_rank=self._by_rank), self._titles)
        self._tell()

    def _tell(self) -> None:
        width = max(self.query_one("#agreement").size.width - 2, 20)
        shown = self._lists.column
        document = self._titles.get(self._lists.cursor_id, self._lists.cursor_id)
        self._put("#agreement", agreement_text(self.panel, self._agreements, self.palette, width))
        self._put("#document", document_text(shown, document, self.palette, width))

    def _put(self, selector: str, text: Text) -> None:
        self.query_one(selector, Static).update(Content.from_rich_text(text))

    # ---- what the keys do

    def on_side_lists_moved(self) -> None:
        self._tell()

    def action_by_rank(self) -> None:
        self._by_rank = not self._by_rank
        self._show()
        if self._by_rank:
            self._lists.action_column(-1 - self._lists.active)

    def action_use(self) -> None:
        column = self._lists.column
        if column is None:
            return
        if column.name == FUSED and column.member < 0:
            self.dismiss(Picked({"rerank.enabled": False}, "reranker off"))
        elif column.member >= 0:
            member = self.panel.members[column.member]
            self._use(member.settings, f"reranker {member.name}")
        elif unnamed := self.panel.unnamed:
            said = f"write the address and key of {', '.join(unnamed)} under [providers.NAME] first"
            self.notify(said, title=BY_RANK, severity="warning")
        elif any(member.outcome is None for member in self.panel.members):
            self.notify("they have not all answered yet", title=BY_RANK)
        else:
            settings = self.panel.keep_fused()
            self._use(settings, f"fused by rank: {settings.model}")

    def _use(self, settings: RerankSettings, label: str) -> None:
        held = asdict(settings)
        values = {f"rerank.{name}": held[name] for name in SET}
        self.dismiss(Picked({"rerank.enabled": True, **values}, label))


def agreement_text(panel: Panel, agreements: Sequence[Agreement], palette: Palette, width: int) -> Text:
    """RBO and Kendall's tau of every two rerankers, with a bar for the overlap."""
    text = Text(no_wrap=True)
    room = min(max((width - 22) // 2, 6), 30)
    text.append(pad(f"Agreement at {len(panel.ids)}", 2 * room + 3), palette.heading)
    text.append("  RBO     τ\n", palette.muted)
    names = names_of(panel)
    for each in agreements:
        one, other = names[each.one], names[each.other]
        text.append(f" {pad(clean(one), room)} ", palette.text).append(f"{pad(clean(other), room)} ", palette.text)
        text.append(f"{share(each.rbo):>5} {share(each.tau):>5} ", palette.accent)
        text.append(f"{bar(0 if each.rbo != each.rbo else each.rbo * 8)}\n", palette.rerank)
    text.rstrip()
    return text


def names_of(panel: Panel) -> list[str]:
    """What tells the rerankers apart: the provider, with the model where two are of one provider."""
    providers = [member.settings.provider for member in panel.members]
    return [m.settings.provider if providers.count(m.settings.provider) == 1 else m.name for m in panel.members]


def document_text(column: Column | None, title: str, palette: Palette, width: int) -> Text:
    """The document under the cursor, and how the active list's reranker ended."""
    text = Text()
    text.append(f"{fit(title, width)}\n", palette.heading)
    if column is not None:
        name = " ".join(filter(None, (column.name, column.model)))
        text.append(f"{clean(name)}: ", palette.text).append(clean(column.state), palette.tone(column.role))
        text.append(f"\n{clean(column.hint)}" if column.hint else "", palette.warning)
        text.append(f"\n{column.spent}" if column.spent else "", palette.muted)
    return text
