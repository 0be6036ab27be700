"""Connecting to an engine: address → indices → a proposal with its reasons, each changeable → settings, opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import WorkType

from console.connecting import Found, choice, default_file, embedded, look, store_of, survey, write
from console.locations import Locations
from console.numbers import count
from console.screens.dialog import Dialog, plain
from console.views_connect import about, choice_width, index_text, row_text, rows, turned
from engine.analysis.display import clean
from engine.errors import RankscopeError
from engine.remote.offline import OfflineRule
from engine.settings.load import Loaded
from engine.stores.elastic.listing import Listing

Answer = TypeVar("Answer")

FIELDS = (
    ("url", "address", "localhost:9200, or https://…"),
    ("api_key", "API key", "env:NAME or file:PATH, where it needs one"),
    ("username", "user", "or a user …"),
    ("password", "password", "… with env:NAME of the password"),
    ("ca_file", "certificate", "file of the authority, for https:// of its own"),
    ("index", "index", "its name, or nothing for a list to choose from"),
)
"""(name, label, placeholder) of what is typed."""
_WAYS = {
    "unauthorized": "an API key, or a user and a password",
    "tls": "a certificate is the cluster's own; http:// where it has none",
    "forbidden": "an index that may be read, by its name: listing them takes the right to monitor",
    "connect": "is the engine running, and is this its address?",
}
"""Kind of fault → what to type in the fields above."""
_KEYS = {
    "address": "⏎ looks what is there · tab next field · esc closes",
    "indices": "↑↓ choose · / find · ⏎ looks at it · h hidden ones · esc address",
    "proposal": "⏎ change · ←→ turn · s save and open · esc indices",
}


class ConnectScreen(Dialog[Path]):
    """Gives the settings file that was written; None where it was left."""

    heading = "Connect to Elasticsearch or OpenSearch"
    keys = _KEYS["address"]

    DEFAULT_CSS = """
    ConnectScreen > #box { max-width: 130; }
    ConnectScreen #fields { height: auto; }
    ConnectScreen #fields Horizontal { height: 1; }
    ConnectScreen #fields Static { width: 13; }
    ConnectScreen #fields Input { width: 1fr; }
    ConnectScreen #finding { display: none; height: 1; }
    ConnectScreen.-indices #finding { display: block; }
    ConnectScreen OptionList { display: none; margin: 1 0 0 0; }
    ConnectScreen #said { height: auto; max-height: 8; margin: 1 0 0 0; }
    ConnectScreen.-indices #fields, ConnectScreen.-proposal #fields { display: none; }
    ConnectScreen.-indices #indices, ConnectScreen.-proposal #rows { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save", "Save and open", show=False),
        Binding("h", "hidden", "Hidden indices", show=False),
        Binding("slash", "find", "Find an index", show=False),
        Binding("down", "found", "What was found", show=False),
        Binding("right,l", "turn(1)", "Next", show=False, priority=False),
        Binding("left", "turn(-1)", "Before", show=False, priority=False),
    ]

    def __init__(self, loaded: Loaded, places: Locations, url: str = "") -> None:
        super().__init__()
        self._loaded, self._places, self._url = loaded, places, url
        self._listing: Listing | None = None
        self._found: Found | None = None
        self._hidden = False
        self._step = "address"

    # ---- structure

    def body(self) -> ComposeResult:
        with VerticalScroll(id="fields", can_focus=False):
            for name, label, hint in FIELDS:
                with Horizontal():
                    yield plain(label)
                    yield Input(self._url if name == "url" else "", placeholder=hint, id=name)
        with Horizontal(id="finding"):
            yield Input(placeholder="find by a part of the name", id="find")
        yield OptionList(id="indices", markup=False)
        yield OptionList(id="rows", markup=False)
        yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        self.query_one("#url", Input).focus()
        self._say(
            "An index that is there already is looked at: its mapping and a few documents say how to search it. "
            "Nothing is written to it."
        )
        if self._url:
            self._survey()

    def on_resize(self) -> None:
        """The lists take less than half of the screen: in cells, as a box of automatic height takes 45vh for all."""
        for shown in self.query(OptionList):
            shown.styles.max_height = max(self.size.height * 45 // 100, 3)

    def _go(self, step: str, title: str) -> None:
        self._step = step
        self.set_class(step == "indices", "-indices")
        self.set_class(step == "proposal", "-proposal")
        self.show_keys(_KEYS[step])
        self.query_one("#box").border_title = Content(title)

    def _say(self, text: str, tone: str = "muted", hint: str = "") -> None:
        said = Text().append(clean(text), self.palette.tone(tone))
        said.append(f"\n{clean(hint)}" if hint else "", self.palette.text)
        self.query_one("#said", Static).update(Content.from_rich_text(said))

    def _work(
        self, saying: str, work: Callable[[], Coroutine[Any, Any, Answer]], then: Callable[[Answer], None]
    ) -> None:
        """Run it on a loop of its own, in a thread: the engine's client takes a moment to import. What went wrong
        stands below."""

        async def run() -> None:
            self._say(saying, "accent")
            try:
                answer = await asyncio.to_thread(asyncio.run, work())
            except RankscopeError as error:
                self._say(error.message, "error", error.hint)
            else:
                then(answer)

        job: WorkType[None] = run
        self.run_worker(job, group="connect", exclusive=True)

    # ---- the address

    @property
    def _signs(self) -> dict[str, str]:
        typed = {name: self._typed(name) for name, _, _ in FIELDS if name not in ("url", "index")}
        return {name: value for name, value in typed.items() if value}

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id != "find":
            self._survey()
        elif (shown := self.query_one("#indices", OptionList)).option_count:
            self._look(shown.get_option_at_index(shown.highlighted or 0).id or "")

    def _survey(self) -> None:
        url = self._typed("url")
        if not url:
            self._say("An address is needed, such as localhost:9200.", "warning")
            return
        rule = OfflineRule.of(self._loaded.settings.remote)
        try:
            store = store_of(url, self._signs)
        except RankscopeError as error:
            self._say(error.message, "error", error.hint)
            return
        if index := self._typed("index"):
            self._look(index)
            return
        self._work(f"asking {url} …", lambda: survey(store, rule, ways=_WAYS), self._surveyed)

    def _surveyed(self, listing: Listing) -> None:
        self._listing = listing
        self._go("indices", f"{listing.engine}: which index?")
        self._paint_indices()
        self.query_one("#indices", OptionList).focus()

    # ---- the indices

    def _paint_indices(self) -> None:
        assert self._listing is not None
        shown = self.query_one("#indices", OptionList)
        part = self.query_one("#find", Input).value.strip().casefold()
        every = _once(choice(self._listing, hidden=self._hidden))
        able = [one for one in every if part in one.asked.casefold() or part in one.name.casefold()]
        width = self.query_one("#box").size.width - 1
        shown.clear_options()
        shown.add_options([Option(index_text(one, self.palette, width), id=one.asked) for one in able])
        shown.highlighted = 0 if able else None
        hidden = len(self._listing.indices) - len(choice(self._listing))
        if every:
            more = f"; {hidden} hidden (h)" if hidden and not self._hidden else ""
            noun = "index" if len(every) == 1 else "indices"
            named = f"{len(able)} of {len(every)} {noun}" if part else f"{len(every)} {noun}"
            self._say(f"{named} with documents and size{more}.")
        else:
            self._say(
                f"{self._listing.engine} has no index.",
                "warning",
                "rankscope index SOURCE --into elasticsearch:NAME --url URL makes one",
            )

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "find" and self._step == "indices":
            self._paint_indices()

    def action_find(self) -> None:
        if self._step == "indices":
            self.query_one("#find", Input).focus()

    def action_found(self) -> None:
        """From the words to the list below them."""
        if self._step == "indices":
            self.query_one("#indices", OptionList).focus()

    def action_hidden(self) -> None:
        if self._step == "indices":
            self._hidden = not self._hidden
            self._paint_indices()

    def _look(self, index: str) -> None:
        store = store_of(self._typed("url"), self._signs, index)
        self._work(
            f"looking at {index}: mapping, some documents, who made its vectors …",
            lambda: look(store, self._loaded, telling=self._tell, ways=_WAYS),
            self._looked,
        )

    def _tell(self, text: str) -> None:
        """Called in the worker's thread."""
        self.app.call_from_thread(self._say, f"{text} …", "accent")

    def _looked(self, found: Found) -> None:
        self._found = found
        proposal = found.proposal
        title = f"{proposal.index} · {count(proposal.documents)} documents · {proposal.engine}"
        self._go("proposal", title)
        self._paint_rows()
        self.query_one("#rows", OptionList).focus()

    # ---- the proposal

    def _options(self) -> Iterator[Option]:
        assert self._found is not None
        width = self.query_one("#box").size.width - 1
        shown = rows(self._found.proposal)
        room = choice_width(shown)
        for row in shown:
            yield Option(row_text(row, self.palette, width, room), id=row.id)

    def _paint_rows(self) -> None:
        shown = self.query_one("#rows", OptionList)
        at = shown.highlighted or 0
        shown.clear_options()
        shown.add_options(list(self._options()))
        shown.highlighted = min(at, shown.option_count - 1)
        self._explain()

    def _explain(self) -> None:
        if self._found is None or self._step != "proposal":
            return
        at, able = self.query_one("#rows", OptionList).highlighted, rows(self._found.proposal)
        if at is not None and at < len(able):
            text = about(self._found.proposal, able[at], self.palette)
            self.query_one("#said", Static).update(Content.from_rich_text(text))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_list.id == "rows":
            self._explain()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_list.id == "indices":
            self._look(event.option_id or "")
        else:
            self._turn(event.option_id or "", 0)

    def action_turn(self, step: int) -> None:
        shown = self.query_one("#rows", OptionList)
        if self._step == "proposal" and shown.highlighted is not None:
            self._turn(shown.get_option_at_index(shown.highlighted).id or "", step)

    def _turn(self, row: str, step: int) -> None:
        assert self._found is not None
        found = replace(self._found, proposal=turned(self._found.proposal, row, step))
        self._found = found
        self._paint_rows()
        made = found.proposal.embedding
        if found.proposal.vector is None or row not in ("vector", "embedder") or (row == "embedder" and not made.name):
            return

        def known(proposal: Any) -> None:
            self._found = replace(found, proposal=proposal)
            self._paint_rows()

        wanted = made.name if row == "embedder" else ""
        self._work(
            "comparing with the stored vectors …",
            lambda: embedded(found.proposal, found.seen, self._loaded, wanted=wanted, telling=self._tell),
            known,
        )

    def action_save(self) -> None:
        if self._step != "proposal" or self._found is None:
            return
        file = default_file(self._found.proposal, self._places)
        try:
            write(self._found, file)
        except RankscopeError as error:
            self._say(error.message, "error", error.hint)
        else:
            self.dismiss(file)

    def action_leave(self) -> None:
        """One step back; from the address out."""
        self.workers.cancel_group(self, "connect")
        if self._step == "address":
            self.dismiss(None)
        elif self._step == "proposal" and self._listing is not None:
            self._surveyed(self._listing)
        else:
            self._listing = None
            self._go("address", self.heading)
            self.query_one("#find", Input).value = ""
            self.query_one("#url", Input).focus()
            self._say("")


def _once(able: list[Any]) -> list[Any]:
    """Each name to search by once: an alias over several indices stands for all of them."""
    return list({one.asked: one for one in reversed(able)}.values())[::-1]
