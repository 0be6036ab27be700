"""Recordings: searches in one file that replay without index, model or network.

    recording = open_recording(Path("cranfield.rankscope"))
    trace = recording.searches[0].search().rank(recording.settings)

``engine.recorder`` writes them, ``engine.recording_format`` is the file, ``engine.replay`` answers from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from engine.analysis.query import Query
from engine.errors import RecordingError
from engine.executor import make_executor
from engine.pipeline import Pipeline
from engine.recording_format import Head, SearchSection, Shared, damaged, read_sections
from engine.replay import Recorded, RecordedStore, ReplayedSearch, UnrecordedSearch
from engine.resources import Resources
from engine.search import Search
from engine.settings.schema import Settings
from engine.settings.shape import LEG_KINDS

_LISTED, _LISTED_WIDTH = 5, 40


@dataclass(frozen=True)
class RecordedSearch:
    """One search of a recording; ``id`` is its query's in the set."""

    recording: Recording
    section: SearchSection

    @property
    def id(self) -> str:
        return self.section.id

    @property
    def text(self) -> str:
        """The query as typed."""
        return self.section.query.text

    def search(self) -> ReplayedSearch:
        """The search as it was when it was recorded: a new one with each call. Raises ``RecordingError``."""
        try:
            return ReplayedSearch(self.recording.resources, self.recording.recorded, self.section)
        except (ValueError, LookupError, msgspec.MsgspecError) as error:
            raise damaged(self.recording.path, f"query {self.id}: {error}") from None


@dataclass(frozen=True)
class Recording:
    """An opened recording, whole in memory.

    settings  that all its searches ran with, without secrets
    texts     whether stored fields are in it
    """

    path: Path
    head: Head
    recorded: Recorded
    sections: tuple[SearchSection, ...]
    texts: bool

    @property
    def settings(self) -> Settings:
        return self.recorded.settings

    @property
    def settings_tree(self) -> dict[str, Any]:
        """The settings as a tree, for other settings to stand on."""
        tree: dict[str, Any] = msgspec.to_builtins(self.settings)
        return tree

    @cached_property
    def searches(self) -> tuple[RecordedSearch, ...]:
        return tuple(RecordedSearch(self, section) for section in self.sections)

    @cached_property
    def resources(self) -> Resources:
        """What searches share: nothing that leads out of the recording."""
        return Resources(RecordedStore(self.recorded), make_executor(), None, {})

    def find(self, text: str) -> RecordedSearch | None:
        """The first search of that text, white space around it aside."""
        return next((each for each in self.searches if each.text.strip() == text.strip()), None)


class Replay(Pipeline):
    """A pipeline whose searches come from a recording. ``queries`` are the texts it has."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.resources)
        self.recording = recording

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.text for each in self.recording.searches))

    @property
    def listing(self) -> str:
        """The first queries, and how many more there are, in words."""
        shown = [text if len(text) <= _LISTED_WIDTH else text[: _LISTED_WIDTH - 1] + "…" for text in self.queries]
        more = len(shown) - _LISTED
        return ", ".join(map(repr, shown[:_LISTED])) + (f" and {more} more" if more > 0 else "") or "no queries"

    def begin(self, text: str, *, syntax: bool = True) -> Search:
        """The recorded search of this text, read as it was then. Running one that is not there raises
        ``RecordingError`` with those that are."""
        found = self.recording.find(text)
        if found is not None:
            return found.search()
        if not text.strip():
            return Search(self.resources, Query.plain(text))
        message = f"the query {text!r} is not in the recording {self.recording.path.name}"
        error = RecordingError(message, hint=f"it has {self.listing}")
        return UnrecordedSearch(self.resources, Query.plain(text), error)

    async def warm(self, settings: Settings) -> None:
        """A recording has nothing to load."""


def open_recording(path: Path) -> Recording:
    """Read a recording of this or an older version, and check that it is whole.

    Raises ``RecordingError`` for a file that is missing, damaged, cut short, of a newer version, or something else.
    """
    head, sections, shared = read_sections(path)
    try:
        recorded = Recorded.of(_settings(shared), shared.info, shared.ids, shared.documents)
    except (KeyError, TypeError, msgspec.MsgspecError) as error:
        raise damaged(path, str(error)) from None
    return Recording(path, head, recorded, tuple(sections), shared.texts)


def open_replay(path: Path) -> Replay:
    """A recording as a pipeline, with ``recording.settings`` to search by. Raises ``RecordingError``."""
    return Replay(open_recording(path))


def _settings(shared: Shared) -> Settings:
    """The settings exactly as they ran: order of legs and weights included. Keys that an older version did not have
    are at their defaults."""
    tree: dict[str, Any] = dict(shared.settings)
    legs = {name: msgspec.convert(leg, LEG_KINDS[leg["kind"]]) for name, leg in tree.pop("legs").items()}
    types = {info.name: info.type for info in msgspec.structs.fields(Settings)}
    tables = {name: msgspec.convert(value, types[name]) for name, value in tree.items()}
    return Settings(legs=legs, **tables)
