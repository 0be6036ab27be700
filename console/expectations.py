"""What a script can expect of the latest search: one row per subject, each a number or a word read off the trace."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.views_judging import measured
from console.views_status import scored
from engine.errors import UsageError
from engine.evaluation.judged import gains_of
from engine.evaluation.metrics import parse
from engine.records import DropRule
from engine.trace import Trace

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_STILL_RANKED = (None, DropRule.TOP_K, DropRule.OFFSET)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an expectation held, and what was found instead."""

    met: bool
    actual: str


Grades = Mapping[str, int]
"""Of the query's documents, by id."""
Check = Callable[[Trace, Grades], Verdict]


@dataclass(frozen=True, slots=True)
class Expectation:
    """A checked ``expect`` line, ready to be held against a trace and the grades of its query."""

    text: str
    check: Check


def expectation(words: Sequence[str]) -> Expectation:
    """The expectation that the words after ``expect`` state. Raises ``UsageError`` with the form that is known."""
    if not words:
        raise UsageError("`expect` what?", hint="; ".join(usages()))
    subject, arguments = words[0], list(words[1:])
    text = " ".join(words)
    if subject in NUMBERS:
        return Expectation(text, _number_check(NUMBERS[subject], text, arguments))
    if subject in WORDS:
        usage, least, most, check = WORDS[subject]
        if not least <= len(arguments) <= most:
            raise UsageError(f"`expect {text}` is not of the form `expect {usage}`")
        return Expectation(text, lambda trace, grades: check(trace, *arguments))
    near = difflib.get_close_matches(subject, [*NUMBERS, *WORDS], n=1)
    hint = f"did you mean `{near[0]}`?" if near else "; ".join(usages())
    raise UsageError(f"`expect {subject}`: nothing of that name can be expected", hint=hint)


def usages() -> list[str]:
    """Every form, for help and hints."""
    return [f"expect {row.usage}" for row in NUMBERS.values()] + [f"expect {row[0]}" for row in WORDS.values()]


@dataclass(frozen=True, slots=True)
class Number:
    """A subject that is compared with a number; ``measure`` takes the trace, where ``by_grades`` the grades, and
    ``arity`` words, and gives the number or, in words, why there is none. ``known`` raises for words that make no
    sense."""

    usage: str
    arity: tuple[int, int]
    measure: Callable[..., float | str]
    by_grades: bool = False
    known: Callable[..., object] = lambda *words: None


def _number_check(row: Number, text: str, arguments: list[str]) -> Check:
    least, most = row.arity
    if not least <= len(arguments) - 2 <= most or arguments[-2] not in OPERATORS:
        raise UsageError(
            f"`expect {text}` is not of the form `expect {row.usage}`", hint=f"comparisons: {' '.join(OPERATORS)}"
        )
    *names, sign, limit_text = arguments
    try:
        limit = float(limit_text)
    except ValueError:
        raise UsageError(f"`expect {text}`: {limit_text!r} is no number") from None
    compare = OPERATORS[sign]
    row.known(*names)

    def check(trace: Trace, grades: Grades) -> Verdict:
        value = row.measure(trace, grades, *names) if row.by_grades else row.measure(trace, *names)
        if isinstance(value, str):
            return Verdict(False, value)
        return Verdict(compare(value, limit), f"{value:g}")

    return check


def _row(trace: Trace, id_: str) -> int | str:
    try:
        return trace.pool.ids.index(id_)
    except ValueError:
        return f"no leg returned {id_}"


def _rank(trace: Trace, id_: str) -> float | str:
    row = _row(trace, id_)
    if isinstance(row, str):
        return row
    rule = trace.ranking.drop_rule(row)
    return int(trace.ranking.rank[row]) if rule in _STILL_RANKED else f"{id_} was dropped by {rule}"


def _fused_rank(trace: Trace, id_: str) -> float | str:
    row = _row(trace, id_)
    if isinstance(row, str):
        return row
    return int(trace.ranking.fused_rank[row]) or f"{id_} is not in the fused list"


def _score(trace: Trace, id_: str) -> float | str:
    row = _row(trace, id_)
    return row if isinstance(row, str) else float(trace.ranking.score[row])


def _results(trace: Trace) -> float:
    return len(trace.ranking.results)


def _total(trace: Trace, leg: str) -> float | str:
    if leg in trace.totals:
        return trace.totals[leg]
    return f"the leg {leg} did not answer; those that did: {', '.join(trace.totals) or 'none'}"


def _ms(trace: Trace, name: str = "") -> float | str:
    if not name:
        return trace.wall_ms
    stage = trace.stage(name)
    return stage.ms if stage else f"there was no stage {name}"


def _metric(trace: Trace, grades: Grades, name: str) -> float | str:
    found = measured(trace, gains_of(trace.pool.ids, grades), grades, parse(name))
    if not found.measurable:
        return "nothing is judged above 0 for this query" if grades else "there are no judgments for this query"
    return found.before if found.after is None else found.after


def _top(trace: Trace, id_: str) -> Verdict:
    results = trace.ranking.results
    top = trace.pool.ids[results[0]] if len(results) else ""
    return Verdict(top == id_, top or "no results")


def _absent(trace: Trace, id_: str) -> Verdict:
    rank = _rank(trace, id_)
    shown = not isinstance(rank, str) and trace.pool.ids.index(id_) in trace.ranking.results
    return Verdict(not shown, f"rank {rank:g}" if not isinstance(rank, str) else rank)


def _dropped(trace: Trace, id_: str, by: str = "") -> Verdict:
    row = _row(trace, id_)
    if isinstance(row, str):
        return Verdict(False, row)
    rule = trace.ranking.drop_rule(row)
    if rule is None:
        return Verdict(False, f"{id_} stands at rank {trace.ranking.rank[row]}")
    return Verdict(not by or rule == by, f"dropped by {rule}")


def outcome(trace: Trace) -> str:
    """What the results are, in a word: ``reranked``, ``partly-reranked``, ``fused``, or ``failed`` where no leg
    answered."""
    if trace.failed_legs and not trace.totals:
        return "failed"
    done, total = scored(trace)
    if not trace.settings.rerank.enabled or not done:
        return "fused"
    return "reranked" if done >= total else "partly-reranked"


def _outcome(trace: Trace, first: str, status: str = "") -> Verdict:
    if not status:
        actual = outcome(trace)
        return Verdict(actual == first, actual)
    stage = trace.stage(first)
    if stage is None:
        return Verdict(False, f"there was no stage {first}")
    return Verdict(stage.outcome.status == status, f"{stage.outcome.status} {stage.outcome.text}".strip())


NUMBERS: Mapping[str, Number] = {
    "rank": Number("rank ID <= N", (1, 1), _rank),
    "fused-rank": Number("fused-rank ID <= N", (1, 1), _fused_rank),
    "score": Number("score ID >= X", (1, 1), _score),
    "results": Number("results >= N", (0, 0), _results),
    "total": Number("total LEG > N", (1, 1), _total),
    "ms": Number("ms [STAGE] < X", (0, 1), _ms),
    "metric": Number("metric ndcg@10 >= X", (1, 1), _metric, by_grades=True, known=parse),
}
WORDS: Mapping[str, tuple[str, int, int, Callable[..., Verdict]]] = {
    "top": ("top ID", 1, 1, _top),
    "absent": ("absent ID", 1, 1, _absent),
    "dropped": ("dropped ID [RULE]", 1, 2, _dropped),
    "outcome": ("outcome reranked|partly-reranked|fused|failed, or outcome STAGE STATUS", 1, 2, _outcome),
}
