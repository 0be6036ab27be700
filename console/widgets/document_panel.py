"""The document under the cursor: its score's account, the query's terms, and its text with the matches marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

from rich.color import Color, blend_rgb
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip

from console.numbers import count, score
from console.palette import Palette, leg_mark
from console.views_carried import AGAINST, GLYPHS, LEGEND, LITTLE, MUCH, NONE, SOME, told
from console.views_cascade import StageAccount
from console.views_document import (
    DocumentView,
    LegAccount,
    RerankAccount,
    TermAccount,
    TextBlock,
    TextSource,
    text_blocks,
)
from console.widgets.direct import Direct
from console.widgets.lines import Row, ScrolledLines, bar, pad, width_of, wrap
from console.words import same_word
from engine.rerankers.attribution import Attribution

BAR_LEAST = 6
LABEL = 10
NARROW = 48
"""Cells below which a leg's raw score moves to its second line."""
FOLD_FROM, CONTEXT = 8, 2
"""A best passage below that line has what stands before it folded, but for so many lines."""


class DocumentPanel(Direct, ScrolledLines, can_focus=True):
    """Scrolls by keys and wheel; a new document begins at its top."""

    DEFAULT_CSS = "DocumentPanel { width: 1fr; height: 1fr; overflow: hidden scroll; scrollbar-size-vertical: 1; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "by(-1)", "Up", id="document-up"),
        Binding("down,j", "by(1)", "Down", id="document-down"),
        Binding("pageup", "by(-1, True)", "Page up", id="document-page-up"),
        Binding("pagedown,space", "by(1, True)", "Page down", id="document-page-down"),
        Binding("home,g", "edge(0)", "Top", id="document-top"),
        Binding("end,G", "edge(1)", "End", id="document-end"),
        Binding("right_square_bracket", "next_match", "Next match", id="document-next-match"),
        Binding("enter", "unfold", "Whole text", id="document-unfold"),
    ]

    HELP = (
        "Why the document stands where it stands. Each leg: raw score → normalised × weight = its share. Shares and "
        "features add up to the fused score; the blend makes the final one of that and the reranker's. Then the "
        "query's terms, how many documents hold each, and what each gives this one; then the text, with what matched "
        "marked and the best passage at the bar. a marks the sentences that carried the rerank score: it is scored "
        "again without each."
    )

    view: DocumentView | None = None
    unfolded = False
    _text: tuple[tuple[int, Palette, bool], TextSource, Sequence[Strip]] | None = None

    def show(self, view: DocumentView | None) -> None:
        """Paints the account of this document, or that none is chosen."""
        before, self.view = self.view, view
        if before is None or view is None or before.id != view.id:
            self.unfolded = False
            self.scroll_to(y=0, animate=False, immediate=True)
        self.repaint()

    def action_by(self, step: int, pages: bool = False) -> None:
        """Scrolls by lines or pages, at once."""
        page = max(self.scrollable_content_region.height - 1, 1)
        self.scroll_relative(y=step * (page if pages else 1), animate=False, immediate=True)

    def action_edge(self, end: int) -> None:
        self.scroll_to(y=self.max_scroll_y if end else 0, animate=False, immediate=True)

    def action_unfold(self) -> None:
        """Shows, or hides again, what stands before the best passage."""
        self.unfolded = not self.unfolded
        self.repaint()

    def to_text(self) -> None:
        """Scrolls to where the texts begin."""
        if self.view is not None:
            width = self.scrollable_content_region.width
            self.built(width)  # so that there is somewhere to scroll to
            y = sum(1 for _ in account_lines(self.view, self.palette, width))
            self.call_after_refresh(self.scroll_to, y=y, animate=False, immediate=True)

    def action_next_match(self) -> None:
        """Scrolls on to the next line that holds a match."""
        matches = [y for y, strip in enumerate(self.built(self.scrollable_content_region.width)) if _has_match(strip)]
        here = int(self.scroll_offset.y)
        below = [y for y in matches if y > here + 2] or matches
        if below:
            self.scroll_to(y=max(below[0] - 2, 0), animate=False, immediate=True)

    def lines(self, width: int) -> Sequence[Strip]:
        if self.view is None:
            return [Row(width).add(" No document under the cursor.", self.palette.muted).strip()]
        return [*account_lines(self.view, self.palette, width), *self._text_lines(self.view.source, width)]

    def _text_lines(self, source: TextSource, width: int) -> Sequence[Strip]:
        """The text's lines, made anew only for another text, width or theme: a slider changes none of them."""
        key = (width, self.palette, self.unfolded)
        if self._text is None or self._text[0] != key or not self._text[1].same(source):
            self._text = (key, source, list(text_lines(source, self.palette, width, whole=self.unfolded)))
        return self._text[2]


