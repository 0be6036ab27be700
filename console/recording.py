"""What ``rankscope record`` does: searches into one file, with progress, all of it or nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from console.interruptible import finished
from console.leaving import agree
from console.opening import Wanted, load_for_search, open_index
from console.output import Format, emit, encoded, json_bytes, json_line, note, readable, table
from console.progress import Bar
from console.searching import SINGLE, Tally, printing
from engine.errors import StoreError
from engine.evaluation.dataset import load_dataset
from engine.ingest.base import Problem
from engine.ingest.queries import STDIN, QueryItem, read_queries
from engine.recorder import recorder
from engine.report import to_json
from engine.trace import Trace


@dataclass(frozen=True, slots=True)
class RecordWish:
    """Where a recording goes and what it holds: the first ``texts`` of each list with their stored fields. ``stdout``
    is how the searches are printed as well, None not at all."""

    out: Path
    texts: int
    syntax: bool
    stdout: Format | None


def record_one(text: str, wanted: Wanted, wish: RecordWish) -> None:
    """Record one typed query. Raises what ``record`` raises."""
    record([QueryItem(SINGLE, text, "")], 1, wanted, wish, _printing_one(wish.stdout))


def record_many(queries: str | None, data: str | None, wanted: Wanted, wish: RecordWish) -> None:
    """Record the queries of a file, or else of a data set. Raises ``SourceError`` and what ``record`` raises."""
    items: Iterable[QueryItem | Problem]
    if data is not None:
        dataset = load_dataset(data)
        items = [*dataset.problems, *dataset.queries]
    else:
        items = read_queries(queries or STDIN)
    total = None if queries == STDIN else len(items := list(items))
    texts = None if total is None else [item.text for item in items if not isinstance(item, Problem)]
    record(items, total, wanted, wish, printing(wish.stdout), texts)


def record(
    items: Iterable[QueryItem | Problem],
    total: int | None,
    wanted: Wanted,
    wish: RecordWish,
    printed: AbstractContextManager[Callable[[QueryItem, Trace], None]],
    texts: Sequence[str] | None = (),
) -> None:
    """Record the searches of these queries, all of them or nothing. ``texts`` is what must be agreed to before it goes
    to a service, None where nobody can count it.

    One that fails is a note; if all fail that is a ``StoreError``, a required reranker that fails a ``RerankerError``.
    """
    loaded = load_for_search(wanted)
    tally, start = Tally(), time.perf_counter()
    with ExitStack() as stack:
        # a loop run once per query: while a line of standard input is awaited, Ctrl-C ends the program at once
        runner = stack.enter_context(asyncio.Runner())
        pipeline = open_index(loaded, no_cache=wanted.no_cache)
        stack.callback(lambda: finished(runner, pipeline.close))
        finished(runner, lambda: agree(pipeline, loaded.settings, texts, yes=wanted.yes))
        bar = stack.enter_context(Bar())
        taking = stack.enter_context(recorder(wish.out, loaded.settings, pipeline.store.info, texts=wish.texts))
        show = stack.enter_context(printed)
        for number, item in enumerate(items):
            bar.at("record", number, total)
            if isinstance(item, Problem):
                tally.left_out += 1
                bar.note(str(item))
                continue
            search = pipeline.begin(readable(item.text), syntax=wish.syntax)
            trace = finished(runner, partial(search.finish, loaded.settings))
            if not tally.count(item, trace, bar.note):
                continue
            if problem := finished(runner, partial(taking.add, item.id, search)):
                bar.note(f"query {item.id}: {problem}")
            show(item, trace)
        if tally.failed and tally.failed == tally.queries:
            raise StoreError("no query was answered, and nothing is recorded", hint="the notes above say why")
    note(f"{tally.text(time.perf_counter() - start)}; recorded in {wish.out}, {size(wish.out)}")


@contextmanager
def _printing_one(format_: Format | None) -> Iterator[Callable[[QueryItem, Trace], None]]:
    """What prints the answer of a single query, as ``rankscope search`` does."""

    def show(item: QueryItem, trace: Trace) -> None:
        match format_:
            case Format.TABLE:
                emit(encoded(table(to_json(trace))))
            case Format.JSON:
                emit(json_bytes(to_json(trace)))
            case Format.NDJSON:
                emit(json_line(to_json(trace)))

    yield show


def size(path: Path) -> str:
    """How large a file is, as people say it."""
    return f"{path.stat().st_size / 1e3:,.0f} kB"
