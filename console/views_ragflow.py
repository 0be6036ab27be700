"""The five rankings of one question in RAGFlow as lines of text: what the screen paints. Pure.

Wide, the rankings stand side by side and the chunk under the cursor is marked in each of them; narrow, one ranking
stands alone with the chunk's place in the others beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from console.numbers import duration, score
from console.palette import Palette
from console.text import clean
from console.widgets.lines import fit, pad
from engine.stores.ragflow.comparison import RANKINGS, Chunk, Comparison
from engine.stores.ragflow.quirks import QUIRKS

LOST = "L"
"""The list of what the filter lost, as if it were a sixth ranking."""
COLUMNS = (*RANKINGS, LOST)
WIDE = 130
"""Columns from which the rankings stand side by side."""
NAMES = {**RANKINGS, LOST: "lost by the filter"}
LOST_MARK, QUIRK_MARK = "✗", "⚑"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the reader is: a ranking, and a chunk that may stand in several of them."""

    key: str = "E"
    chunk: str = ""


def ids_of(view: Comparison, key: str) -> tuple[str, ...]:
    """The chunks of a ranking that have a text here, best first."""
    ids = view.lost if key == LOST else view.ranking(key).ids
    return tuple(i for i in ids if i in view.chunks)


def first_cursor(view: Comparison) -> Cursor:
    """On what is lost where something is, else on the first of the re-rank."""
    for key in (LOST, "E", "B", "A"):
        if ids := ids_of(view, key):
            return Cursor(key, ids[0])
    return Cursor()


def moved(view: Comparison, cursor: Cursor, by: int) -> Cursor:
    """Up or down inside the ranking."""
    ids = ids_of(view, cursor.key)
    if not ids:
        return cursor
    at = ids.index(cursor.chunk) if cursor.chunk in ids else 0 - (by > 0)
    return Cursor(cursor.key, ids[max(0, min(len(ids) - 1, at + by))])


def turned(view: Comparison, cursor: Cursor, by: int) -> Cursor:
    """To the ranking beside it: on the same chunk where that stands there too, else on its first."""
    key = COLUMNS[(COLUMNS.index(cursor.key) + by) % len(COLUMNS)]
    ids = ids_of(view, key)
    if cursor.chunk in ids or not ids:
        return Cursor(key, cursor.chunk)
    return Cursor(key, ids[0])


# ---- above the lists


