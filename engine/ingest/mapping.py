"""From a record of a file (a JSON object, a CSV row) to a document: id, renamed fields, flat values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from engine.errors import SourceError
from engine.ingest.base import DEFAULT_ANALYZER, Item, Problem, SourceDocument, SourceOptions, SourceSchema
from engine.records import Document, FieldValue

ID_FIELDS = ("_id", "id")
LINE_NUMBER = "#"
TEXT_WORDS = 5
"""A field is text where a value of the sample has this many words, else a keyword."""

_INT64 = 1 << 63
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Record:
    """A line that could be parsed: its place, its number in the file, its values."""

    where: str
    line: int
    values: Mapping[str, object]


def flatten(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, FieldValue]]:
    """Nested objects as dotted names; a list of objects as one list per dotted name; nulls are no values."""
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{path}.")
        elif isinstance(value, list):
            yield from _flatten_list(path, value)
        elif value is not None:
            yield path, _scalar(value)


def _flatten_list(path: str, values: Iterable[object]) -> Iterator[tuple[str, FieldValue]]:
    plain: list[str] = []
    nested: dict[str, list[str]] = {}
    for value in values:
        if isinstance(value, (Mapping, list)):
            inner = flatten({path: value}) if isinstance(value, list) else flatten(value, f"{path}.")
            for name, part in inner:
                nested.setdefault(name, []).extend(part if isinstance(part, list) else [str(part)])
        elif value is not None:
            plain.append(_text(value))
    plain += nested.pop(path, [])
    if plain:
        yield path, plain
    yield from nested.items()


def _scalar(value: object) -> FieldValue:
    """The value as it is; integers beyond 64 bits as text, since no column holds them."""
    if isinstance(value, bool) or (isinstance(value, int) and -_INT64 <= value < _INT64):
        return value
    return value if isinstance(value, (str, float)) else str(value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: FieldValue) -> FieldValue:
    """A text that is written as a number as that number (``007`` is none), anything else as it is."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    return _scalar(int(value)) if value.lstrip("-").isdecimal() else float(value)


@dataclass(frozen=True, slots=True)
class Mapper:
    """Makes documents of records.

    id_fields    tried in turn
    renamed      the source's field → ours
    text_fields  made text whatever they hold; numbers: texts made numbers where they are one
    """

    id_fields: tuple[str, ...]
    renamed: Mapping[str, str]
    text_fields: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, options: SourceOptions) -> Mapper:
        return cls(
            (options.id_field,) if options.id_field else ID_FIELDS,
            {source: ours for ours, source in options.fields.items()},
        )

    def item(self, record: Record) -> Item:
        """The record's document, or why it has none."""
        flat = dict(flatten(record.values))
        found = self._id(record, flat)
        if isinstance(found, Problem):
            return found
        mapped = {self.renamed[name]: value for name, value in flat.items() if name in self.renamed}
        fields = {name: value for name, value in flat.items() if name not in self.renamed and name not in mapped}
        fields |= mapped
        for name in self.text_fields & fields.keys():
            value = fields[name]
            fields[name] = value if isinstance(value, (str, list)) else _text(value)
        for name in self.numbers & fields.keys():
            fields[name] = number(fields[name])
        return SourceDocument(Document(found, fields), record.where)

    def _id(self, record: Record, flat: dict[str, FieldValue]) -> str | Problem:
        """The id, taken out of ``flat``."""
        if self.id_fields == (LINE_NUMBER,):
            return str(record.line)
        name = next((name for name in self.id_fields if name in flat), "")
        if not name:
            return Problem(record.where, f"there is no id: nothing in {' or '.join(map(repr, self.id_fields))}")
        value = flat.pop(name)
        if isinstance(value, (bool, float, list)) or not str(value).strip():
            return Problem(record.where, f"the id in {name!r} must be text or a whole number, not {value!r}")
        return str(value)


def check_fields(options: SourceOptions, found: Iterable[str], file: str) -> None:
    """Raises SourceError where a field that the user named is in none of the sampled records."""
    names = list(dict.fromkeys(found))
    listed = ", ".join(names[:12]) or "none"
    for option, wanted in (
        ("--id-field", options.id_field),
        *((f"--field {ours}=", source) for ours, source in options.fields.items()),
    ):
        if wanted and wanted != LINE_NUMBER and wanted not in names:
            near = get_close_matches(wanted, names, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise SourceError(f"{option}: {file} has no field {wanted!r}", hint=f"{hint}it has {listed}")
    if not options.id_field and names and not any(name in names for name in ID_FIELDS):
        raise SourceError(
            f"{file} has no field '_id' or 'id'",
            hint=f"--id-field NAME, with NAME one of {listed}; --id-field '#' numbers the documents by line",
        )


def propose_schema(items: Iterable[Item], typed: bool = True) -> SourceSchema:
    """Which fields are text, keyword and number, from the first documents. Title and text are text whatever they
    hold, and title comes first. ``typed`` False: texts that are written as numbers count as numbers."""
    words: dict[str, int] = {}
    numeric: dict[str, bool] = {}
    for item in items:
        for name, value in item.document.fields.items() if isinstance(item, SourceDocument) else ():
            value = value if typed else number(value)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            numeric[name] = numeric.get(name, True) and is_number
            words[name] = max(words.get(name, 0), len(value.split()) if isinstance(value, str) else 0)
    ordered = sorted(words, key=lambda name: (name != "title", name != "text"))
    text = [name for name in ordered if name in ("title", "text") or words[name] >= TEXT_WORDS]
    text = text or [name for name in ordered if not numeric[name]]
    rest = [name for name in ordered if name not in text]
    return SourceSchema(
        text_fields=dict.fromkeys(text, DEFAULT_ANALYZER),
        keyword_fields=tuple(name for name in rest if not numeric[name]),
        numeric_fields=tuple(name for name in rest if numeric[name]),
        embedding_template="\n".join(f"{{{name}}}" for name in text),
    )
