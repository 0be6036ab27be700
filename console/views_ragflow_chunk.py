"""Below RAGFlow's five rankings: the chunk under the cursor with its sum and quirks, and what the filter lost. Pure."""

from __future__ import annotations

from rich.text import Text

from console.numbers import score
from console.palette import Palette
from console.text import clean
from console.views_ragflow import (
    LOST,
    LOST_MARK,
    NAMES,
    QUIRK_MARK,
    Cursor,
    entry,
    exact,
    ids_of,
    page_top,
)
from console.widgets.lines import bar, fit, wrap
from engine.stores.ragflow.comparison import RANKINGS, Chunk, Comparison
from engine.stores.ragflow.quirks import QUIRKS


def detail(
    view: Comparison, cursor: Cursor, palette: Palette, width: int, height: int, *, sentences: bool = False
) -> Text:
    """The chunk under the cursor: its places, how its similarity adds up, how it reads, and its quirks; at the foot
    what the marks mean. ``sentences``: what holds of the whole question is told as well, as far as there is room."""
    chunk = view.chunks.get(cursor.chunk)
    out = Text(no_wrap=True)
    if chunk is None:
        return out.append("no chunk here · ← → go to another ranking", palette.muted)
    out.append(fit(clean(chunk.document.title or cursor.chunk), width - 2) + "\n", palette.heading)
    for key in RANKINGS:
        place = chunk.ranks.get(key)
        out.append(f"{key} ", palette.muted)
        out.append(f"{place or '–'}", palette.text if place else palette.down)
        out.append(f" {score(chunk.scores[key])}   " if place else "   ", palette.muted)
    out.append("\n")
    lines = 2 + _sum(out, view, chunk, palette, width)
    shown = clean(" ".join(chunk.document.text_of("text").split()))
    spans = wrap(shown, max(width - 2, 10))
    told = Text(no_wrap=True)
    taken = 1  # the foot
    for name in chunk.quirks:
        taken += _quirk(told, name, palette, width, height - lines - taken - min(len(spans), 1))
    quoted = spans[: max(height - lines - taken, 0)]
    for number, (start, end) in enumerate(quoted):
        out.append(f"{'“' if number == 0 else ' '} {shown[start:end]}\n", palette.muted)
    out.append_text(told)
    taken += lines + len(quoted)
    for name in view.notes if sentences else ():
        taken += _quirk(out, name, palette, width, height - taken, cut=False)
    out.append("\n" * max(height - taken, 0)).append_text(_legend(palette, width))
    return out


def _legend(palette: Palette, width: int) -> Text:
    """What the marks in the lists mean."""
    text = Text(no_wrap=True)
    for mark, role, what in (
        (LOST_MARK, palette.down, "lost by the filter"),
        (QUIRK_MARK, palette.warning, "a quirk hits it"),
        ("▲▼", palette.up, "places that E moved it"),
    ):
        text.append(f"{mark} ", role).append(f"{what}   ", palette.muted)
    text.truncate(width, overflow="ellipsis")
    return text


def _sum(out: Text, view: Comparison, chunk: Chunk, palette: Palette, width: int) -> int:
    """The re-rank's sum as bars side by side; how many lines that took."""
    parts, v = chunk.parts, view.found.settings.vector_similarity_weight
    if parts is None:
        why = "the filter lost it" if "prefilter" in chunk.quirks else "it is not in the block"
        out.append(f"not re-ranked: {why}\n", palette.muted)
        return 1
    shares = (
        ("token", parts.token, 1 - v, palette.leg(0)),
        ("knn", parts.knn, v, palette.leg(1)),
        ("pagerank", parts.pagerank, 1.0, palette.feature),
        ("tags", parts.tags, 1.0, palette.feature),
    )
    told = [
        (
            f"{'=' if name == 'token' else '+'} {f'{weight:.2g}×' if weight != 1 else ''}{name} {score(value)} ",
            value * weight,
            style,
        )
        for name, value, weight, style in shares
        if value or name in ("token", "knn")
    ]
    passes = " ✓ passes  " if parts.passes else " ✗ under the threshold  "
    out.append("sim ", palette.muted).append(score(parts.total), palette.heading)
    out.append(passes, palette.up if parts.passes else palette.down)
    room = min(width - 10 - len(passes) - sum(len(text) + 2 for text, _, _ in told), 40)
    for text, value, style in told:
        out.append(text, palette.text)
        if room > 8:
            out.append(f"{bar(min(value / max(parts.total, 1e-9), 1.0) * room)}  ", style)
    out.append("\n")
    return 1


def _quirk(out: Text, name: str, palette: Palette, width: int, height: int, *, cut: bool = True) -> int:
    """A quirk's sentence, and where to read on if that fits too, in at most ``height`` lines; how many it took. One
    that is too long is ``cut``, or left out."""
    quirk, room = QUIRKS[name], max(width - 2, 10)
    label = f"{QUIRK_MARK} {quirk.label}: "
    whole = f"{label}{quirk.text} {quirk.where.removeprefix('https://')}"
    if len(spans := wrap(whole, room)) > height:
        spans = wrap(whole := label + quirk.text, room)
    if height < 1 or (len(spans) > height and not cut):
        return 0
    for number, (start, end) in enumerate(spans[:height]):
        line = whole[start:end]
        if number + 1 == height < len(spans):
            line = fit(line + " …", room) if len(line) + 2 <= room else line[: room - 1] + "…"
        if number == 0:
            out.append(label, palette.warning).append(f"{line[len(label) :]}\n", palette.text)
        else:
            out.append(f"  {line}\n", palette.text)
    return min(len(spans), height)


def lost(view: Comparison, cursor: Cursor, palette: Palette, width: int, height: int) -> Text:
    """What the filter lost, most similar first: the list beside the details."""
    ids = ids_of(view, LOST)
    out = Text(no_wrap=True)
    here = cursor.key == LOST
    out.append(f"{'▌' if here else ' '}{LOST} {NAMES[LOST]}", palette.heading if here else palette.text)
    share = len(view.lost) / max(view.ranking("B").total, 1)
    out.append(f"  {len(view.lost):,} of B's {view.ranking('B').total:,}, {share:.0%}\n", palette.muted)
    if not ids:
        return out.append("   nothing: the text matches all that the vectors find", palette.success)
    top = page_top(ids, cursor.chunk, height - 1)
    for i in ids[top : top + height - 1]:
        out.append_text(exact(entry(view, LOST, i, cursor, palette, width), width)).append("\n")
    out.rstrip()
    return out