def _has_match(strip: Strip) -> bool:
    return any(segment.style is not None and segment.style.meta.get("match") for segment in strip)


def account_lines(view: DocumentView, palette: Palette, width: int) -> Iterator[Strip]:
    """Ranks, score and terms at that width; reads from 40 cells on."""
    yield from _head(view, palette, width)
    yield from _account(view, palette, width)
    if view.terms:
        yield _heading("Query terms", palette, width)
        yield from _terms(view.terms, palette, width)


def text_lines(source: TextSource, palette: Palette, width: int, *, whole: bool = False) -> Iterator[Strip]:
    """The document's texts at that width; ``whole`` unfolds what stands far before the best passage."""
    blocks = text_blocks(source)
    best = best_line(blocks, width - 2)
    if source.attribution is not None:
        yield from _legend(source.attribution, source.running, palette, width)
        whole = True
    for block in blocks:
        yield from _text(block, palette, width, best, whole)
    if not blocks:
        yield _heading("Text", palette, width)
        yield Row(width).add(" no text" if source.document else " not fetched yet", palette.muted).strip()


def _heading(text: str, palette: Palette, width: int, note: str = "") -> Strip:
    row = Row(width).add(f" {text} ", palette.heading)
    tail = width_of(note) + 2 if note else 1
    row.add("─" * max(row.left - tail, 0), palette.rule)
    return row.add(f" {note} " if note else "", palette.muted).strip()


def _head(view: DocumentView, palette: Palette, width: int) -> Iterator[Strip]:
    """Title with rank and score, the id, then the ranks stage by stage."""
    row = Row(width).add(" ★ " if view.pinned else " ", palette.pinned)
    numbers = f"  {score(view.score)} "
    place = f"#{view.rank}" if view.rank else "not ranked"
    moved = view.fused_rank - view.rank if view.rank and view.fused_rank and view.rerank else 0
    delta = f" {'▲' if moved > 0 else '▼'}{abs(moved)}" if moved else ""
    room = row.left - width_of(numbers + place + delta) - 1
    row.add(pad(view.title, max(room, 8)), palette.text + Style(bold=True)).add(f" {place}", palette.accent)
    row.add(delta, palette.up if moved > 0 else palette.down)
    yield row.add(numbers, palette.heading).strip()
    if view.id != view.title:
        yield Row(width).add(f" {view.id}", palette.muted).strip()
    yield from _place_lines(view, palette, width)
    if view.dropped:
        yield Row(width).add(" ⊘ not in the results: ", palette.warning).add(view.dropped, palette.text).strip()


def _place_lines(view: DocumentView, palette: Palette, width: int) -> Iterator[Strip]:
    """``lexical 3 → dense 1 → fused 2 → reranked 1``, on as many lines as it takes."""
    row = Row(width).add(" ")
    for at, place in enumerate(view.places):
        rank = str(place.rank) if place.rank else "–"
        arrow = " → " if at else ""
        if row.left < width_of(arrow + place.stage + rank) + 2:
            yield row.strip()
            row = Row(width).add("  ")
        row.add(arrow, palette.muted).add(f"{place.stage} ", palette.muted)
        row.add(rank, palette.tone(place.role) + Style(bold=True) if place.rank else palette.absent)
    yield row.strip()


# --- the account ------------------------------------------------------------------------------------------------------


def _account(view: DocumentView, palette: Palette, width: int) -> Iterator[Strip]:
    yield _heading("Score", palette, width, "raw → normalised × weight = share" if width >= 56 else "")
    blank = _blank(width)
    for leg in view.legs:
        yield from _leg(leg, palette, width)
    for feature in view.features:
        row = Row(width).add(" + ", palette.feature).add(pad(feature.name, LABEL), palette.text)
        row.add(f"{score(feature.raw):>7}{blank[7:]}", palette.muted)
        yield _with_bar(row, feature.contribution, feature.share, palette.feature)
    fused = Row(width).add(" = ", palette.fused).add(pad("fused", LABEL), palette.fused + Style(bold=True))
    fused.add(blank).add(f" {score(view.fused_score):>6} ", palette.fused + Style(bold=True))
    yield fused.add(f" rank {view.fused_rank}" if view.fused_rank else " not ranked", palette.muted).strip()
    yield from _rerank(view, palette, width)


def _blank(width: int) -> str:
    """What stands between a label and its share where there are no numbers."""
    return " " * (22 if width >= NARROW else 12)


