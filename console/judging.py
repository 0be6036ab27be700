"""Judgments that grow while one looks: queries and grades of a data set, each change saved at once. Knows no screen.

Grades are saved as qrels in the form that the file has (BEIR's three columns, or TREC's four), queries in a JSON Lines
file beside them: a folder that ``--data`` takes everywhere. Before every change the files are looked at again, so that
what somebody else wrote meanwhile is kept. What comes with the package is copied when it is first changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from engine.errors import SourceError, UsageError
from engine.evaluation.dataset import DEMO, QRELS_FILES, QUERY_FILES, first_file, same_numbers
from engine.evaluation.qrels import Qrels, read_qrels
from engine.evaluation.topics import is_topics, read_topics
from engine.files import write_atomically
from engine.ingest.base import Problem, ProblemKind
from engine.ingest.demo import demo_qrels, demo_queries
from engine.ingest.lines import read_lines
from engine.ingest.queries import QueryItem, read_queries

HEADER = "query-id\tcorpus-id\tscore"
GRADES = ("0", "1", "2", "3")
_NEW_QUERIES, _NEW_QRELS = Path("queries.jsonl"), Path("qrels", "test.tsv")
_HARMLESS = (ProblemKind.BLANK, ProblemKind.DUPLICATE)
_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Grading:
    """One document's grade for one query, before and after; None is unjudged."""

    query_id: str
    query: str
    document: str
    before: int | None
    after: int | None

    @property
    def change(self) -> str:
        """``grade of time.sleep –→3``."""
        before, after = ("–" if grade is None else str(grade) for grade in (self.before, self.after))
        return f"grade of {self.document} {before}→{after}"

    @property
    def reversed(self) -> Grading:
        """What takes it back."""
        return replace(self, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True)
class _Content:
    """What the files say; ``stamps`` tell whether they still do."""

    queries: tuple[QueryItem, ...]
    qrels: Qrels
    stamps: tuple[object, object]


