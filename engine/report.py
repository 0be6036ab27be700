"""A trace as plain data: what ``rankscope search -o json`` prints. Names only ever get added."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from engine.records import DropRule, Outcome, QueryTerm, RerankerInfo, StageReport
from engine.rerankers.cascade import rerank_stages
from engine.secrets import mask, shown_setting
from engine.settings.knobs import leaves
from engine.settings.schema import Settings
from engine.trace import Trace

if TYPE_CHECKING:
    from engine.tracking import Tracked

_STAGE_OF_RULE = {
    DropRule.TOP_K: "cut",
    DropRule.OFFSET: "cut",
    DropRule.THRESHOLD: "cut",
    DropRule.GROUP: "cut",
    DropRule.SIMILARITY_THRESHOLD: "fuse",
    DropRule.WEIGHT_ZERO: "fuse",
    DropRule.FILTER: "fuse",
}


def to_json(trace: Trace) -> dict[str, Any]:
    """The whole trace; numbers that do not exist are null."""
    ranking, pool = trace.ranking, trace.pool
    return {
        "query": trace.query.text,
        "settings": settings_json(trace.settings),
        "analysis": [term_json(term) for term in trace.analysis.terms],
        "stages": [_stage(stage) for stage in trace.stages],
        "wall_ms": round(trace.wall_ms, 3),
        "totals": dict(trace.totals),
        "pool": len(pool),
        "reranker": _reranker(trace.reranker),
        "cascade": [_reranker(info) for info in trace.cascade],
        "results": [result_json(trace, int(row)) for row in ranking.results],
        "dropped": [
            {"id": pool.ids[row], "stage": _STAGE_OF_RULE[rule], "rule": str(rule)}
            for row in range(len(pool))
            if (rule := ranking.drop_rule(row)) is not None
        ],
        "warnings": [mask(text) for text in trace.warnings],
    }


def result_json(trace: Trace, row: int) -> dict[str, Any]:
    """One pool row with its account."""
    ranking, i = trace.ranking, trace.pool.ids[row]
    document = trace.documents.get(i)
    return {
        "rank": int(ranking.rank[row]),
        "id": i,
        "title": document.title if document else i,
        "score": _number(ranking.score[row]),
        "fused_rank": int(ranking.fused_rank[row]),
        "fused_score": _number(ranking.fused_score[row]),
        "legs": {name: _leg(trace, name, row) for name in trace.settings.legs},
        "features": {
            name: {
                "raw": _number(trace.pool.features[row, column]),
                "contribution": _number(ranking.feature_contribution[row, column]),
            }
            for column, name in enumerate(trace.pool.feature_names)
        },
        "rerank": _rerank(trace, row, trace.ranking.deepest(row)),
        "cascade": _cascade(trace, row),
        "blend": _blend(trace, row),
    }


def tracked_json(tracked: Tracked) -> dict[str, Any]:
    """The way of one document, for ``--track``; ranks it does not have are null."""
    return {
        "id": tracked.id,
        "exists": tracked.exists,
        "pooled": tracked.pooled,
        "legs": {
            name: {
                "rank": leg.rank or None,
                "raw": _number(leg.raw),
                "last": _number(leg.last),
                "returned": leg.returned,
                "text": leg.text,
            }
            for name, leg in tracked.legs.items()
        },
        "fused_rank": tracked.fused_rank or None,
        "fused_score": _number(tracked.fused_score),
        "rerank": _number(tracked.rerank),
        "rank": tracked.rank or None,
        "stage": _STAGE_OF_RULE[tracked.rule] if tracked.rule else None,
        "rule": str(tracked.rule) if tracked.rule else None,
    }


def settings_json(settings: Settings) -> dict[str, Any]:
    """The settings as they ran; keys given in so many words and credentials in addresses are masked."""
    data: dict[str, Any] = msgspec.to_builtins(settings)
    for keys, value, shape in leaves(settings):
        if not isinstance(value, str) or not value:
            continue
        safe = shown_setting(value, secret=shape.knob is not None and shape.knob.secret)
        if safe != value:
            node = data
            for key in keys[:-1]:
                node = node[key]
            node[keys[-1]] = safe
    return data


def _leg(trace: Trace, name: str, row: int) -> dict[str, Any]:
    pool, ranking = trace.pool, trace.ranking
    if name not in pool.leg_names:
        return {"raw": None, "normalized": None, "weight": None, "contribution": 0.0, "returned": False, "fields": {}}
    column = pool.leg_names.index(name)
    parts = pool.field_scores.get(name)
    fields = {} if parts is None else zip(pool.field_names[name], parts[row].tolist(), strict=True)
    return {
        "raw": _number(pool.scores[row, column]),
        "normalized": _number(ranking.normalized[row, column]),
        "weight": _number(ranking.leg_weight[column]),
        "contribution": _number(ranking.contribution[row, column]),
        "returned": bool(pool.returned[row, column]),
        "fields": {key: _number(value) for key, value in dict(fields).items()},
    }


def _rerank(trace: Trace, row: int, index: int) -> dict[str, Any] | None:
    """What stage ``index`` of the reranking says of the row, from 0; null where it says nothing."""
    stages = trace.ranking.stages
    score = _number((stages[index].score if stages else trace.ranking.rerank_score)[row])
    if score is None:
        return None
    scores = trace.rerank.stages[index]
    tokens, total = scores.tokens_of(row)
    return {
        "raw": _number(scores.raw[row]),
        "kind": str(scores.kind),
        "score": score,
        "tokens": tokens if tokens >= 0 else None,
        "total_tokens": total if total >= 0 else None,
        "truncated": bool(scores.truncated[row]),
    }


def _cascade(trace: Trace, row: int) -> list[dict[str, Any] | None]:
    """What each stage of a cascade says of the row, with its rank after it; empty where there is one reranker."""
    found = []
    for index, (name, stage) in enumerate(zip(rerank_stages(trace.settings), trace.ranking.stages, strict=False)):
        said = _rerank(trace, row, index)
        found.append(None if said is None else {"stage": name, "rank": int(stage.rank[row]), **said})
    return found


def _blend(trace: Trace, row: int) -> dict[str, float | None] | None:
    fused, rerank = _number(trace.ranking.blend_fused[row]), _number(trace.ranking.blend_rerank[row])
    return None if fused is None and rerank is None else {"fused": fused, "rerank": rerank}


def _reranker(info: RerankerInfo | None) -> dict[str, Any] | None:
    if info is None:
        return None
    return {
        "provider": info.provider,
        "model": info.model,
        "revision": info.revision,
        "device": info.device,
        "dtype": info.dtype,
        "backend": info.backend,
        "instruction": info.instruction,
        "token_budget": info.token_budget,
        "score_kind": str(info.kind),
        "url": mask(info.url),
        "usage": dict(info.usage),
    }


def _stage(stage: StageReport) -> dict[str, Any]:
    return {
        "name": stage.name,
        "start_ms": round(stage.start_ms, 3),
        "end_ms": round(stage.end_ms, 3),
        "ran_on": str(stage.ran_on),
        "outcome": outcome_json(stage.outcome),
        "parts": [
            {"name": part.name, "start_ms": round(part.start_ms, 3), "end_ms": round(part.end_ms, 3)}
            for part in stage.parts
        ],
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": str(outcome.status),
        "done": outcome.done,
        "total": outcome.total,
        "reason": outcome.reason,
        "text": mask(outcome.text),
        "hint": mask(outcome.hint),
    }


def term_json(term: QueryTerm) -> dict[str, Any]:
    return {
        "token": term.text,
        "field": term.field,
        "weight": term.weight,
        "df": term.df,
        "idf": _number(term.idf),
        "synonym_of": term.source or None,
        "nearest": list(term.nearest),
    }


def _number(value: float) -> float | None:
    """A JSON number, or null for what does not exist."""
    number = float(value)
    return number if math.isfinite(number) else None
