"""Several rerankers side by side: a column for the fused list, for each of them, and for their orders as one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from console.numbers import duration, spent_text
from console.views_status import outcome_mark
from engine.records import Outcome, RanOn, Status
from engine.rerankers.panel import Member, Panel

FUSED, BY_RANK = "fused", "by rank"


@dataclass(frozen=True, slots=True)
class Column:
    """One list. ``member`` is the number of its reranker, −1 for a list that is none's own.

    order   ids, best first; ``scored`` of them have a score of its own, the others stand behind as they were fused
    state   how its asking went, with the role that colours it; ``hint`` the way out of a failure
    spent   what it took
    """

    name: str
    model: str
    order: tuple[str, ...]
    scores: tuple[float, ...]
    scored: int
    mark: str
    role: str
    state: str
    spent: str = ""
    member: int = -1
    hint: str = ""
    places: Mapping[str, int] = field(default_factory=dict)


def columns(panel: Panel, *, by_rank: bool) -> tuple[Column, ...]:
    """The fused list, each reranker's, and on request all of theirs fused by rank."""
    ids = tuple(panel.ids)
    none = (float("nan"),) * len(ids)
    shown = [_column(FUSED, "", ids, none, len(ids), "·", "muted", f"first {len(ids)}", "before reranking")]
    shown += [_of_member(number, member) for number, member in enumerate(panel.members)]
    if by_rank:
        sums = panel.fused()
        rest = tuple(i for i in ids if i not in sums)
        scores = (*sums.values(), *none[: len(rest)])
        spent = f"1/({panel.settings.rerank.rank_constant}+rank), summed"
        shown.append(_column(BY_RANK, "", (*sums, *rest), scores, len(sums), "∑", "accent", "fused by rank", spent))
    return tuple(shown)


def _of_member(number: int, member: Member) -> Column:
    mark, role, state = _state(member)
    name, model = member.settings.provider, member.settings.model
    if name == "local" and model:
        name, model = model, ""
    scored = len(member.scored)
    spent = spent_text(member.info.usage if member.info else {})
    if not spent and scored and member.info and member.info.ran_on is RanOn.REMOTE:
        spent = "from the cache"
    column = _column(name, model, member.order, member.scores, scored, mark, role, state, spent, number)
    return replace(column, hint=member.outcome.hint if member.outcome else "")


def _column(
    name: str,
    model: str,
    order: tuple[str, ...],
    scores: tuple[float, ...],
    scored: int,
    mark: str,
    role: str,
    state: str,
    spent: str,
    member: int = -1,
) -> Column:
    places = {i: place for place, i in enumerate(order)}
    return Column(name, model, order, scores, scored, mark, role, state, spent, member, places=places)


def _state(member: Member) -> tuple[str, str, str]:
    outcome, total = member.outcome, len(member.order)
    if outcome is None:
        return "…", "accent", f"{len(member.scored)}/{total}"
    mark, role = outcome_mark(outcome.status)
    return mark, role, _ended(outcome, member.ms)


def _ended(outcome: Outcome, ms: float) -> str:
    counts = f"{outcome.done}/{outcome.total}"
    if outcome.status is Status.OK:
        return f"{counts} in {duration(ms)}"
    why = outcome.text or outcome.reason
    return f"{counts}, {why}" if outcome.done else why