class Judgments:
    """The queries of one data set and the grades of their documents.

    name      of the data set
    folder    where its files lie, or will
    version   rises with every change, also one made elsewhere
    """

    def __init__(self, name: str, folder: Path, *, packaged: bool = False) -> None:
        """Raises ``SourceError`` with ``file:line`` for files that cannot be read.

        ``packaged``: until the folder has files, the queries and judgments of ``python-docs`` stand in for them.
        """
        self.name = name
        self.folder = folder
        self.version = 0
        self._packaged = packaged
        self._queries_file = first_file(folder, QUERY_FILES) or folder / _NEW_QUERIES
        self._qrels_file = first_file(folder, QRELS_FILES) or folder / _NEW_QRELS
        self._take(self._read())

    @classmethod
    def open(cls, data: str, index: str, home: Path) -> Judgments:
        """Those of ``data``, a folder or ``python-docs``; '' takes the folder of the index under ``home``.

        Raises ``SourceError`` for a folder that is not there, and for files that cannot be read.
        """
        if data and (folder := Path(data)).is_dir():
            return cls(folder.resolve().name, folder)
        if data == DEMO:
            return cls(DEMO, home / DEMO, packaged=True)
        if data:
            hint = f"make the folder to begin a data set there, or name {DEMO}"
            raise SourceError(f"there is no data set folder {data}", hint=hint)
        return cls(index, home / (quote(index, safe=" ").lstrip(".") or "index"))

    # ---- looking

    @property
    def queries(self) -> tuple[QueryItem, ...]:
        """Every query of the set, also those without a judgment."""
        return self._content.queries

    def of_id(self, query_id: str) -> Mapping[str, int]:
        """Document id → grade. The same object until a grade changes."""
        return self._content.qrels.get(query_id, _NOTHING)

    def of_text(self, text: str) -> Mapping[str, int]:
        """The same by the query's words."""
        return self.of_id(self._ids.get(_plain(text), ""))

    def __bool__(self) -> bool:
        """Whether there is any grade."""
        return bool(self._content.qrels)

    # ---- changing

    def grade(self, query: str, document: str, grade: int | None) -> Grading:
        """Grade a document for a query and save it; None takes the grade away. A new query gets an id.

        Raises ``SourceError``, with nothing changed, for files that cannot be read or written.
        """
        self.refresh()
        query = " ".join(query.split())
        query_id = self._ids.get(_plain(query), "")
        before = self.of_id(query_id).get(document)
        if grade == before:
            return Grading(query_id, query, document, before, grade)
        if not query_id:
            query_id = _new_id([*(item.id for item in self.queries), *self._content.qrels])
        change = Grading(query_id, query, document, before, grade)
        self.apply(change)
        return change

    def apply(self, change: Grading) -> None:
        """Put ``change.after`` in place, whatever stands there: what undo and redo do. Raises what ``grade`` does."""
        self.refresh()
        queries, known = self.queries, change.query_id in {item.id for item in self.queries}
        if not known:
            queries = (*queries, QueryItem(change.query_id, change.query, str(self._queries_file)))
        grades = dict(self.of_id(change.query_id))
        grades.pop(change.document, None)
        qrels = {**self._content.qrels, change.query_id: grades}
        if change.after is not None:
            grades[change.document] = change.after
        elif not grades:
            del qrels[change.query_id]
        if not known or (self._packaged and not self._queries_file.exists()):
            self._write(self._queries_file, self._queries_text(queries, known))
        self._write(self._qrels_file, self._qrels_text(qrels))
        self._take(_Content(queries, qrels, self._stamps()))

    def refresh(self) -> bool:
        """Read files anew that were changed elsewhere; whether any was. Raises ``SourceError``."""
        if self._stamps() == self._content.stamps:
            return False
        self._take(self._read())
        return True

    def _take(self, content: _Content) -> None:
        """Hold this content. A query that stands twice is known by its judged id."""
        self._content = content
        self.version += 1
        judged_first = sorted(content.queries, key=lambda item: item.id not in content.qrels)
        self._ids: dict[str, str] = {}
        for item in judged_first:
            self._ids.setdefault(_plain(item.text), item.id)

    # ---- files

    def _stamps(self) -> tuple[object, object]:
        return _stamp(self._queries_file), _stamp(self._qrels_file)

    def _read(self) -> _Content:
        stamps = self._stamps()  # before reading: a change during it is seen next time
        if self._packaged and stamps == (None, None):
            return _Content(tuple(demo_queries()), demo_qrels(), stamps)
        queries = _queries(self._queries_file) if stamps[0] else []
        qrels = read_qrels(self._qrels_file) if stamps[1] and not _is_empty(self._qrels_file) else {}
        return _Content(tuple(queries), same_numbers(queries, qrels), stamps)

    def _queries_text(self, queries: Sequence[QueryItem], known: bool) -> str:
        """The queries' file with the last of them at its end. Raises ``SourceError`` for a form that takes no more."""
        file = self._queries_file
        if not file.exists():
            return "".join(map(_query_line, queries))
        text = file.read_text(encoding="utf-8-sig")
        if text and not text.endswith("\n"):
            text += "\n"
        if known:
            return text
        first = text.lstrip()[:1]
        if first in ("", "{"):
            return text + _query_line(queries[-1])
        if "\t" in text.strip().splitlines()[0] and not is_topics(file):
            return f"{text}{queries[-1].id}\t{queries[-1].text}\n"
        raise SourceError(f"{file}: a query cannot be added to a file of this form", hint="make it JSON Lines")

    def _qrels_text(self, qrels: Qrels) -> str:
        file = self._qrels_file
        first = next((line.text for line in read_lines(file) if line.text.strip()), "") if file.exists() else ""
        if first.lstrip().startswith("{"):
            raise SourceError(f"{file}: judgments in JSON Lines are not written", hint="convert them to BEIR's columns")
        trec = bool(first) and len(first.split("\t")) != 3
        rows = [(query, document, str(grade)) for query, grades in qrels.items() for document, grade in grades.items()]
        for _, document, _ in rows:
            if document != document.strip() or set(document) & set(" \t\r\n" if trec else "\t\r\n"):
                raise SourceError(f"the document id {document!r} has white space that {file} cannot hold")
        lines = [f"{q} 0 {d} {g}" for q, d, g in rows] if trec else [HEADER, *map("\t".join, rows)]
        return "".join(f"{line}\n" for line in lines)

    def _write(self, file: Path, text: str) -> None:
        try:
            write_atomically(file, text)
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "nothing was changed; name a folder that can be written with --data"
            raise SourceError(f"the judgments {file} cannot be saved: {reason}", hint=hint) from error


def grade_from(text: str) -> int | None:
    """A grade as a person writes it, ``-`` for none. Raises ``UsageError``."""
    if text == "-":
        return None
    if text not in GRADES:
        raise UsageError(f"{text} is no grade", hint="0 no, 1 related, 2 good, 3 the answer, - takes the grade away")
    return int(text)


def _queries(file: Path) -> list[QueryItem]:
    items = list(read_topics(file) if is_topics(file) else read_queries(file))
    for item in items:
        if isinstance(item, Problem) and item.kind not in _HARMLESS:
            raise SourceError(str(item), hint="mend the line, or take it out")
    return [item for item in items if isinstance(item, QueryItem)]


def _is_empty(file: Path) -> bool:
    """Whether the file has no line, or only the header that is left when the last grade is taken away."""
    return all(line.text.strip() in ("", HEADER) for line in read_lines(file))


def _stamp(file: Path) -> object:
    """What changes when the file does; None where there is none."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}") from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def _query_line(item: QueryItem) -> str:
    return json.dumps({"_id": item.id, "text": item.text}, ensure_ascii=False) + "\n"


def _plain(text: str) -> str:
    """The words by which a query is known again."""
    return " ".join(text.split()).casefold()


def _new_id(ids: Iterable[str]) -> str:
    """An id that nothing has: the next number after the largest."""
    return str(max((int(i) for i in ids if i.isdecimal()), default=0) + 1)
