"""A file of records as a source: what JSON Lines and CSV have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from engine.errors import SourceError
from engine.ingest.base import Item, Problem, SourceOptions, SourceSchema
from engine.ingest.lines import file_mark
from engine.ingest.mapping import Mapper, Record, check_fields, flatten, propose_schema

SAMPLE_RECORDS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """How a kind of file is read. ``typed``: its values know whether they are numbers."""

    read: Callable[[Path, SourceOptions], Iterator[Record | Problem]]
    count: Callable[[Path], int]
    typed: bool


class RecordsFile:
    """The documents of one file. Its first records decide the schema, and show whether the user's fields exist."""

    def __init__(self, path: Path, options: SourceOptions, form: Format, name: str = "") -> None:
        self.name = name or path.name
        self._path = path
        self._options = options
        self._form = form
        fields = dict.fromkeys(field for record in self._sample() for field, _ in flatten(record.values))
        if not fields:
            first = next(form.read(path, options), None)
            raise SourceError(f"{path} holds no document{f': {first}' if first else ''}", hint="one record per line")
        check_fields(options, fields, str(path))
        mapper = Mapper.of(options)
        self.schema: SourceSchema = propose_schema(map(mapper.item, self._sample()), form.typed)
        self._mapper = dataclasses.replace(
            mapper,
            text_fields=frozenset(self.schema.text_fields),
            numbers=frozenset() if form.typed else frozenset(self.schema.numeric_fields),
        )

    def fingerprint(self) -> str:
        return repr((file_mark(self._path), self._options))

    def count(self) -> int | None:
        return self._form.count(self._path)

    def documents(self) -> Iterator[Item]:
        for record in self._form.read(self._path, self._options):
            yield record if isinstance(record, Problem) else self._mapper.item(record)

    def _sample(self) -> Iterator[Record]:
        """The first records, read anew each time: none is kept, however long it is."""
        first = islice(self._form.read(self._path, self._options), SAMPLE_RECORDS)
        return (record for record in first if isinstance(record, Record))
