"""The main screen: query line, timings, lists, weights, document."""

from __future__ import annotations

from textual.screen import Screen


class MainScreen(Screen[None]):
    """Where the console's work is done.

    Rows from the top: title, query line, timing strip beside the status chip, the panes, the line of messages and
    keys. Every pane has a one-line title above it, which this screen paints: panes paint their content alone, without
    border or padding. Wide: lists and document left, weights right. Narrow: weights take the document's place.
    """
