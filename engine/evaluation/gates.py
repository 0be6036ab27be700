"""Gates: ``ndcg@10>=0.6``, or ``ndcg@10>=baseline.json-0.01`` against what ``evaluate -o json`` printed earlier.

A gate reads the last ranking that ran, ``reranked`` or else ``fused``, of every settings file that is evaluated.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SourceError, UsageError
from engine.evaluation import metrics
from engine.evaluation.answers import FUSED, RERANKED
from engine.evaluation.metrics import Metric

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda value, bound: value >= bound - _SLACK,
    "<=": lambda value, bound: value <= bound + _SLACK,
    ">": lambda value, bound: operator.gt(value, bound + _SLACK),
    "<": lambda value, bound: operator.lt(value, bound - _SLACK),
}
_SLACK = 1e-9
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_HINT = "write --gate 'ndcg@10>=0.6', or --gate 'ndcg@10>=baseline.json-0.01'"


@dataclass(frozen=True, slots=True)
class Gate:
    """``baseline`` None: the bound is ``number``; else the number stands on top of the baseline's value."""

    text: str
    metric: Metric
    sign: str
    number: float
    baseline: Path | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate on one settings file. ``note`` says what the reader of a bound should know."""

    gate: str
    file: str
    ranking: str
    value: float
    bound: float
    met: bool
    note: str = ""

    def __str__(self) -> str:
        sign = "met" if self.met else "not met"
        return f"{self.file}: {self.gate} is {sign}: {self.ranking} has {self.value:.4f}, the bound is {self.bound:.4f}"


def parse(text: str) -> Gate:
    """Raises ``UsageError`` for what is no gate."""
    found = re.fullmatch(r"\s*([^<>=\s]+)\s*(>=|<=|>|<)(?!=)\s*(\S.*?)\s*", text)
    if not found:
        raise UsageError(f"--gate {text}: this is no gate", hint=_HINT)
    metric, sign, bound = metrics.parse(found[1]), found[2], found[3]
    if re.fullmatch(_NUMBER, bound):
        return Gate(text.strip(), metric, sign, float(bound))
    parts = re.fullmatch(r"(.+?)\s*([+-]\s*(?:\d+\.?\d*|\.\d+))?", bound)
    assert parts is not None
    if parts[2] is None or Path(bound).is_file():
        return Gate(text.strip(), metric, sign, 0.0, Path(bound))
    return Gate(text.strip(), metric, sign, float(parts[2].replace(" ", "")), Path(parts[1]))


def judge_gate(gate: Gate, report: Mapping[str, Any]) -> list[Verdict]:
    """The gate on every settings of a report. Raises ``SourceError`` for a baseline that cannot be used."""
    note = ""
    if (
        gate.baseline is not None
        and read_report(gate.baseline).get("data", {}).get("digest") != report["data"]["digest"]
    ):
        note = f"{gate.baseline} was measured on other queries or judgments"
    verdicts = []
    for one in report["settings"]:
        ranking, value = measured(one, gate.metric)
        bound = bound_of(gate, one["file"])
        verdicts.append(
            Verdict(gate.text, one["file"], ranking, value, bound, _OPERATORS[gate.sign](value, bound), note)
        )
    return verdicts


def bound_of(gate: Gate, file: str) -> float:
    """What a settings file must reach. Raises ``SourceError`` for a baseline that cannot be used."""
    return (
        gate.number if gate.baseline is None else gate.number + _baseline_value(gate, read_report(gate.baseline), file)
    )


def measured(settings: Mapping[str, Any], metric: Metric) -> tuple[str, float]:
    """The last ranking of a report's settings, and its metric. Raises ``KeyError`` where it was not measured."""
    ranking = RERANKED if RERANKED in settings["metrics"] else FUSED
    return ranking, float(settings["metrics"][ranking][str(metric)])


def read_report(path: Path) -> dict[str, Any]:
    """What ``evaluate -o json`` printed. Raises ``SourceError``."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        if not isinstance(report["settings"], list):
            raise TypeError
    except OSError as error:
        raise SourceError(f"the baseline {path} cannot be read: {error.strerror}", hint=_HINT) from None
    except (msgspec.MsgspecError, KeyError, TypeError):
        hint = "a baseline is what `rankscope evaluate -o json` printed"
        raise SourceError(f"{path} is no evaluation", hint=hint) from None
    return report


def _baseline_value(gate: Gate, baseline: Mapping[str, Any], file: str) -> float:
    """The baseline's value for the settings file of that name, or for its only one."""
    found = [one for one in baseline["settings"] if one.get("file") == file]
    one = found[0] if found else baseline["settings"][0] if len(baseline["settings"]) == 1 else None
    if one is None:
        names = ", ".join(str(each.get("file")) for each in baseline["settings"])
        raise SourceError(f"{gate.baseline} has no settings file {file}", hint=f"it has {names}")
    try:
        return measured(one, gate.metric)[1]
    except (KeyError, TypeError):
        hint = f"write it again with --metric {gate.metric}"
        raise SourceError(f"{gate.baseline} does not hold {gate.metric}", hint=hint) from None
