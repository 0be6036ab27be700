"""What each stage of a cascade said of one document. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from console.views_local import model_name
from engine.rerankers.cascade import FIRST, rerank_stages
from engine.trace import Trace


@dataclass(frozen=True, slots=True)
class StageAccount:
    """What one stage of a cascade said, with the rank after it; NaN where it did not score the document, and why in
    ``note``."""

    name: str
    model: str
    raw: float
    kind: str
    score: float
    rank: int
    tokens: tuple[int, int] = (-1, -1)
    truncated: bool = False
    note: str = ""


def stage_accounts(trace: Trace, row: int, unscored: str) -> tuple[StageAccount, ...]:
    """What every stage of a cascade says of a pool row, in turn; empty where there is one reranker. ``unscored`` is why
    the first has no score, where it has none."""
    ranking, infos = trace.ranking, (trace.reranker, *trace.cascade)
    accounts = []
    askings = zip(rerank_stages(trace.settings).items(), trace.rerank.stages, ranking.stages, infos, strict=False)
    for (name, settings), said, ranked, info in askings:
        score = float(ranked.score[row])
        accounts.append(
            StageAccount(
                name=stage_name(name),
                model=model_name(info.model if info and info.model else settings.model) or settings.provider,
                raw=float(said.raw[row]) if score == score else float("nan"),
                kind=said.kind.value,
                score=score,
                rank=int(ranked.rank[row]),
                tokens=said.tokens_of(row),
                truncated=bool(said.truncated[row]),
                note="" if score == score else _note(trace, name, settings.top_n, unscored),
            )
        )
    return tuple(accounts)


def stage_name(report: str) -> str:
    """What a stage of a cascade is called: ``first``, then by its own name."""
    return "first" if report == FIRST else report.removeprefix(f"{FIRST}.")


def _note(trace: Trace, name: str, top_n: int, unscored: str) -> str:
    """Why a stage has no score for the document."""
    if name == FIRST:
        return unscored
    stage = trace.stage(name)
    if stage is not None and stage.outcome.ok:
        return f"not among the first {top_n} of the stage before"
    return f"{stage.outcome.status.value}: {stage.outcome.text or stage.outcome.reason}" if stage else "not scored yet"
