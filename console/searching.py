"""What ``rankscope search`` does: one query or many; answers to stdout, a run to its file, what ran to stderr."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from console import comparing
from console.interruptible import finished
from console.leaving import agree
from console.noting import noted
from console.opening import Wanted, load_for_search, open_index
from console.output import Format, Report, emit, encoded, json_bytes, json_line, note, number, readable, table
from console.progress import Bar
from console.text import clean
from console.views_status import status_view
from engine.errors import RankscopeError, RerankerError, StoreError
from engine.evaluation.runs import run_lines
from engine.files import replacing
from engine.records import Status
from engine.report import to_json, tracked_json
from engine.rerankers.cascade import FIRST, rerank_stages
from engine.search import Search
from engine.settings.schema import Settings
from engine.trace import Trace
from engine.tracking import track as follow

if TYPE_CHECKING:
    from engine.ingest.queries import QueryItem

SINGLE = "1"
"""The id of a single query in a run."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where answers go. ``stdout`` None prints nothing; ``run`` None writes no run, else one of ``depth`` documents."""

    stdout: Format | None
    run: Path | None
    depth: int

    @classmethod
    def of(cls, given: Format | None, run: Path | None, depth: int, *, many: bool) -> Wish:
        """What the options mean: a run takes the place of the default output, and of ``-o trec``."""
        if run is not None and given in (None, Format.TREC):
            return cls(None, run, depth)
        return cls(given or (Format.NDJSON if many else Format.JSON), run, depth)


def search_once(
    text: str, wanted: Wanted, wish: Wish, *, track: str = "", rerankers: str = "", facets: str = ""
) -> None:
    """One query, on request by several ``rerankers`` beside the settings' own, and with the counts of the fields that
    ``facets`` names. An error of the search is raised after everything that was found is written."""
    loaded = load_for_search(wanted)
    names = comparing.names_of(rerankers, loaded.settings) if rerankers else []

    async def run() -> RankscopeError | None:
        async with open_index(loaded, no_cache=wanted.no_cache) as pipeline:
            pipeline.ask_before_leaving(noted)
            search = pipeline.begin(readable(text))
            trace = await search.finish(loaded.settings)
            report = to_json(trace)
            if track:
                report["track"] = tracked_json(await follow(search, loaded.settings, track))
            if names:
                report["comparison"] = await comparing.compared(search, loaded.settings, names)
            if facets:
                counts = await search.facets([name.strip() for name in facets.split(",") if name.strip()])
                report["facets"] = {name: [asdict(each) for each in found] for name, found in counts.items()}
            lines = deep_lines(search, loaded.settings, SINGLE, wish.depth)
            if wish.run is not None:
                with replacing(wish.run) as file:
                    file.writelines(lines)
            match wish.stdout:
                case Format.TREC:
                    emit("".join(lines).encode())
                case Format.TABLE:
                    compared = comparing.compared_table(report["comparison"]) if names else ""
                    counted = counts_table(report["facets"]) if facets else ""
                    tracked = tracked_table(report["track"]) if track else ""
                    emit(encoded(table(report) + counted + tracked + compared))
                case Format.JSON | Format.NDJSON:
                    emit(json_bytes(report) if wish.stdout is Format.JSON else json_line(report))
        tell(trace)
        return failure_of(trace)

    if error := asyncio.run(run()):
        raise error


