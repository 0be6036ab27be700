"""What a source is: documents one by one, each with its place, and what could not be read, never dropped in silence.

A source reads lazily and may be read again from the start. ``checked`` adds what only a view over all documents can
see: duplicate ids and blank documents.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from engine.records import Document

DEFAULT_ANALYZER = "english"


class ProblemKind(StrEnum):
    """What is wrong at a place, for counting."""

    BAD = "bad"
    """Could not be read; nothing of it is in the index."""
    DUPLICATE = "duplicate"
    """An id seen before; the later document takes its place."""
    BLANK = "blank"
    """A line, document or query without text; a blank document is stored but has no vector."""
    SKIPPED = "skipped"
    """Left out on purpose (a binary file, a module that could not be imported)."""
    REFUSED = "refused"
    """The engine that is to hold it does not take it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the user should know about the source. ``where`` is ``file:line``, a file, or a module."""

    where: str
    text: str
    kind: ProblemKind = ProblemKind.BAD

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document and the place it was read from, ``file:line``."""

    document: Document
    where: str


Item = SourceDocument | Problem


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """How a source would like to be indexed; settings may say otherwise.

    text_fields         field → analyser, the fields to search, in the order to show them
    keyword_fields      fields to filter and group by
    numeric_fields      fields that hold numbers
    embedding_template  template over the fields (``engine.ingest.template``) of the text to embed
    """

    text_fields: Mapping[str, str]
    keyword_fields: tuple[str, ...] = ()
    numeric_fields: tuple[str, ...] = ()
    embedding_template: str = "{title}\n{text}"

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that the source is known to have."""
        return (*self.text_fields, *self.keyword_fields, *self.numeric_fields)


class Source(Protocol):
    """A corpus. Opening one raises ``SourceError`` where nothing at all can be read."""

    @property
    def name(self) -> str:
        """What to call the corpus: a file's or folder's name, or the reader's."""
        ...

    @property
    def schema(self) -> SourceSchema: ...

    def fingerprint(self) -> str:
        """Equal fingerprints promise the same documents in the same order, so that a build can be resumed."""
        ...

    def count(self) -> int | None:
        """An estimate of the items to come, for a progress bar; None where that would cost a full reading."""
        ...

    def documents(self) -> Iterator[Item]:
        """The documents from the start, in an order that never varies, and the problems where they were met."""
        ...


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a user can say about a source.

    kind       the reader to use; '' chooses by the source's name and shape
    id_field   the field that holds the id ('' tries ``_id`` and ``id``); ``#`` numbers the documents by their line
    fields     our field → the source's (dotted) field, where they differ
    delimiter  of a CSV file; '' is a tab for ``.tsv`` and a comma for the rest
    encoding   of the files
    max_chars  length above which a section of a text folder is split
    """

    kind: str = ""
    id_field: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = "utf-8"
    max_chars: int = 2000


def checked(source: Source) -> Generator[Item, None, None]:
    """The source's items, with a Problem before each document whose id was seen before (naming both places) and
    before each document without any text. The ids are kept in a temporary database that spills to disk: to be closed
    on its own thread by whoever does not read to the end."""
    with closing(sqlite3.connect("", isolation_level=None)) as seen:
        seen.execute("PRAGMA journal_mode = OFF")
        seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")
        seen.execute("BEGIN")
        for item in source.documents():
            if isinstance(item, SourceDocument):
                if earlier := _earlier_place(seen, item):
                    text = f"id {item.document.id!r} was already used at {earlier}; this later one takes its place"
                    yield Problem(item.where, text, ProblemKind.DUPLICATE)
                if not any(item.document.text_of(name).strip() for name in source.schema.text_fields):
                    text = f"document {item.document.id!r} has no text; it is stored, but nothing can find it by words"
                    yield Problem(item.where, text, ProblemKind.BLANK)
            yield item


def _earlier_place(seen: sqlite3.Connection, item: SourceDocument) -> str:
    """Where the id was met last, or ''; remembers the new place."""
    row = seen.execute("SELECT place FROM seen WHERE id = ?", (item.document.id,)).fetchone()
    seen.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (item.document.id, item.where))
    return row[0] if row else ""
