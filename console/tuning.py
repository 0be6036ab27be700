"""What ``rankscope tune`` does: gather the pools, search, tell, save."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.evaluating import Data
from console.leaving import agree
from console.opening import Wanted, load_for_search, open_index
from console.output import Format, emit, encoded, grid, json_bytes, note, number
from console.progress import Bar
from engine.errors import UsageError
from engine.evaluation import metrics
from engine.evaluation.dataset import DataSet
from engine.evaluation.tuning.gathering import Gathered, gather
from engine.evaluation.tuning.reporting import plateau_ranges, provenance, tuning_json
from engine.evaluation.tuning.space import Choice, Space, shown, space_of
from engine.evaluation.tuning.tuner import Plan, Progress, Tuning, tune
from engine.fusion.combiners import combiner
from engine.ranking import Weighting
from engine.settings.load import Loaded
from engine.settings.save import save
from engine.settings.schema import Settings

_UNCOVERED = 0.98
"""Below this share of scored places among the first N a note says so."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the options ask for; ``over`` empty is what usually matters."""

    plan: Plan
    over: tuple[str, ...]
    out: Path | None
    format: Format

    @classmethod
    def of(
        cls,
        metric: str,
        over: list[str],
        out: Path | None,
        format_: str,
        *,
        folds: int,
        trials: int,
        seed: int,
        force: bool,
    ) -> Order:
        """The options as they were typed. Raises ``UsageError``."""
        if out is not None and out.exists() and not force:
            raise UsageError(f"{out} exists", hint="name another file, or replace it with --force")
        return cls(Plan(metrics.parse(metric), folds, trials, seed), tuple(over), out, Format(format_))


def tune_settings(source: Data, wanted: Wanted, order: Order, *, cover: bool | None, syntax: bool) -> None:
    """Tune, print and save. Ended early by Ctrl-C it prints and saves what was found, and then raises
    ``KeyboardInterrupt``."""
    data, loaded = source.load(), load_for_search(wanted)
    space = space_of(loaded.settings, order.over or usual(loaded.settings))
    with asyncio.Runner() as runner, Bar() as bar:
        pipeline = open_index(loaded, no_cache=wanted.no_cache)
        try:
            if wanted.recording is None:
                texts = [item.text for item in data.queries]
                runner.run(agree(pipeline, loaded.settings, texts, yes=wanted.yes))
            found = runner.run(
                gather(
                    pipeline,
                    data,
                    loaded.settings,
                    space,
                    cover=cover,
                    syntax=syntax,
                    on_progress=lambda done, total: bar.at("search", done, total),
                )
            )
            _tell_coverage(found, bar.note)
            tuning = _tune(found, loaded.settings, space, order.plan, bar)
        finally:
            runner.run(pipeline.close())
    report = tuning_json(tuning, data)
    emit(json_bytes(report) if order.format is Format.JSON else encoded(table(tuning, data)))
    if order.out is not None:
        _save(loaded, tuning, data, order.out)
    if not tuning.whole:
        raise KeyboardInterrupt


def usual(settings: Settings) -> tuple[str, ...]:
    """What is tuned where nothing is named: the weights, and the blend's where it has one."""
    names = () if combiner(settings.fusion.combiner).frozen_reason or len(settings.legs) < 2 else ("weights",)
    blended = settings.rerank.enabled and Weighting.of(settings).blend in ("weighted", "ragflow")
    return (*names, "blend") if blended else names


def _tell_coverage(found: Gathered, tell: Callable[[str], None]) -> None:
    if found.covered < _UNCOVERED:
        tell(
            f"note: {1 - found.covered:.0%} of the first {found.start.rerank.top_n} have no rerank score when the "
            "weights move, and stand behind; --cover scores them beforehand"
        )


def _tune(found: Gathered, settings: Settings, space: Space, plan: Plan, bar: Bar) -> Tuning:
    def tell(progress: Progress) -> None:
        bar.at(f"tune, best {progress.best:.4f}", progress.trials, progress.total)

    with _stopping(bar.note) as stop:
        return tune(found, settings, space, plan, on_progress=tell, stop=stop)


@contextmanager
def _stopping(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; pressed again it ends the program as usual."""
    pressed = False

    def press(number: int, frame: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)
        tell("judging what was found so far; Ctrl-C again ends at once")

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _save(loaded: Loaded, tuning: Tuning, data: DataSet, out: Path) -> None:
    """Write the settings with their provenance; what stood there is replaced whole."""
    header = provenance(tuning, data, datetime.now(UTC))
    out.unlink(missing_ok=True)
    save(loaded, tuning.settings, out, overwrite=True, header=header)
    note(f"{out}: {'tuned settings' if tuning.better else 'the settings as they were'}, with where they come from")


def table(tuning: Tuning, data: DataSet) -> str:
    """Start, best and centre with their values and means, the plateau, and the verdict."""
    trials, means = tuning.trials, tuning.trials.scores.mean(axis=0)
    names = (("as it was", tuning.start, "start"), ("best trial", tuning.best, "best"))
    rows = [
        [label, *_values(trials.values(trial)), number(float(means[trial])), *_held(tuning, name)]
        for label, trial, name in (*names, ("centre", tuning.centre, "centre"))
    ]
    paths = [each.path for each in trials.space.dimensions]
    metric = str(tuning.plan.metric)
    header = ["settings", *paths, metric, "held out", "95 %"]
    lines = [
        f"{data.name}: {len(data)} judged queries, {len(trials)} trials, {len(tuning.fold_values)} folds\n",
        grid(header, rows, numeric=[*paths, metric, "held out"]),
        f"plateau: {int(tuning.members.sum())} trials cannot be told from the best: {_ranges(tuning)}",
        tuning.verdict,
        *(f"warning: {text}" for text in tuning.warnings),
        f"chosen: {shown(trials.values(tuning.chosen))}" + ("" if tuning.better else " (as it was)"),
    ]
    return "\n".join(lines) + "\n"


def _values(values: dict[str, Choice]) -> list[str]:
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values.values()]


def _held(tuning: Tuning, name: str) -> list[str]:
    low, high = tuning.held_out[name].interval
    return [number(tuning.held_out[name].mean), f"{low:.4f} – {high:.4f}"]


def _ranges(tuning: Tuning) -> str:
    def text(values: list[Any]) -> str:
        shown = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in dict.fromkeys(values)]
        return (" – " if len(shown) == 2 and isinstance(values[0], float) else "/").join(shown)

    return ", ".join(f"{path} {text(values)}" for path, values in plateau_ranges(tuning).items())