def _leg(leg: LegAccount, palette: Palette, width: int) -> Iterator[Strip]:
    style, wide = palette.leg(leg.place), width >= NARROW
    row = Row(width).add(f" {leg_mark(leg.place)} ", style).add(pad(leg.name, LABEL), palette.text)
    if math.isnan(leg.raw):
        yield row.add(f"{'–':>7}  ", palette.absent).add(leg.note, palette.absent).strip()
        return
    if wide:
        row.add(f"{score(leg.raw):>7}", palette.text).add(" → ", palette.muted)
    row.add(f"{score(leg.normalized):>5}", palette.text).add(" × ", palette.muted)
    row.add(f"{score(leg.weight, 2):>4}", palette.text)
    yield _with_bar(row, leg.contribution, leg.share, style)
    parts = " + ".join(f"{name} {score(value)}" for name, value in leg.fields if value)
    rank = f"rank {leg.rank}" if leg.rank else ""
    kind = leg.kind if wide else f"{leg.kind} {score(leg.raw)}"
    yield _detail((kind, rank, parts, leg.note), palette, width)


def _detail(parts: Sequence[str], palette: Palette, width: int) -> Strip:
    """The second line of an entry: what is not empty, between dots."""
    indent = LABEL + 3 if width >= NARROW else 5
    return Row(width).add(" " * indent).add(" · ".join(filter(None, parts)), palette.muted).strip()


def _with_bar(row: Row, contribution: float, share: float, style: Style) -> Strip:
    row.add(f" {score(contribution):>6} ", style + Style(bold=True))
    room = row.left - 1
    return row.add(bar(share * room) if room >= BAR_LEAST else "", style).strip()


def _rerank(view: DocumentView, palette: Palette, width: int) -> Iterator[Strip]:
    account = view.rerank
    for stage in view.stages:
        about = (stage.model, f"rank {stage.rank}" if stage.score == stage.score else "", stage.kind)
        yield from _said(stage.name, stage, stage.note, about, palette, width)
    if not view.stages:
        yield from _said("rerank", account, view.rerank_note, (account.kind if account else "",), palette, width)
    if account is None:
        return
    last = Row(width).add(" = ", palette.heading).add(pad("final", LABEL), palette.heading).add(_blank(width))
    yield last.add(f" {score(view.score):>6} ", palette.heading).strip()
    if math.isnan(account.fused_part):
        how = f"the reranker's score ({account.blend})"
    else:
        how = f"{score(account.fused_part)} of fused + {score(account.rerank_part)} of rerank ({account.blend})"
    yield _detail((how,), palette, width)


def _said(
    name: str,
    said: RerankAccount | StageAccount | None,
    note: str,
    about: Sequence[str],
    palette: Palette,
    width: int,
) -> Iterator[Strip]:
    """What one reranker said, or why it said nothing."""
    row = Row(width).add(" ⇅ ", palette.rerank).add(pad(name, LABEL), palette.text)
    if said is None or note:
        yield row.add(f"{'–':>7}  ", palette.unscored).add(note, palette.unscored).strip()
        return
    row.add(f"{score(said.raw):>7}", palette.text).add(" → ", palette.muted).add(_blank(width)[10:])
    yield _with_bar(row, said.score, min(max(said.score, 0.0), 1.0), palette.rerank)
    yield _detail((*about, _tokens(*said.tokens), "text cut to fit" if said.truncated else ""), palette, width)


def _tokens(seen: int, total: int) -> str:
    """``512 of 1,340 tokens``; '' where the reranker did not tell."""
    if seen < 0:
        return ""
    return f"{count(seen)} of {count(total)} tokens" if seen < total else f"{count(seen)} tokens"


# --- terms and text ---------------------------------------------------------------------------------------------------


