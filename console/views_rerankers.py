"""The rerankers' rows as text: the columns of the list, and what stands below it of the one under the cursor. Pure."""

from __future__ import annotations

import math

from rich.style import Style
from rich.text import Text

from console.numbers import duration
from console.palette import Palette
from console.rerankers import RerankerRow
from console.text import clean
from console.widgets.lines import fit, pad
from engine.remote.offline import Place

NAME, WHERE, LAST = 19, 9, 8
DOWNLOAD = "download"
"""Stands for the time of a model that is not on this machine yet."""
LEAST = 8
"""Cells for a model's name where there is little room."""
WITH_SUITS = 90
"""Cells from which on a row says what its reranker suits."""
PLACES = {Place.MACHINE: "here", Place.NETWORK: "network", Place.INTERNET: "internet"}


def heading_text(palette: Palette, width: int) -> Text:
    """What stands above the columns of ``line_text``."""
    text = Text(no_wrap=True, style=palette.muted)
    text.append(f"  {'reranker':<{NAME}} {'model':<{model_room(width)}} {'texts go':<{WHERE}}{'took':>{LAST}}")
    return text.append("  suits" if width > WITH_SUITS else "")


def model_room(width: int) -> int:
    """Cells for a model's name: all that is left where what a reranker suits stands below only."""
    left = width - NAME - WHERE - LAST - 4
    return min(max(left // 2 if width > WITH_SUITS else left, LEAST), 40)


def line_text(row: RerankerRow, model: str, mark: str, last_ms: float, palette: Palette, width: int) -> Text:
    """One row: mark, name, model, how far away, the last answer's time, and what it suits or lacks."""
    faded = bool(row.missing)
    text = Text(no_wrap=True)
    text.append(f"{mark} ", palette.accent)
    name = row.id.partition("/")[2] or row.id
    room = model_room(width) if width > WITH_SUITS or not faded else LEAST
    named_by_model = name != row.id
    text.append(f"{pad(name, NAME + room + 1 if named_by_model else NAME)} ", palette.muted if faded else palette.text)
    if not named_by_model:
        text.append(f"{pad(clean(model) or '–', room)} ", palette.muted)
    if row.missing:
        return text.append(fit(clean(row.missing), width - NAME - room - 5), palette.absent)
    text.append(f"{PLACES[row.place] if row.place else '?':<{WHERE}}", _far(row, palette))
    if row.download:
        text.append(f"{DOWNLOAD:>{LAST}}", palette.muted)
    else:
        text.append(f"{'–' if math.isnan(last_ms) else duration(last_ms):>{LAST}}", palette.text)
    left = width - NAME - room - WHERE - LAST - 8
    return text.append(f"  {fit(clean(row.suits), left)}", palette.muted) if width > WITH_SUITS else text


def _far(row: RerankerRow, palette: Palette) -> Style:
    return palette.warning if row.place is not Place.MACHINE else palette.success


def about_text(row: RerankerRow, model: str, palette: Palette) -> Text:
    """The lines under the list: what it suits, its model, where texts go, how it answers."""
    text = Text()
    text.append(f"{clean(row.label)}: {clean(row.suits)}\n", palette.text)
    if len(row.models) > 1 and model in row.models:
        text.append(f"model {row.models.index(model) + 1} of {len(row.models)} ", palette.muted)
        text.append(f"‹ {clean(model)} ›", palette.accent).append("\n")
    if row.missing:
        mends = " · ⏎ asks for it" if row.asks else ""
        text.append(f"✗ {clean(row.missing)}{mends}", palette.warning)
        return text.append(f"   {row.docs}", palette.muted)
    leaves = row.place is not Place.MACHINE
    where = f"texts go to {clean(row.where)}, on {row.place}" if leaves else "nothing leaves this machine"
    text.append(where, palette.warning if leaves else palette.success)
    if row.download:
        text.append(" · not on this machine yet: using it downloads it", palette.warning)
    price = row.price or "price not known here"
    text.append(f"\n{' · '.join(filter(None, (row.account, price)))}", palette.muted)
    return text.append(f"   {row.docs}" if row.docs else "", palette.muted)