def search_many(spec: str, wanted: Wanted, wish: Wish, *, syntax: bool) -> None:
    """Every query of a file, in its order. One that fails is a note; if all fail that is a ``StoreError``. A required
    reranker that fails ends it all with a ``RerankerError``, and no run is written."""
    from engine.ingest.base import Problem
    from engine.ingest.queries import STDIN, read_queries

    loaded = load_for_search(wanted)
    items = read_queries(spec) if spec == STDIN else list(read_queries(spec))
    total = None if isinstance(items, Iterator) else len(items)
    tally, start = Tally(), time.perf_counter()

    with ExitStack() as stack:
        # a loop run once per query: while a line of standard input is awaited, Ctrl-C ends the program at once
        runner = stack.enter_context(asyncio.Runner())
        pipeline = open_index(loaded, no_cache=wanted.no_cache)
        stack.callback(lambda: finished(runner, pipeline.close))
        if wanted.recording is None:
            texts = None if total is None else [item.text for item in items if not isinstance(item, Problem)]
            finished(runner, lambda: agree(pipeline, loaded.settings, texts, yes=wanted.yes))
        bar = stack.enter_context(Bar())
        write_run = stack.enter_context(optional_run(wish.run))
        show = stack.enter_context(printing(wish.stdout))
        for number, item in enumerate(items):
            bar.at("search", number, total)
            if isinstance(item, Problem):
                tally.left_out += 1
                bar.note(str(item))
                continue
            search = pipeline.begin(readable(item.text), syntax=syntax)
            finished(runner, partial(_finished, search, loaded.settings))
            trace = search.trace
            assert trace is not None
            if not tally.count(item, trace, bar.note):
                continue
            if write_run or wish.stdout is Format.TREC:
                (write_run or emit_lines)(deep_lines(search, loaded.settings, item.id, wish.depth))
            show(item, trace)
        if tally.failed and tally.failed == tally.queries:
            raise StoreError("no query was answered", hint="the notes above say why")
    note(tally.text(time.perf_counter() - start) + (f"; run written to {wish.run}" if wish.run else ""))


async def _finished(search: Search, settings: Settings) -> None:
    """The search, without its trace as the result: a ``Runner`` formats the repr of a task's result, all its arrays, at
    the end of every run (in ``signal.signal``)."""
    await search.finish(settings)


@dataclass(slots=True)
class Tally:
    """What became of the queries of a file."""

    queries: int = 0
    left_out: int = 0
    failed: int = 0
    empty: int = 0

    def count(self, item: QueryItem, trace: Trace, tell: Callable[[str], None]) -> bool:
        """Count a search and tell what went wrong; whether it was answered. Raises ``RerankerError``."""
        self.queries += 1
        for text in dict.fromkeys((*trouble(trace), *trace.warnings)):
            tell(f"{item.where}: query {item.id}: {text}")
        match failure_of(trace):
            case RerankerError() as error:
                raise RerankerError(f"{item.where}: query {item.id}: {error.message}", hint=error.hint)
            case RankscopeError():
                self.failed += 1
                return False
        self.empty += not len(trace.ranking.results)
        return True

    def text(self, seconds: float) -> str:
        parts = [f"{self.queries} queries in {seconds:.1f} s"]
        parts += [f"{count} {what}" for count, what in self._others() if count]
        return ", ".join(parts)

    def _others(self) -> list[tuple[int, str]]:
        return [(self.empty, "without results"), (self.failed, "failed"), (self.left_out, "left out")]


@contextmanager
def optional_run(path: Path | None) -> Iterator[Callable[[list[str]], None] | None]:
    """What takes the lines of a run file, None where there is to be none."""
    if path is None:
        yield None
        return
    with replacing(path) as file:
        yield file.writelines


def emit_lines(lines: list[str]) -> None:
    emit("".join(lines).encode())


@contextmanager
def printing(format_: Format | None) -> Iterator[Callable[[QueryItem, Trace], None]]:
    """What prints an answer of many: a line each, a table each under its query, or one JSON array."""
    first = True

    def show(item: QueryItem, trace: Trace) -> None:
        nonlocal first
        report = {"id": item.id, **to_json(trace)} if format_ and format_ is not Format.TREC else {}
        match format_:
            case Format.NDJSON:
                emit(json_line(report))
            case Format.JSON:
                emit((b"" if first else b",\n") + json_bytes(report).rstrip(b"\n"))
            case Format.TABLE:
                emit(encoded(("" if first else "\n") + f"{item.id}: {item.text}\n" + table(report)))
        first = False

    if format_ is Format.JSON:
        emit(b"[\n")
    yield show
    if format_ is Format.JSON:
        emit(b"]\n" if first else b"\n]\n")


