"""What widgets tell the screen: small records, handled in one place each."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

FUSED, RERANKED = "fused", "reranked"
"""Names of the two lists that are always there; the others have their leg's."""


@dataclass
class KnobTurned(Message):
    """A slider or a switch has a new value; the settings do not yet."""

    path: str
    value: object


class QueryLeft(Message):
    """Down from the newest query: to what stands below."""


@dataclass
class QuerySubmitted(Message):
    """Enter was pressed on the query line."""

    text: str


@dataclass
class CursorMoved(Message):
    """The cursor of a list (``fused``, ``reranked``, or a leg's name) stands on another document."""

    list_name: str
    id: str


@dataclass
class Pinned(Message):
    """Follow this document through every stage; '' follows none."""

    id: str


@dataclass
class RerankToggled(Message):
    """The reranker is to be switched on or off."""


@dataclass
class ActionRequested(Message):
    """Run an action of ``console.actions`` by its name: what a palette, a footer or a list of keys posts."""

    name: str
    args: tuple[str, ...] = ()


@dataclass
class ScreenReady(Message):
    """The main screen is composed and its query line has the focus."""
