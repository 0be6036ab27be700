"""The engine's own fusion beside ours, as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from console.palette import Palette
from console.widgets.lines import fit, pad
from engine.analysis.display import clean
from engine.stores.elastic.native import Native

SIDES = 60
"""Columns from which both lists stand side by side; in fewer there is the engine's alone, with its moves."""
NUMBERS = 19
"""Columns of rank, move and score."""


def mark_of(native: Native) -> tuple[str, str]:
    """The sign of a form in the list, and its role: refused, the same order, or another."""
    if native.refusal:
        return "✗", "error"
    return ("=", "success") if native.agrees else ("≠", "warning")


def option(native: Native, palette: Palette) -> Text:
    """A form's line: sign, name, how much it agrees."""
    mark, role = mark_of(native)
    said = "" if native.refusal else f"{native.overlap:>5.0%}"
    return Text.assemble((f" {mark} ", palette.tone(role)), pad(native.label, 17), (said, palette.muted))


def native_text(native: Native, mine: Sequence[str], titles: Mapping[str, str], palette: Palette, width: int) -> Text:
    """What was asked, how it agrees, what it cost, and both lists."""
    text = Text()
    text.append(f"{native.form.label}: {native.form.summary}\n", palette.text)
    if native.form.needs:
        text.append(f"needs {native.form.needs}\n", palette.muted)
    if native.refusal:
        text.append(f"\n✗ {clean(native.refusal)}\n", palette.error)
        return text.append(f"  {clean(native.hint)}\n" if native.hint else "", palette.muted)
    _changes(text, native, palette)
    _agreement(text, native, len(mine), palette)
    _lists(text, native, mine, titles, palette, width)
    return text


def _changes(text: Text, native: Native, palette: Palette) -> None:
    if native.same:
        text.append("asked exactly what the settings say\n", palette.success)
        return
    text.append("asked the nearest that it can\n", palette.warning)
    for change in native.changes:
        text.append(f"  {clean(str(change))}\n", palette.muted)


def _agreement(text: Text, native: Native, depth: int, palette: Palette) -> None:
    text.append("\n")
    if native.agrees:
        text.append(f"= the same order, to {depth}", palette.success)
    else:
        text.append(f"≠ {native.overlap:.0%} of the first {depth} in common, RBO {native.rbo:.3f}", palette.warning)
    text.append(f" · took {native.took_ms:.0f} ms of {native.wall_ms:.0f} ms\n\n", palette.muted)


def _lists(
    text: Text, native: Native, mine: Sequence[str], titles: Mapping[str, str], palette: Palette, width: int
) -> None:
    """Rank by rank: ours, and the engine's with where it stands in ours."""
    both = width >= SIDES
    room = (width - NUMBERS - 1) // 2 if both else width - NUMBERS
    at = {document: rank for rank, document in enumerate(mine, 1)}
    text.append("  # ", palette.heading)
    text.append(pad("ours", room + 1) if both else "", palette.heading)
    text.append(f"moved {'score':>7}  the engine's\n", palette.heading)
    for rank in range(1, max(len(mine), len(native.ids)) + 1):
        text.append(f"{rank:>3} ", palette.accent)
        if both:
            own = mine[rank - 1] if rank <= len(mine) else ""
            text.append(pad(_title(own, titles), room) + " ", palette.text)
        if rank <= len(native.ids):
            document = native.ids[rank - 1]
            move, role = _move(at.get(document, 0), rank)
            text.append(f"{move:>5} ", palette.tone(role))
            text.append(f"{native.scores[rank - 1]:>7.4f}  ", palette.muted)
            text.append(fit(_title(document, titles), room), palette.text)
        text.append("\n")


def _title(document: str, titles: Mapping[str, str]) -> str:
    return clean(titles.get(document) or document, newlines=False)


def _move(before: int, rank: int) -> tuple[str, str]:
    """How far the engine's document stands from its place in ours."""
    if before == 0:
        return "new", "accent"
    if before == rank:
        return "=", "muted"
    return (f"▲{before - rank}", "up") if before > rank else (f"▼{rank - before}", "down")