def deep_lines(search: Search, settings: Settings, query_id: str, depth: int) -> list[str]:
    """The lines of a run: the ranking as it stands, cut at ``depth`` instead of ``top_k``, without offset."""
    cut = msgspec.structs.replace(settings.cut, top_k=depth, offset=0)
    trace = search.rank(msgspec.structs.replace(settings, cut=cut))
    rows = trace.ranking.results
    ids = [trace.pool.ids[row] for row in rows.tolist()]
    return [line + "\n" for line in run_lines(query_id, ids, trace.ranking.score[rows])]


def failure_of(trace: Trace) -> RankscopeError | None:
    """The error that a finished search amounts to: no leg answered, or a required reranker did not score everything."""
    settings, failed = trace.settings, trace.failed_legs
    active = [name for name in settings.legs if settings.weights.get(name, 0) > 0]
    if failed and all(name in failed for name in active):
        return StoreError(f"no leg answered: {next(iter(failed.values())).text}")
    for name, asked in rerank_stages(settings).items() if settings.rerank.required else ():
        stage = trace.stage(name)
        if stage and stage.outcome.status not in (Status.OK, Status.SKIPPED):
            outcome, stands = stage.outcome, "the fused list" if name == FIRST else "what the stage before left"
            which = asked.provider if name == FIRST else f"of the stage {name.removeprefix(FIRST + '.')}"
            return RerankerError(
                f"the reranker {which} is required, but: reranked {outcome.done}/{outcome.total}, "
                f"then: {outcome.text or outcome.reason}",
                hint=f"{outcome.hint}; " * bool(outcome.hint) + f"rerank.required = false lets {stands} stand",
            )
    return None


def trouble(trace: Trace) -> list[str]:
    """A sentence for every stage that did not end well, and the way out; for legs without the query's vector one."""
    bad = [s for s in trace.stages if s.outcome.status in (Status.FAILED, Status.PARTIAL, Status.CANCELLED)]
    unvectored = trace.unvectored_legs
    return [
        f"{', '.join(unvectored) if unvectored and stage.name == 'embed' else stage.name} {stage.outcome.status}: "
        f"{stage.outcome.text or stage.outcome.reason}" + (f" → {stage.outcome.hint}" if stage.outcome.hint else "")
        for stage in bad
        if stage.name not in unvectored
    ]


def tell(trace: Trace) -> None:
    """What ran, what did not, and every warning, to stderr."""
    view = status_view(trace)
    note(f"{view.mark} {view.text}")
    for text in dict.fromkeys((*trouble(trace), *trace.warnings)):
        note(f"note: {text}")


def tracked_table(track: Report) -> str:
    """The way of one document, a line per stage."""
    lines = [f"{track['id']}: {_fate(track)}", *(leg["text"] for leg in track["legs"].values())]
    if track["fused_rank"]:
        lines.append(f"fused: rank {track['fused_rank']}, score {number(track['fused_score'])}")
        lines.append("rerank: " + (f"score {number(track['rerank'])}" if track["rerank"] is not None else "unscored"))
    return "\n" + "\n  ".join(map(clean, lines)) + "\n"


def counts_table(facets: Report) -> str:
    """A line per field: its values, most frequent first, with how many documents each has."""
    lines = (
        f"{clean(name)}: " + (", ".join(f"{clean(each['value'])} {each['count']}" for each in found) or "no values")
        for name, found in facets.items()
    )
    return "\n" + "".join(f"{line}\n" for line in lines)


def _fate(track: Report) -> str:
    if not track["exists"]:
        return "the index has no such document"
    if not track["pooled"]:
        return "no leg returned it"
    return (
        f"rank {track['rank']}"
        if track["rule"] is None
        else f"dropped by {track['rule']}" + (f" at rank {track['rank']}" if track["rank"] else "")
    )