def summary(view: Comparison, text: str, palette: Palette, width: int, *, sentences: bool = True) -> Text:
    """The question, how RAGFlow reads it, and by which numbers it ranks; then what holds of the whole question, each
    in a ``sentence`` on a line of its own, or all by name on one. Narrow, the question has a line to itself."""
    wide = width >= WIDE
    question = view.found.question
    out = Text(no_wrap=True)
    form = "English form" if question.form == "english" else "Chinese form"
    terms = " ".join(f"{term} {weight:.2f}".replace(" 0.", " .") for term, weight in question.terms)
    told = f"{form}, {len(question.keywords)} keywords: "
    out.append("❯ ", palette.accent).append(fit(clean(text), width // 2 if wide else width - 2), palette.text)
    room = width - (out.cell_len if wide else 0) - len(told) - 2
    out.append(f"  {told}" if wide else f"\n  {told}", palette.muted).append(f"{fit(terms, room)}\n", palette.text)
    out.append(fit(" · ".join(_facts(view, wide)), width) + "\n", palette.muted)
    for name in view.notes:
        label, quirk = f"{QUIRK_MARK} {QUIRKS[name].label}", QUIRKS[name]
        if not sentences:
            out.append(f"{label}  ", palette.warning)
            continue
        room = max(width - len(label) - len(quirk.place) - 4, 20)
        out.append(f"{label}: ", palette.warning).append(fit(quirk.text, room), palette.text)
        out.append(f"  {quirk.place}\n", palette.muted)
    out.rstrip()
    return out


def _facts(view: Comparison, wide: bool) -> Iterator[str]:
    """By which numbers RAGFlow ranks; narrow without what it is stored in."""
    found = view.found
    (start, size), settings, shape = found.block, found.settings, found.shape
    yield f"RAGFlow {found.version.name}"
    yield f"{'first stage: ' if wide else ''}text × {found.version.text_boost:g}"
    yield f"{'re-rank: ' if wide else ''}v {settings.vector_similarity_weight:g}"
    yield f"threshold {settings.similarity_threshold:g}"
    yield f"page {settings.page} of block {start + 1}–{start + size}"
    if wide:
        yield f"{shape.engine}, {shape.index.shards} shards" + (", rank features" if shape.rank_features else "")


# ---- the lists


def lists(view: Comparison, cursor: Cursor, palette: Palette, width: int, height: int) -> Text:
    """The rankings in exactly that room."""
    if width < WIDE:
        return _join(_alone(view, cursor, palette, width, height))
    widths = _shares(width - 2 * (len(RANKINGS) - 1), len(RANKINGS))
    columns = [
        list(_column(view, key, cursor, palette, cells, height)) for key, cells in zip(RANKINGS, widths, strict=True)
    ]
    rows = []
    for at in range(height):
        row = Text(no_wrap=True)
        for number, column in enumerate(columns):
            row.append("│ " if number else "", palette.rule)
            row.append_text(column[at])
        rows.append(row)
    return _join(rows)


def _shares(width: int, parts: int) -> list[int]:
    return [width // parts + (at < width % parts) for at in range(parts)]


def _join(rows: Sequence[Text]) -> Text:
    return Text("\n", no_wrap=True).join(rows)


def _heading(view: Comparison, key: str, cursor: Cursor, palette: Palette, width: int) -> Text:
    """Letter, name, how many, and how long the engine took."""
    here = key == cursor.key
    text = Text(no_wrap=True)
    text.append(f"{'▌' if here else ' '}{key} {NAMES[key]}", palette.heading if here else palette.text)
    total = len(view.lost) if key == LOST else view.ranking(key).total
    text.append(f"  {total:,}", palette.muted)
    took = 0.0 if key == LOST else view.ranking(key).took_ms
    if key == "C" and view.lost:
        text.append(f"  {LOST_MARK} {len(view.lost)} lost", palette.down)
    elif took:
        text.append(f"  {duration(took)}", palette.muted)
    return exact(text, width)


def exact(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def page_top(ids: Sequence[str], chunk: str, rows: int) -> int:
    """The first line to show, so that the chunk is among them: pages of the room there is."""
    at = ids.index(chunk) if chunk in ids else 0
    return at // max(rows, 1) * max(rows, 1)


def _column(view: Comparison, key: str, cursor: Cursor, palette: Palette, width: int, height: int) -> Iterator[Text]:
    """Heading and chunks of one ranking, each line exactly that wide."""
    yield _heading(view, key, cursor, palette, width)
    ids = ids_of(view, key)
    top = page_top(ids, cursor.chunk, height - 1)
    for i in ids[top : top + height - 1]:
        yield exact(entry(view, key, i, cursor, palette, width), width)
    if not ids:
        yield exact(Text("   nothing", palette.muted), width)
    for _ in range(height - 1 - max(len(ids[top : top + height - 1]), 1)):
        yield Text(" " * width)


def entry(view: Comparison, key: str, i: str, cursor: Cursor, palette: Palette, width: int) -> Text:
    """Rank, score, a mark for what befell it, and how the chunk begins."""
    chunk = view.chunks[i]
    style = _row_style(i, key, cursor, palette)
    text = Text(no_wrap=True)
    rank = chunk.ranks.get("B" if key == LOST else key, 0)
    text.append(f"{rank:>4} ", style or palette.text)
    text.append(f"{score(chunk.scores.get('B' if key == LOST else key, 0.0)):>5} ", style or palette.muted)
    mark, role = _mark(view, key, chunk, palette)
    text.append(f"{mark:<4}", style or role)
    text.append(pad(said(chunk), max(width - len(text), 1)), style or palette.text)
    return text


def _row_style(i: str, key: str, cursor: Cursor, palette: Palette) -> Style | None:
    if i != cursor.chunk:
        return None
    return palette.cursor if key == cursor.key else palette.cursor_blurred + palette.heading


def _mark(view: Comparison, key: str, chunk: Chunk, palette: Palette) -> tuple[str, Style]:
    """What befell the chunk on the way to this ranking: lost, risen or fallen, or hit by a quirk."""
    if "prefilter" in chunk.quirks:
        return LOST_MARK, palette.down
    if key == "E" and "D" in chunk.ranks:
        by = chunk.ranks["D"] - view.found.block[0] - chunk.ranks["E"]
        if by:
            return f"{'▲' if by > 0 else '▼'}{min(abs(by), 99)}", palette.up if by > 0 else palette.down
    return (QUIRK_MARK if chunk.quirks else ""), palette.warning


def said(chunk: Chunk) -> str:
    """How the chunk begins, or what it is called where it has no text."""
    return clean(" ".join(chunk.document.text_of("text").split()) or chunk.document.title)


def _alone(view: Comparison, cursor: Cursor, palette: Palette, width: int, height: int) -> list[Text]:
    """One ranking with each chunk's places in all of them."""
    key = cursor.key
    keys = Text(no_wrap=True)
    for each in COLUMNS:
        count = len(view.lost) if each == LOST else view.ranking(each).total
        keys.append(f"{'▌' if each == key else ' '}{each} {count} ", palette.heading if each == key else palette.muted)
    keys.append(f" {NAMES[key]}", palette.text)
    head = Text(f"{'':>5}{'score':>6}" + "".join(f"{each:>4}" for each in RANKINGS), palette.muted, no_wrap=True)
    rows = [exact(keys, width), exact(head, width)]
    ids = ids_of(view, key)
    top = page_top(ids, cursor.chunk, height - 2)
    for at, i in enumerate(ids[top : top + height - 2], top + 1):
        chunk = view.chunks[i]
        style = palette.cursor if i == cursor.chunk else None
        row = Text(no_wrap=True)
        row.append(f"{at:>4} ", style or palette.text)
        row.append(f"{score(chunk.scores.get('B' if key == LOST else key, 0.0)):>6}", style or palette.muted)
        for each in RANKINGS:
            place = chunk.ranks.get(each)
            row.append(f"{place or '·':>4}", style or (palette.text if place else palette.absent))
        mark, role = _mark(view, key, chunk, palette)
        row.append(f" {mark:<3} ", style or role)
        row.append(pad(said(chunk), max(width - len(row), 1)), style or palette.text)
        rows.append(exact(row, width))
    if not ids:
        rows.append(exact(Text("  nothing", palette.muted), width))
    return rows + [Text(" " * width) for _ in range(height - len(rows))]
