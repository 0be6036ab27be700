"""A data set: queries and their judgments, from a BEIR folder, two files, or the package (``python-docs``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import SourceError
from engine.evaluation.qrels import Qrels, read_qrels, with_grade
from engine.evaluation.topics import is_topics, read_topics
from engine.ingest.base import Problem
from engine.ingest.demo import demo_qrels, demo_queries
from engine.ingest.queries import QueryItem, read_queries

DEMO = "python-docs"
QUERY_FILES = ("queries.jsonl", "queries.tsv", "queries.txt", "topics.tsv", "topics.txt", "topics")
QRELS_FILES = ("qrels/{split}.tsv", "qrels/{split}.txt", "qrels.tsv", "qrels.txt", "qrels.jsonl", "qrels")


@dataclass(frozen=True, slots=True)
class DataSet:
    """Queries with at least one document judged above 0, and the judgments of these queries.

    path      what it was read from; None for the one in the package
    digest    of queries and judgments: equal digests, equal numbers
    excluded  queries judged, but nothing above 0: no metric means anything there
    unjudged  how many further queries have no judgment
    problems  what was wrong with the queries, with file and line
    """

    name: str
    path: Path | None
    queries: tuple[QueryItem, ...]
    qrels: Mapping[str, Mapping[str, int]]
    digest: str
    excluded: tuple[str, ...] = ()
    unjudged: int = 0
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.queries)

    @classmethod
    def of(
        cls, name: str, path: Path | None, items: Sequence[QueryItem | Problem], qrels: Mapping[str, Mapping[str, int]]
    ) -> DataSet:
        """Queries and judgments put together. Raises ``SourceError`` where no query has a grade above 0."""
        items, qrels = list(items), same_numbers(items, qrels)
        known = {item.id for item in items if isinstance(item, QueryItem)}
        problems = [item for item in items if isinstance(item, Problem)]
        problems += [Problem(name, f"query {i} is judged, but there is no such query") for i in qrels if i not in known]
        graded = set(with_grade(qrels))
        queries = tuple(item for item in items if isinstance(item, QueryItem) and item.id in graded)
        if not queries:
            raise SourceError(
                f"{name}: none of {len(known)} queries has a document judged above 0",
                hint="the ids in the judgments' first column must be those of the queries",
            )
        kept = {item.id: qrels[item.id] for item in queries}
        return cls(
            name,
            path,
            queries,
            kept,
            _digest(queries, kept),
            tuple(i for i in qrels if i in known and i not in graded),
            sum(i not in qrels for i in known),
            tuple(problems),
        )


def load_dataset(spec: str, split: str = "test") -> DataSet:
    """``python-docs``, or a folder: BEIR's (``queries.jsonl``, ``qrels/SPLIT.tsv``), or one with queries or topics and
    qrels in any of their forms. Raises ``SourceError`` saying what was looked for."""
    path = Path(spec)
    if spec == DEMO and not path.exists():
        return DataSet.of(DEMO, None, demo_queries(), demo_qrels())
    if not path.is_dir():
        raise SourceError(
            f"there is no data set folder {path}",
            hint=f"name a folder with queries.jsonl and qrels/{split}.tsv, or {DEMO}",
        )
    queries = _first(path, QUERY_FILES, split)
    return _together(path.resolve().name, path, queries, _first(path, QRELS_FILES, split))


def load_files(queries: Path, qrels: Path) -> DataSet:
    """Two files: queries (JSON Lines, tab-separated, TREC topics) and judgments (BEIR, TREC, JSON Lines)."""
    return _together(queries.stem, queries, queries, qrels)


def _together(name: str, path: Path, queries: Path, qrels: Path) -> DataSet:
    items = read_topics(queries) if is_topics(queries) else read_queries(queries)
    return DataSet.of(name, path, list(items), read_qrels(qrels))


def _first(folder: Path, names: Sequence[str], split: str) -> Path:
    if found := first_file(folder, names, split):
        return found
    wanted = [name.format(split=split) for name in names]
    splits = sorted(file.stem for file in (folder / "qrels").glob("*.t*")) if names is QRELS_FILES else []
    hint = f"there is {', '.join(splits)}: choose with --split" if splits else "a BEIR folder has both"
    raise SourceError(f"{folder} has none of {', '.join(wanted)}", hint=hint)


def first_file(folder: Path, names: Sequence[str], split: str = "test") -> Path | None:
    """The first of ``QUERY_FILES`` or ``QRELS_FILES`` that the folder has."""
    files = (folder / name.format(split=split) for name in names)
    return next((file for file in files if file.is_file()), None)


def same_numbers(items: Sequence[QueryItem | Problem], qrels: Mapping[str, Mapping[str, int]]) -> Qrels:
    """The judgments under the queries' own ids: TREC writes topic 051 in one file and 51 in the other."""
    known = {item.id for item in items if isinstance(item, QueryItem)}
    bare = {i.lstrip("0"): i for i in known if i.isdigit()}
    return {i if i in known or not i.isdigit() else bare.get(i.lstrip("0"), i): dict(g) for i, g in qrels.items()}


def _digest(queries: Sequence[QueryItem], qrels: Mapping[str, Mapping[str, int]]) -> str:
    """The same whatever the order of queries and judgments, and wherever they were read from."""

    def parts() -> Iterator[tuple[str, str, list[tuple[str, int]]]]:
        for item in sorted(queries, key=lambda item: item.id):
            yield item.id, item.text, sorted(qrels[item.id].items())

    return hashlib.blake2b(msgspec.json.encode(list(parts())), digest_size=16).hexdigest()
