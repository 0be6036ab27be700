"""The lines between two lists that join the same document, in braille dots."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.views import ListView
from console.widgets.direct import Direct
from console.widgets.result_list import ResultList

SAME, WON, LOST, PINNED, CURSOR = range(5)
"""What a line says of its document, going right; a later one is drawn over an earlier one."""

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
"""The braille bit of each dot of a cell, four rows by two columns."""


class Flow(Direct):
    """Joins two neighbouring lists. A document in view on one side alone gets an arrow to where it went."""

    DEFAULT_CSS = "Flow { width: 8; height: 1fr; }"

    def __init__(self, left: ResultList, right: ResultList) -> None:
        super().__init__()
        self._left, self._right = left, right
        self._drawn: tuple[object, ...] | None = None
        self._strips: list[Strip] = []

    def rows(self, top: int, bottom: int) -> list[Strip]:
        left, right = self._left, self._right
        width, height = self.size.width, self.size.height - 1
        key = (
            left.view and left.view.version,
            right.view and right.view.version,
            left.scroll_offset.y,
            right.scroll_offset.y,
            width,
            height,
            left.cursor_id,
            left.pinned_id,
            self.ground,
        )
        if key != self._drawn:
            self._drawn = key
            beside_headings = Strip([Segment("─" * width, self.ground + self.palette.rule)], width)
            self._strips = [beside_headings, *self._draw(width, height)]
        return self._strips[top:bottom]

    def render_line(self, y: int) -> Strip:
        return self.rows(y, y + 1)[0]

    def _draw(self, width: int, height: int) -> list[Strip]:
        left, right = self._left.view, self._right.view
        if left is None or right is None or left.ids is not right.ids:
            return [Strip.blank(width, self.ground)] * height
        tops = int(self._left.scroll_offset.y), int(self._right.scroll_offset.y)
        lines = visible_lines(left, right, tops, height, self._left.cursor_id, self._left.pinned_id)
        text, kinds = raster(lines, width, height)
        palette, ground = self.palette, self.ground
        styles = [ground + style for style in (palette.rule, palette.up, palette.down, palette.pinned, palette.heading)]
        return [self._strip(text[y], kinds[y], styles) for y in range(height)]

    def _strip(self, text: str, kinds: list[int], styles: list[Style]) -> Strip:
        edges = [0, *(at for at in range(1, len(text)) if kinds[at] != kinds[at - 1]), len(text)]
        return Strip([Segment(text[a:b], styles[kinds[a]]) for a, b in pairwise(edges)], len(text))


def visible_lines(
    left: ListView, right: ListView, tops: tuple[int, int], height: int, cursor_id: str, pinned_id: str
) -> npt.NDArray[np.int64]:
    """int64[k, 3]: row on the left, row on the right, and what the line says, for every document in view on a side.

    Rows are cells from the top of the view and may lie outside it on one side; a document that the other list lacks
    counts as far below. Sorted so that what matters is drawn last.
    """
    seen_left = left.order[tops[0] : tops[0] + height]
    seen_right = right.order[tops[1] : tops[1] + height]
    only_right = seen_right[~np.isin(seen_right, seen_left)]
    rows = np.concatenate((seen_left, only_right))
    far = 1_000_000
    a = np.where(left.position[rows] < 0, far, left.position[rows] - tops[0])
    b = np.where(right.position[rows] < 0, far, right.position[rows] - tops[1])
    places = right.position[rows] - left.position[rows]
    kind = np.where(places == 0, SAME, np.where(places < 0, WON, LOST))
    for document_id, special in ((pinned_id, PINNED), (cursor_id, CURSOR)):
        if document_id in left.ids:
            kind[rows == left.ids.index(document_id)] = special
    order = np.argsort(kind, kind="stable")
    return np.column_stack((a, b, kind))[order].astype(np.int64)


def raster(lines: npt.NDArray[np.int64], width: int, height: int) -> tuple[list[str], list[list[int]]]:
    """The rows of text that draw ``visible_lines``, and for each cell what its line says, [height][width].

    A document in view on both sides is an S-curve from edge to edge; on one side alone it is ↑ or ↓ at that edge.
    """
    dots = np.zeros((height * 4, width * 2), dtype=np.uint8)
    kinds = np.zeros((height, width), dtype=np.int64)
    inside = (lines[:, :2] >= 0) & (lines[:, :2] < height)
    joined = inside.all(axis=1)
    both = lines[joined]
    if len(both):
        steps = width * 2 + height * 4
        t = (np.arange(steps) + 0.5) / steps
        x = np.broadcast_to((t * width * 2).astype(np.int64), (len(both), steps)).ravel()
        start, end = both[:, :1] * 4 + 1, both[:, 1:2] * 4 + 1
        y = np.rint(start + (end - start) * (t * t * (3 - 2 * t))).astype(np.int64).ravel()
        dots[y, x] = 1
        kinds[y // 4, x // 2] = np.repeat(both[:, 2], steps)  # of lines that share a cell the last has it
    cells = np.einsum("hawb,ab->hw", dots.reshape(height, 4, width, 2), _BITS, dtype=np.uint32)
    characters = np.where(cells > 0, cells + 0x2800, 0x20).astype("<u4")
    for (left, right, kind), (in_left, _) in zip(lines[~joined].tolist(), inside[~joined].tolist(), strict=True):
        here, there, column = (left, right, 0) if in_left else (right, left, width - 1)
        characters[here, column] = ord("↑" if there < here else "↓")
        kinds[here, column] = kind
    return [row.tobytes().decode("utf-32-le") for row in characters], kinds.tolist()
