"""What ``rankscope search --rerankers`` adds: several rerankers on the one query, as JSON and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.numbers import duration, share, spent_text
from console.output import Report, grid
from console.text import clean
from engine.errors import UsageError
from engine.report import outcome_json
from engine.rerankers.panel import Member, Panel
from engine.rerankers.registry import RERANKERS
from engine.rerankers.remote.providers import providers
from engine.rerankers.several import named

if TYPE_CHECKING:
    from engine.search import Search
    from engine.settings.schema import Settings

SHOWN = 10
"""Documents of each list in a table."""


def names_of(text: str, settings: Settings, registered: Sequence[str] = tuple(RERANKERS)) -> list[str]:
    """The names in ``term,jina,cohere/rerank-v3.5``. Raises ``UsageError`` where there are fewer than two, one is not
    there, or one comes twice."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {*registered, *providers(settings.providers)}
    for name in names:
        if name.partition("/")[0] not in known:
            raise UsageError(
                f"--rerankers: there is no reranker {name!r}", hint="`rankscope providers` lists the services"
            )
    if len(names) < 2 or len(set(names)) < len(names):
        raise UsageError(
            f"--rerankers {text}: name two or more, each once", hint="as in --rerankers term,jina,cohere/rerank-v3.5"
        )
    return names


async def compared(search: Search, settings: Settings, names: Sequence[str]) -> Report:
    """Ask them all at once over the first N of a finished search; what each said, took and cost, how far every two
    agree, and their orders fused by rank. Numbers that do not exist are null."""
    panel = Panel(search, settings, [named(name, settings.rerank) for name in names])
    async for _ in panel.run():
        pass
    return {
        "first": len(panel.ids),
        "rerankers": [_member(name, member) for name, member in zip(names, panel.members, strict=True)],
        "agreement": [
            {"a": names[each.one], "b": names[each.other], "rbo": _number(each.rbo), "kendall_tau": _number(each.tau)}
            for each in panel.agreements()
        ],
        "fused": [{"id": i, "score": score} for i, score in panel.fused().items()],
    }


def _member(name: str, member: Member) -> dict[str, Any]:
    info = member.info
    scored = zip(member.scored, member.scores, strict=False)
    assert member.outcome is not None  # the panel has ended
    return {
        "name": name,
        "provider": member.settings.provider,
        "model": info.model if info else member.settings.model,
        "score_kind": str(info.kind) if info else None,
        "outcome": outcome_json(member.outcome),
        "ms": round(member.ms, 3),
        "usage": dict(info.usage) if info else {},
        "ranking": [{"id": i, "score": score} for i, score in scored],
    }


def compared_table(report: Report) -> str:
    """How each reranker ended, the first documents of each, and how far every two agree."""
    ended = [
        [each["name"], _ended(each["outcome"]), duration(each["ms"]), spent_text(each["usage"])]
        for each in report["rerankers"]
    ]
    lists = [*(each["ranking"] for each in report["rerankers"]), report["fused"]]
    depth = min(SHOWN, max(map(len, lists)))
    rows = [[str(rank + 1), *(_id(ranking, rank) for ranking in lists)] for rank in range(depth)]
    pairs = [[each["a"], each["b"], _share(each["rbo"]), _share(each["kendall_tau"])] for each in report["agreement"]]
    parts = (
        grid(["reranker", "reranked", "took", "used"], ended, numeric=["took"]),
        *_ways_out(report),
        grid(["rank", *(each["name"] for each in report["rerankers"]), "fused by rank"], rows, numeric=["rank"]),
        grid(["", "", "RBO", "tau"], pairs, numeric=["RBO", "tau"]),
    )
    return "\n" + "\n".join(parts)


def _ways_out(report: Report) -> list[str]:
    """What may be done about those that failed; nothing where none did."""
    lines = [
        f"{clean(each['name'])} → {clean(each['outcome']['hint'])}\n"
        for each in report["rerankers"]
        if each["outcome"]["hint"]
    ]
    return ["".join(lines)] if lines else []


def _ended(outcome: dict[str, Any]) -> str:
    why = outcome["text"] or outcome["reason"]
    return f"{outcome['done']}/{outcome['total']}" + (f", {clean(why)}" if why else "")


def _id(ranking: Sequence[dict[str, Any]], rank: int) -> str:
    return ranking[rank]["id"] if rank < len(ranking) else "–"


def _share(value: float | None) -> str:
    return share(math.nan if value is None else value)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