def _terms(terms: Sequence[TermAccount], palette: Palette, width: int) -> Iterator[Strip]:
    name = min(max(max(width_of(term.text) for term in terms), 4), max(width // 4, 8))
    field = min(max(max(width_of(term.field) for term in terms), 5), 12)
    head = Row(width).add(f" {'term':{name}} {'field':{field}} {'docs':>7} {'idf':>5} {'gives':>7}", palette.muted)
    yield head.strip()
    missing, elsewhere = list[TermAccount](), dict[str, list[str]]()
    known = [term for term in terms if term.df]
    for term in known:
        yield _term(term, palette, width, name, field)
    for term in (term for term in terms if not term.df):
        if any(same_word(term, other) for other in known):
            elsewhere.setdefault(term.field, []).append(term.text)
        elif not any(same_word(term, other) for other in missing):
            missing.append(term)
    for absent, texts in elsewhere.items():
        yield Row(width).add(f" in no {absent}: {', '.join(texts)}", palette.muted).strip()
    for term in missing:
        row = Row(width).add(f" {pad(term.text, name)} ", palette.absent).add("not in the index", palette.warning)
        nearest = ", ".join(term.nearest)
        yield row.add(f", nearest: {nearest}" if nearest else "", palette.text).strip()


def _term(term: TermAccount, palette: Palette, width: int, name: int, field: int) -> Strip:
    row = Row(width).add(f" {pad(term.text, name)} ", palette.match if term.contribution > 0 else palette.text)
    row.add(f"{pad(term.field, field)} ", palette.muted)
    row.add(f"{count(term.df):>7} {score(term.idf):>5} ", palette.muted)
    row.add(f"{score(term.contribution) if term.contribution else '–':>7} ", palette.text)
    note = f"synonym of {term.source} ×{term.weight:g} " if term.source else ""
    room = row.left - 1 - width_of(note)
    row.add(bar(term.share * room) if room >= BAR_LEAST else "", palette.accent)
    return row.add(f" {note}" if note else "", palette.muted).strip()


def best_line(blocks: Sequence[TextBlock], width: int) -> tuple[str, int]:
    """Field and line where the most matches stand together (three lines): the snippet; ``('', 0)`` without matches."""
    best, found = ("", 0), 0
    for block in blocks:
        starts = [a for a, _ in wrap(block.text, width)]
        hits = [0] * len(starts)
        line = 0
        for begin, _ in block.spans:
            while line + 1 < len(starts) and starts[line + 1] <= begin:
                line += 1
            hits[line] += 1
        for at in range(len(hits)):
            together = sum(hits[at : at + 3])
            if hits[at] and together > found:
                best, found = (block.field, at), together
    return best


def _text(block: TextBlock, palette: Palette, width: int, best: tuple[str, int], whole: bool) -> Iterator[Strip]:
    """The field's lines; those long before the best passage are folded into one."""
    matches = f"{len(block.spans)} match{'es' if len(block.spans) != 1 else ''}" if block.spans else ""
    yield _heading(block.field, palette, width, matches)
    marked = palette.match + Style(meta={"match": True})
    lines = wrap(block.text, max(width - 2, 1))
    found = best[1] if best[0] == block.field else -1
    first = found - CONTEXT if found > FOLD_FROM and not whole else 0
    if first:
        yield Row(width).add(f" ⋯ {first} lines before the best passage (enter shows them)", palette.muted).strip()
    ground = carried_styles(palette)
    for number, (start, end) in enumerate(lines[first:], first):
        touching = [(begin, stop, grade) for begin, stop, grade in block.carried if begin < end and stop > start]
        if block.carried:
            strongest = max((grade for _, _, grade in touching), key=abs, default=NONE)
            row = Row(width).add(GLYPHS[strongest], palette.rerank if strongest > 0 else palette.down)
        else:
            row = Row(width).add("▎" if number == found else " ", palette.accent)
        cuts = {start, end, *(at for span in (*block.spans, *touching) for at in span[:2] if start < at < end)}
        for begin, stop in pairwise(sorted(cuts)):
            matched = any(a <= begin < b for a, b in block.spans)
            style = marked if matched else palette.text
            grade = next((grade for a, b, grade in touching if a <= begin < b), NONE)
            row.add(block.text[begin:stop], style + ground[grade])
        yield row.strip()


def _legend(attribution: Attribution, running: bool, palette: Palette, width: int) -> Iterator[Strip]:
    """As many lines while it runs as after: the text stays where it is."""
    heading = "What carried the score"
    narrow = width_of(heading + LEGEND) + 6 > width
    yield _heading(heading, palette, width, "" if narrow else LEGEND)
    if narrow:
        yield Row(width).add(f" {LEGEND}", palette.muted).strip()
    yield Row(width).add(f" {told(attribution, running=running)}", palette.text).strip()


def carried_styles(palette: Palette) -> dict[int, Style]:
    """What lies under a passage by its grade: the reranker's colour, fainter with less, where colours can be mixed; and
    bold, italic or dim, so that it reads without colour."""
    strong, ground = palette.rerank.color, palette.cursor_blurred.bgcolor
    faces = {
        MUCH: Style(bold=True), SOME: Style(italic=True), LITTLE: Style(), NONE: Style(), AGAINST: Style(dim=True)
    }  # fmt: skip
    if strong is None or ground is None or strong.triplet is None or ground.triplet is None:
        return faces
    for grade, share in ((MUCH, 0.45), (SOME, 0.28), (LITTLE, 0.14)):
        mixed = Color.from_triplet(blend_rgb(ground.triplet, strong.triplet, share))
        faces[grade] += Style(bgcolor=mixed)
    return faces
