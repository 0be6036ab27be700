"""What ``rankscope evaluate`` does: settings files over a data set, told as table or JSON, and held to gates."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.leaving import agree
from console.locations import locations
from console.opening import Wanted, load_for_search, open_index
from console.output import Format, emit, encoded, grid, json_bytes, json_line, note, number
from console.progress import Bar
from console.searching import failure_of, optional_run, trouble
from engine.errors import ExpectationError, RerankerError, StoreError, UsageError
from engine.evaluation import gates, metrics
from engine.evaluation.dataset import DataSet, load_dataset, load_files
from engine.evaluation.experiment import Conditions, Contender, Experiment, evaluate
from engine.evaluation.reporting import evaluation_json
from engine.evaluation.runs import run_lines
from engine.settings.load import Loaded
from engine.settings.schema import LexicalLeg

if TYPE_CHECKING:
    from engine.ingest.queries import QueryItem
    from engine.pipeline import Pipeline
    from engine.trace import Trace

METRICS = ("ndcg@10", "recall@100", "mrr@10")
FOLDER = "evaluations"


@dataclass(frozen=True, slots=True)
class Data:
    """Where queries and judgments are: a folder or name, or two files."""

    folder: str = ""
    split: str = "test"
    queries: Path | None = None
    qrels: Path | None = None

    def load(self) -> DataSet:
        """Raises ``UsageError`` and ``SourceError``; what is odd about the set is told on stderr."""
        if self.folder and not (self.queries or self.qrels):
            data = load_dataset(self.folder, self.split)
        elif self.queries and self.qrels and not self.folder:
            data = load_files(self.queries, self.qrels)
        else:
            raise UsageError("name the queries and judgments", hint="--data DIR, or --queries FILE with --qrels FILE")
        for text in dataset_notes(data):
            note(f"note: {text}")
        return data


def dataset_notes(data: DataSet) -> list[str]:
    """What somebody who reads a mean over the set should know of it."""
    notes = [str(problem) for problem in data.problems[:5]]
    if len(data.problems) > len(notes):
        notes.append(f"{len(data.problems) - len(notes)} more of the kind")
    if data.excluded:
        some = ", ".join(data.excluded[:5]) + (" …" if len(data.excluded) > 5 else "")
        notes.append(f"queries left out because nothing is judged above 0 for them: {len(data.excluded)} ({some})")
    if data.unjudged:
        notes.append(f"queries left out because they have no judgments: {data.unjudged}")
    return notes


@dataclass(frozen=True, slots=True)
class Order:
    """What an evaluation is to do besides."""

    metrics: tuple[metrics.Metric, ...]
    gates: tuple[gates.Gate, ...]
    format: Format
    run: Path | None
    conditions: Conditions
    concurrency: int
    fresh: bool

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        gate_texts: Sequence[str],
        format_: str,
        run: Path | None,
        *,
        depth: int,
        syntax: bool,
        concurrency: int,
        fresh: bool,
    ) -> Order:
        """The options as they were typed. Raises ``UsageError``."""
        held = tuple(gates.parse(text) for text in gate_texts)
        wanted = [metrics.parse(name) for name in names or METRICS]
        wanted = list(dict.fromkeys([*wanted, *(gate.metric for gate in held)]))
        for metric in wanted:
            if metric.k and metric.k > depth:
                hint = "raise --depth, or choose metrics with -m"
                raise UsageError(f"{metric} reads more than the {depth} documents of --depth", hint=hint)
        conditions = Conditions(depth, syntax, keep=run is not None)
        return cls(tuple(wanted), held, Format(format_), run, conditions, concurrency, fresh)


def evaluate_settings(source: Data, wanted: Sequence[Wanted], order: Order) -> None:
    """Evaluate, print, and raise ``ExpectationError`` where a gate is not met."""
    if order.run is not None and len(wanted) > 1:
        raise UsageError("--run writes the run of one settings file", hint="give one -c with --run")
    data = source.load()
    loaded = [load_for_search(one) for one in wanted]
    names = [name_of(one, each) for one, each in zip(wanted, loaded, strict=True)]
    for gate in order.gates:
        for name in names:
            gates.bound_of(gate, name)
    with Bar() as bar, optional_run(order.run) as write_run:
        listener = Listener(bar.note, several=len(wanted) > 1)
        experiment = _run(data, loaded, names, wanted[0], order, bar, listener)
        if experiment.resumed:
            bar.note(f"note: {experiment.resumed} of {len(data)} queries were answered by a run that was cut off")
        if write_run:
            write_run(_run_lines(experiment))
    listener.finish(experiment)
    report = evaluation_json(experiment, order.metrics)
    verdicts = [verdict for gate in order.gates for verdict in gates.judge_gate(gate, report)]
    if verdicts:
        report["gates"] = [asdict(verdict) for verdict in verdicts]
    _print(report, order.format)
    _hold(verdicts)


def name_of(wanted: Wanted, loaded: Loaded) -> str:
    """What a settings file is called in a report."""
    if named := wanted.config or wanted.recording:
        return str(named)
    return str(loaded.file) if loaded.file and loaded.file.exists() else "defaults"


def _run(
    data: DataSet,
    loaded: Sequence[Loaded],
    names: Sequence[str],
    wanted: Wanted,
    order: Order,
    bar: Bar,
    listener: Listener,
) -> Experiment:
    done = 0

    def progress(count: int, total: int) -> None:
        nonlocal done
        done = count
        bar.at("evaluate", count, total)

    async def run() -> Experiment:
        async with opened(loaded, names, wanted) as contenders:
            for one in contenders if wanted.recording is None else ():
                await agree(one.pipeline, one.settings, [item.text for item in data.queries], yes=wanted.yes)
            return await evaluate(
                data,
                contenders,
                order.conditions,
                folder=locations().cache / FOLDER if wanted.recording is None else None,
                fresh=order.fresh,
                concurrency=order.concurrency,
                on_progress=progress,
                on_trace=listener.hear,
            )

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        bar.note(f"{done} of {len(data)} queries are kept; the same command goes on from there")
        raise


@asynccontextmanager
async def opened(
    loaded: Sequence[Loaded], names: Sequence[str], wanted: Wanted
) -> AsyncIterator[tuple[Contender, ...]]:
    """A contender per settings, each checked against its index; those of one index, or recording, share a pipeline.

    Raises ``StoreError`` and ``SettingsError``.
    """
    pipelines: dict[tuple[str, str], Pipeline] = {}
    contenders = []
    try:
        for one, name in zip(loaded, names, strict=True):
            place = f"{one.settings.store.kind}:{wanted.recording or one.resolve(one.settings.store.path)}"
            # files of synonyms and keys are relative to their settings file, and belong to what is opened
            files = any(isinstance(leg, LexicalLeg) and leg.synonyms for leg in one.settings.legs.values())
            keys = "file:" in f"{one.settings.rerank.api_key} {one.settings.providers}"
            key = place, f"{one.base_dir if files or keys else ''} {one.settings.providers} {one.settings.remote}"
            pipeline = open_index(one, no_cache=wanted.no_cache)
            if key in pipelines:
                await pipeline.close()
            contenders.append(Contender(name, one.settings, pipelines.setdefault(key, pipeline), place))
        yield tuple(contenders)
    finally:
        for pipeline in pipelines.values():
            await pipeline.close()


@dataclass(slots=True)
class Listener:
    """Hears every search: tells each kind of trouble once at once, and how often it came at the end."""

    tell: Callable[[str], None]
    several: bool
    seen: Counter[str] = field(default_factory=Counter)

    def hear(self, item: QueryItem, contender: Contender, trace: Trace) -> None:
        """Raises ``RerankerError`` where a required reranker failed."""
        where = f"{contender.name}: " if self.several else ""
        error = failure_of(trace)
        if isinstance(error, RerankerError):
            raise RerankerError(f"{where}{item.where}: query {item.id}: {error.message}", hint=error.hint)
        for text in dict.fromkeys((*trouble(trace), *trace.warnings)):
            self.seen[where + text] += 1
            if self.seen[where + text] == 1:
                self.tell(f"{where}{item.where}: query {item.id}: {text}")

    def finish(self, experiment: Experiment) -> None:
        """Raises ``StoreError`` where some settings answered no query."""
        for text, count in self.seen.items():
            if count > 1:
                note(f"note: {count} queries: {text}")
        for index, contender in enumerate(experiment.contenders):
            if not any(answer.answered for answer in experiment.of(index)):
                raise StoreError(f"{contender.name}: no query was answered", hint="the notes above say why")


def _run_lines(experiment: Experiment) -> list[str]:
    return [
        line + "\n"
        for item, answer in zip(experiment.data.queries, experiment.of(0), strict=True)
        for line in run_lines(item.id, answer.ids, answer.scores)
    ]


def _print(report: dict[str, Any], format_: Format) -> None:
    match format_:
        case Format.JSON:
            emit(json_bytes(report))
        case Format.NDJSON:
            for one in report["settings"]:
                for query in one["queries"]:
                    emit(json_line({"file": one["file"], **query}))
        case _:
            emit(encoded(table(report)))


def _hold(verdicts: Iterable[gates.Verdict]) -> None:
    """Tell every gate; raises ``ExpectationError`` where one is not met."""
    failed = []
    for verdict in verdicts:
        if verdict.note:
            note(f"note: {verdict.note}")
        if verdict.met:
            note(str(verdict))
        else:
            failed.append(str(verdict))
    if failed:
        raise ExpectationError("\n".join(failed))


def table(report: dict[str, Any]) -> str:
    """A row per settings and ranking; under it what reranking did, and what each settings is against the first."""
    data, settings, names = report["data"], report["settings"], report["metrics"]
    head = f"{data['name']}: {data['queries']} queries"
    if left := len(data["excluded"]) + data["unjudged"]:
        head += f", {left} left out"
    rows = [
        [one["file"], ranking, *(number(values[name]) for name in names)]
        for one in settings
        for ranking, values in one["metrics"].items()
    ]
    text = f"{head}\n{grid(['settings', 'ranking', *names], rows, numeric=names)}"
    effects = [
        [one["file"], name, *_paired(pair)] for one in settings for name, pair in one.get("rerank_effect", {}).items()
    ]
    text += _section("\nreranked against fused\n", ["settings", "metric", *_HEAD], effects)
    against = [
        [one["file"], f"{one['comparison']['after']} / {one['comparison']['before']}", name, *_paired(pair)]
        for one in settings[1:]
        for name, pair in one["comparison"]["metrics"].items()
    ]
    return text + _section(f"\nagainst {settings[0]['file']}\n", ["settings", "rankings", "metric", *_HEAD], against)


_HEAD = ("difference", "95 % interval", "p", "wins", "losses", "ties")


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return title + grid(header, rows, numeric=set(_HEAD) - {"95 % interval"}) if rows else ""


def _paired(pair: dict[str, Any]) -> list[str]:
    interval = f"{pair['low']:+.4f} … {pair['high']:+.4f}"
    counts = (str(pair[name]) for name in ("wins", "losses", "ties"))
    return [f"{pair['difference']:+.4f}", interval, number(pair["p_adjusted"]), *counts]
