"""What ``rankscope diff`` does: two settings files side by side, over a data set where one is named."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import numpy as np

from console.evaluating import Data, Listener, opened
from console.leaving import agree
from console.opening import Wanted, load_for_search, load_settings
from console.output import Format, emit, encoded, grid, json_bytes, number
from console.progress import Bar
from console.text import fit
from engine.evaluation import metrics
from engine.evaluation.compare import QueryChange, differences, query_changes
from engine.evaluation.dataset import DataSet
from engine.evaluation.experiment import Conditions, Experiment, evaluate
from engine.evaluation.reporting import evaluation_json
from engine.settings.load import Loaded

_MOVES = 4
"""Documents named per query in the table."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the options ask for."""

    metric: metrics.Metric
    format: Format
    show: int
    syntax: bool
    concurrency: int

    @classmethod
    def of(cls, metric: str, format_: str, *, show: int, syntax: bool, concurrency: int) -> Order:
        """The options as they were typed. Raises ``UsageError``."""
        return cls(metrics.parse(metric), Format(format_), show, syntax, concurrency)


def diff_settings(sides: tuple[Wanted, Wanted], source: Data | None, order: Order) -> None:
    """Compare and print. Without a data set only the settings are compared, and no index is opened."""
    names = [str(side.config) for side in sides]
    if source is None:
        before, after = (load_settings(side) for side in sides)
        report: dict[str, Any] = {"settings": _settings(before, after)}
    else:
        data = source.load()
        before, after = (load_for_search(side) for side in sides)
        report = {"settings": _settings(before, after), **_measured(data, (before, after), names, sides[0], order)}
    if order.format is Format.JSON:
        emit(json_bytes({"before": names[0], "after": names[1], **report}))
    else:
        emit(encoded(table(report, names, order)))


def _settings(before: Loaded, after: Loaded) -> list[dict[str, Any]]:
    return [asdict(each) for each in differences(before.settings, after.settings)]


def _measured(
    data: DataSet, loaded: Sequence[Loaded], names: Sequence[str], wanted: Wanted, order: Order
) -> dict[str, Any]:
    with Bar() as bar:
        listener = Listener(bar.note, several=True)

        async def run() -> Experiment:
            async with opened(loaded, names, wanted) as contenders:
                for one in contenders if wanted.recording is None else ():
                    await agree(one.pipeline, one.settings, [item.text for item in data.queries], yes=wanted.yes)
                return await evaluate(
                    data,
                    contenders,
                    Conditions(syntax=order.syntax, keep=True),
                    concurrency=order.concurrency,
                    on_progress=lambda done, total: bar.at("diff", done, total),
                    on_trace=listener.hear,
                )

        experiment = asyncio.run(run())
    listener.finish(experiment)
    evaluation = evaluation_json(experiment, [order.metric])
    changes = query_changes(experiment, order.metric)
    gains = [change for change in changes if change.gain > 0][: order.show]
    losses = [change for change in reversed(changes) if change.gain < 0][: order.show]
    return {
        "data": evaluation["data"],
        "metrics": [{"file": one["file"], **list(one["metrics"].values())[-1]} for one in evaluation["settings"]],
        "comparison": evaluation["settings"][1]["comparison"],
        "agreement": {
            "rbo": float(np.mean([change.lists.rbo for change in changes])),
            "tau": float(np.nanmean([change.lists.tau for change in changes] or [np.nan])),
            "same": sum(not change.lists.moves for change in changes),
        },
        "gains": [_change(change) for change in gains],
        "losses": [_change(change) for change in losses],
    }


def _change(change: QueryChange) -> dict[str, Any]:
    return {
        "id": change.id,
        "text": change.text,
        "before": change.before,
        "after": change.after,
        "rbo": change.lists.rbo,
        "tau": change.lists.tau,
        "entered": list(change.lists.entered),
        "left": list(change.lists.left),
        "moves": [{**asdict(move), "grade": change.grades.get(move.id)} for move in change.lists.moves],
    }


def table(report: dict[str, Any], names: Sequence[str], order: Order) -> str:
    """The differing settings; then the means, the test, the agreement, and the queries that moved most."""
    rows = [[each["path"], _shown(each["before"]), _shown(each["after"])] for each in report["settings"]]
    text = grid(["setting", *names], rows) if rows else "the settings are the same\n"
    if "data" not in report:
        return text
    metric, agreement = str(order.metric), report["agreement"]
    columns = [name for name in report["metrics"][0] if name != "file"]
    means = [[one["file"], *(number(one[name]) for name in columns)] for one in report["metrics"]]
    text += f"\n{report['data']['name']}: {report['data']['queries']} queries\n"
    text += grid(["settings", *columns], means, numeric=columns)
    pair = report["comparison"]["metrics"].get(metric)
    if pair:
        interval = f"95 % {pair['low']:+.4f} to {pair['high']:+.4f}"
        text += (
            f"{metric} {pair['difference']:+.4f} ({interval}, p = {pair['p']:.4f}): {pair['wins']} queries better, "
            f"{pair['losses']} worse, {pair['ties']} equal\n"
        )
    text += (
        f"first 10: RBO {agreement['rbo']:.3f}, Kendall {agreement['tau']:.3f}, "
        f"the same list for {agreement['same']} queries\n"
    )
    return text + _section("gains", report["gains"]) + _section("losses", report["losses"])


def _shown(value: Any) -> str:
    """A value as a settings file writes it; – where there is none."""
    return "–" if value is None else msgspec.json.encode(value).decode()


def _section(title: str, changes: Sequence[dict[str, Any]]) -> str:
    if not changes:
        return ""
    rows = [
        [
            f"{change['after'] - change['before']:+.3f}",
            number(change["before"]),
            number(change["after"]),
            change["id"],
            fit(change["text"], 40),
            _moves(change["moves"]),
        ]
        for change in changes
    ]
    header = [title, "before", "after", "query", "text", "moved (grade)"]
    return "\n" + grid(header, rows, numeric=[title, "before", "after"])


def _moves(moves: Sequence[dict[str, Any]]) -> str:
    """The documents that made the difference: relevant ones first."""
    ordered = sorted(moves, key=lambda move: -(move["grade"] or 0))
    return ", ".join(
        f"{move['id']} {move['before'] or '–'}→{move['after'] or '–'}"
        + (f" ({move['grade']})" if move["grade"] else "")
        for move in ordered[:_MOVES]
    )
