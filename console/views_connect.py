"""What the screen of ``connect`` shows of indices and of a proposal, and what turning a row of it does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from console.connecting import size_text
from console.numbers import count
from console.palette import Palette
from console.text import clean
from console.widgets.lines import fit, pad, width_of
from engine.stores.elastic.listing import Listed
from engine.stores.elastic.proposal import Embedding, Proposal, with_field, with_vector

TEXT = "text:"
BOOST_STEP = 0.5
MOST_BOOST = 20.0
_WHAT, _CHOICE = 11, 30
_BY_HAND = "chosen by hand"


@dataclass(frozen=True, slots=True)
class RowView:
    """One choice: ``id`` names it to ``turned``; ``sure`` is None where nothing was chosen."""

    id: str
    what: str
    choice: str
    reason: str
    sure: bool | None = True

    @property
    def mark(self) -> tuple[str, str]:
        """A sign and its role."""
        return {True: ("✓", "success"), False: ("?", "warning"), None: ("–", "muted")}[self.sure]


def rows(proposal: Proposal) -> list[RowView]:
    """Every choice of the proposal, in the order to look at them."""
    found = []
    for at, use in enumerate(proposal.texts):
        choice = f"{use.name}  ×{use.boost:g}" if use.taken else use.name
        what = "text fields" if at == 0 else ""
        found.append(RowView(TEXT + use.name, what, choice, use.reason, True if use.taken else None))
    title, vector = proposal.title, proposal.vector
    found.append(RowView("title", "title", title or "none", proposal.title_reason, True if title else None))
    found.append(RowView("id", "id", proposal.id_field or "_id", proposal.id_reason))
    name = vector.name if vector else "none"
    found.append(RowView("vector", "vectors", name, proposal.vector_reason, True if vector else None))
    if vector is not None:
        made = proposal.embedding
        sure = made.sure if made.name else False
        found.append(RowView("embedder", "embedder", made.name or "unknown", made.reason or "not looked for", sure))
    return found


def choice_width(shown: Sequence[RowView]) -> int:
    """Cells for the choices, one under the other."""
    return min(max(width_of(row.choice) for row in shown), _CHOICE)


def row_text(row: RowView, palette: Palette, width: int, room: int = _CHOICE) -> Text:
    """One line: sign, what, choice in ``room`` cells, and as much of the reason as fits."""
    sign, role = row.mark
    text = Text(no_wrap=True)
    text.append(f" {sign} ", palette.tone(role))
    text.append(pad(row.what, _WHAT) + " ", palette.muted)
    chosen = palette.muted if row.sure is None else palette.text
    text.append(pad(clean(row.choice), room) + "  ", chosen)
    text.append(clean(row.reason), palette.muted)
    text.truncate(max(width, 1), overflow="ellipsis")
    return text


def about(proposal: Proposal, row: RowView, palette: Palette) -> Text:
    """The whole reason of a choice, how it is changed, and what to know of the index."""
    text = Text()
    text.append(f"{clean(row.choice)}: ", palette.heading).append(f"{clean(row.reason)}\n", palette.text)
    text.append(_how(proposal, row), palette.muted)
    for note in proposal.notes:
        text.append(f"\n{clean(note)}", palette.warning)
    if proposal.vector is not None and not proposal.embedding.name:
        text.append("\nWithout an embedder the vectors are not searched: words alone decide.", palette.warning)
    return text


def _how(proposal: Proposal, row: RowView) -> str:
    if row.id.startswith(TEXT):
        return "⏎ takes it in or leaves it out, ←→ turn its boost"
    others = {
        "title": proposal.titles,
        "id": proposal.ids,
        "vector": [one.name for one in proposal.vectors],
        "embedder": proposal.embedding.fits,
    }[row.id]
    rest = [name for name in others if name != row.choice]
    if not rest:
        return "there is nothing else to choose"
    return f"⏎ or →: {fit(', '.join(rest), 90)}"


def turned(proposal: Proposal, row_id: str, step: int) -> Proposal:
    """The proposal with that row changed: ``step`` 1 and −1 walk through what there is, 0 switches a text field."""
    if row_id.startswith(TEXT):
        name = row_id.removeprefix(TEXT)
        use = next(one for one in proposal.texts if one.name == name)
        if step == 0:
            return with_field(proposal, name, 0.0 if use.taken else 1.0)
        boost = (use.boost if use.taken else 0.0) + step * BOOST_STEP
        return with_field(proposal, name, min(max(boost, 0.0), MOST_BOOST))
    step = step or 1
    if row_id == "title":
        return replace(proposal, title=_next(("", *proposal.titles), proposal.title, step), title_reason=_BY_HAND)
    if row_id == "id":
        return replace(proposal, id_field=_next(("", *proposal.ids), proposal.id_field, step), id_reason=_BY_HAND)
    if row_id == "vector":
        now = proposal.vector.name if proposal.vector else ""
        return with_vector(proposal, _next(("", *(one.name for one in proposal.vectors)), now, step))
    made = proposal.embedding
    return replace(proposal, embedding=Embedding(_next(("", *made.fits), made.name, step), _BY_HAND, False, made.fits))


def _next(names: Sequence[str], now: str, step: int) -> str:
    names = list(dict.fromkeys(names))
    return names[(names.index(now) + step) % len(names)] if now in names else names[0]


def index_text(one: Listed, palette: Palette, width: int) -> Text:
    """An index on one line: name, documents, size, aliases."""
    room = max(width - 26, 12)
    name = f"{one.asked}  " if one.asked == one.name else f"{one.asked} → {one.name}  "
    shown = fit(clean(name), room - 1)
    text = Text(no_wrap=True).append(f" {shown}", palette.text)
    if one.about and one.asked == one.name:
        text.append(fit(clean(one.about), max(room - len(shown) - 2, 0)), palette.muted)
    text.append(" " * max(room - text.cell_len + 1, 1))
    number = count(one.documents) if one.documents >= 0 else "?"
    text.append(f"{number:>13}", palette.accent).append(f"{size_text(one.size):>9}", palette.muted)
    text.truncate(max(width, 1), overflow="ellipsis")
    return text
