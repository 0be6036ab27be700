"""Why one document stands where it stands: its account, made from a trace. Pure; texts come out fit to be shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from console.spans import clean_spans
from console.views_carried import Carried, carried
from console.views_cascade import StageAccount, stage_accounts, stage_name
from engine.analysis.display import clean
from engine.fusion.blends import resolve
from engine.records import Document, DropRule, QueryTerm, ScoreKind
from engine.rerankers.attribution import Attribution
from engine.rerankers.cascade import rerank_stages
from engine.settings.schema import DenseLeg, LegSettings, LexicalLeg
from engine.stores.base import Highlight
from engine.trace import Trace

NAN = math.nan

LONG_TEXT = 80
"""Characters from which a field that no leg searches is shown all the same."""

DROP_TEXTS: Mapping[DropRule, str] = {
    DropRule.TOP_K: "below the last result (cut.top_k)",
    DropRule.OFFSET: "above the first result shown (cut.offset)",
    DropRule.THRESHOLD: "its score is below cut.threshold",
    DropRule.SIMILARITY_THRESHOLD: "its cosine is below similarity_threshold, and no other leg returned it",
    DropRule.WEIGHT_ZERO: "only a leg of weight 0 knows it",
    DropRule.FILTER: "the filter leaves it out",
    DropRule.GROUP: "a better document has the same value of cut.group",
}


@dataclass(frozen=True, slots=True)
class LegAccount:
    """One leg's share: raw → normalised × weight = contribution; NaN where there is no such number.

    rank      among what the leg returned, 0 where it did not return the document
    fields    (field, its part of the raw score), for legs that add fields up
    share     of the largest contribution in this account, 0…1, for the bar
    note      why a number is missing or not the leg's own, or what it rests on
    """

    name: str
    place: int
    kind: str
    raw: float
    normalized: float
    weight: float
    contribution: float
    share: float
    rank: int = 0
    fields: tuple[tuple[str, float], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class FeatureAccount:
    name: str
    raw: float
    contribution: float
    share: float


@dataclass(frozen=True, slots=True)
class RerankAccount:
    """What the reranker said. ``fused_part`` and ``rerank_part`` add up to the final score where the blend has parts.

    ``tokens`` are those that the model saw and those that there are; −1 where the reranker did not tell.
    """

    raw: float
    kind: str
    score: float
    tokens: tuple[int, int]
    truncated: bool
    blend: str
    weight: float
    fused_part: float = NAN
    rerank_part: float = NAN


@dataclass(frozen=True, slots=True)
class Place:
    """The document's rank after one stage, 0 where it has none; ``role`` colours it."""

    stage: str
    rank: int
    role: str


@dataclass(frozen=True, slots=True)
class TermAccount:
    """A term of the query in one field; ``contribution`` is what it gives this document, NaN where that is unknown."""

    text: str
    field: str
    weight: float
    df: int
    idf: float
    contribution: float
    share: float
    source: str = ""
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A field's text fit to be shown, and the matched spans in it (characters of ``text``); ``carried`` are passages of
    it with how far each carried the rerank score, see ``console.views_carried``."""

    field: str
    text: str
    spans: tuple[tuple[int, int], ...]
    carried: tuple[Carried, ...] = ()


@dataclass(frozen=True, slots=True)
class TextSource:
    """What the texts are made of. Cleaning and wrapping them takes longer than the whole account, so whoever paints
    keeps what ``text_blocks`` gave while ``same`` holds."""

    document: Document | None
    highlights: Sequence[Highlight]
    fields: tuple[str, ...]
    attribution: Attribution | None = None
    running: bool = False

    def same(self, other: TextSource) -> bool:
        """Whether the texts would come out the same: these very records."""
        here = self.document is other.document and self.highlights is other.highlights
        told = self.attribution is other.attribution and self.running == other.running
        return here and told and self.fields == other.fields


@dataclass(frozen=True, slots=True, eq=False)
class DocumentView:
    """Everything the document panel shows. ``rank`` is 0 where the document is not ranked; ``rerank`` is what the last
    stage said that scored it, ``stages`` what each stage of a cascade did."""

    id: str
    title: str
    rank: int
    fused_rank: int
    score: float
    fused_score: float
    legs: tuple[LegAccount, ...]
    features: tuple[FeatureAccount, ...]
    rerank: RerankAccount | None
    rerank_note: str
    places: tuple[Place, ...]
    dropped: str
    terms: tuple[TermAccount, ...]
    source: TextSource
    pinned: bool = False
    stages: tuple[StageAccount, ...] = ()


def document_view(
    trace: Trace,
    id: str,
    document: Document | None = None,
    highlights: Sequence[Highlight] = (),
    terms: Sequence[tuple[QueryTerm, float]] | None = None,
    *,
    pinned: bool = False,
    attribution: Attribution | None = None,
    attributing: bool = False,
) -> DocumentView | None:
    """The account of one pool document, None where the pool does not hold it.

    ``document``, ``highlights`` and ``terms`` (each with its contribution) come later than the trace; without them
    the text is missing and the terms stand without contributions; ``attribution`` only where it was asked for, which
    is still under way while ``attributing``.
    """
    if id not in trace.pool.ids:
        return None
    row = trace.pool.ids.index(id)
    ranking = trace.ranking
    document = document or trace.documents.get(id)
    rule = ranking.drop_rule(row)
    rerank = _rerank(trace, row)
    return DocumentView(
        id=clean(id),
        title=clean(document.title if document else id, newlines=False),
        rank=int(ranking.rank[row]),
        fused_rank=int(ranking.fused_rank[row]),
        score=float(ranking.score[row]),
        fused_score=float(ranking.fused_score[row]),
        legs=_legs(trace, row, document is not None and document.cut),
        features=_features(trace, row),
        rerank=rerank,
        rerank_note="" if rerank else _unscored_note(trace, row),
        places=_places(trace, row),
        dropped=DROP_TEXTS[rule] if rule else "",
        terms=_terms(trace, terms),
        source=TextSource(document, highlights, _searched(trace), attribution, attributing),
        pinned=pinned,
        stages=stage_accounts(trace, row, _unscored_note(trace, row)),
    )


def _largest(trace: Trace, row: int) -> float:
    sizes = np.abs(np.concatenate([trace.ranking.contribution[row], trace.ranking.feature_contribution[row]]))
    largest = float(np.nanmax(sizes, initial=0.0))
    return largest or 1.0


def _legs(trace: Trace, row: int, cut: bool = False) -> tuple[LegAccount, ...]:
    """``cut``: the embedder saw the document's beginning only."""
    pool, ranking = trace.pool, trace.ranking
    largest = _largest(trace, row)
    accounts = []
    for place, (name, leg) in enumerate(trace.settings.legs.items()):
        if name not in pool.leg_names:
            accounts.append(LegAccount(name, place, "", NAN, NAN, 0.0, 0.0, 0.0, note=_no_leg(trace, name)))
            continue
        column = pool.leg_names.index(name)
        raw, returned = float(pool.scores[row, column]), bool(pool.returned[row, column])
        contribution = float(ranking.contribution[row, column])
        parts = pool.field_scores.get(name)
        accounts.append(
            LegAccount(
                name=name,
                place=place,
                kind=pool.legs[column].kind.value,
                raw=raw,
                normalized=float(ranking.normalized[row, column]),
                weight=float(ranking.leg_weight[column]),
                contribution=contribution,
                share=abs(contribution) / largest,
                rank=1 + int((pool.scores[pool.returned[:, column], column] > raw).sum()) if returned else 0,
                fields=() if parts is None else _parts(pool.field_names[name], parts[row].tolist()),
                note=_leg_note(raw, float(ranking.normalized[row, column]), returned) or _embedded_note(leg, cut),
            )
        )
    return tuple(accounts)


def _parts(names: Sequence[str], values: Sequence[float]) -> tuple[tuple[str, float], ...]:
    return tuple((clean(name), value) for name, value in zip(names, values, strict=True))


def _leg_note(raw: float, normalized: float, returned: bool) -> str:
    if math.isnan(raw):
        return "absent: the leg has no score for it"
    if math.isnan(normalized):
        return "not counted"
    return "" if returned else "completed: the leg did not return it"


def _embedded_note(leg: LegSettings, cut: bool) -> str:
    return "longer than the embedder sees: of its beginning" if cut and isinstance(leg, DenseLeg) else ""


def _no_leg(trace: Trace, name: str) -> str:
    stage = trace.stage(name)
    if stage is not None and not stage.outcome.ok:
        return f"{stage.outcome.status.value}: {stage.outcome.text or stage.outcome.reason}"
    return "not run" if trace.settings.weights.get(name, 0) > 0 else "weight 0: not run"


def _features(trace: Trace, row: int) -> tuple[FeatureAccount, ...]:
    pool, largest = trace.pool, _largest(trace, row)
    given = trace.ranking.feature_contribution[row].tolist()
    return tuple(
        FeatureAccount(name, float(pool.features[row, column]), value, abs(value) / largest)
        for column, (name, value) in enumerate(zip(pool.feature_names, given, strict=True))
    )


def _rerank(trace: Trace, row: int) -> RerankAccount | None:
    ranking = trace.ranking
    if math.isnan(ranking.rerank_score[row]):
        return None
    deepest = ranking.deepest(row)
    said, settings = trace.rerank.stages[deepest], list(rerank_stages(trace.settings).values())[deepest]
    return RerankAccount(
        raw=float(said.raw[row]),
        kind="sum" if said.kind is ScoreKind.FUSED else said.kind.value,
        score=float(ranking.rerank_score[row]),
        tokens=said.tokens_of(row),
        truncated=bool(said.truncated[row]),
        blend=resolve(settings.blend, settings.provider),
        weight=settings.weight,
        fused_part=float(ranking.blend_fused[row]),
        rerank_part=float(ranking.blend_rerank[row]),
    )


def _unscored_note(trace: Trace, row: int) -> str:
    settings, rank = trace.settings.rerank, int(trace.ranking.fused_rank[row])
    stage = trace.stage("rerank")
    if not settings.enabled:
        return "reranking is off"
    if rank == 0:
        return "not ranked, so not reranked"
    if rank > settings.top_n:
        return f"fused rank {rank} is beyond the first {settings.top_n} (rerank.top_n)"
    if stage is None:
        return "not scored yet"
    if not stage.outcome.ok:
        return f"{stage.outcome.status.value}: {stage.outcome.text or stage.outcome.reason}"
    return "new in the first N, or a blank document: without a score"


def _places(trace: Trace, row: int) -> tuple[Place, ...]:
    ranking = trace.ranking
    legs = tuple(
        Place(leg.name, leg.rank, f"leg-{leg.place + 1}") for leg in _legs(trace, row) if not math.isnan(leg.normalized)
    )
    places = (*legs, Place("fused", int(ranking.fused_rank[row]), "fused"))
    between = zip(rerank_stages(trace.settings), ranking.stages[:-1], strict=False)
    said = ((name, stage) for name, stage in between if not np.isnan(stage.score).all())
    places += tuple(Place(stage_name(name), int(stage.rank[row]), "rerank") for name, stage in said)
    if not np.isnan(ranking.rerank_score).all():
        places = (*places, Place("reranked", int(ranking.rank[row]), "rerank"))
    at = np.flatnonzero(ranking.results == row)
    return (*places, Place("result", int(at[0]) + 1 if len(at) else 0, "accent"))


def _terms(trace: Trace, given: Sequence[tuple[QueryTerm, float]] | None) -> tuple[TermAccount, ...]:
    """Those that give something, largest first, then the query's other terms."""
    pairs = list(given or ())
    told = {(term.text, term.field) for term, _ in pairs}
    unknown = NAN if given is None else 0.0
    pairs += [(term, unknown) for term in trace.analysis.terms if (term.text, term.field) not in told]
    pairs.sort(key=lambda pair: -(pair[1] if pair[1] == pair[1] else 0.0))
    largest = max((value for _, value in pairs if value == value), default=0.0) or 1.0
    return tuple(
        TermAccount(
            text=clean(term.text),
            field=clean(term.field),
            weight=term.weight,
            df=term.df,
            idf=term.idf,
            contribution=value,
            share=max(value, 0.0) / largest if value == value else 0.0,
            source=clean(term.source),
            nearest=tuple(map(clean, term.nearest)),
        )
        for term, value in pairs
    )


def _searched(trace: Trace) -> tuple[str, ...]:
    """The fields that the lexical legs search, in their order."""
    legs = [leg for leg in trace.settings.legs.values() if isinstance(leg, LexicalLeg)]
    return tuple(dict.fromkeys(name for leg in legs for name in leg.fields))


def text_blocks(source: TextSource) -> tuple[TextBlock, ...]:
    """The searched fields that the document has, then its other texts of some length."""
    document = source.document
    if document is None:
        return ()
    others = [name for name, value in document.fields.items() if isinstance(value, str) and len(value) > LONG_TEXT]
    blocks = []
    for name in dict.fromkeys((*source.fields, *others)):
        raw = document.text_of(name)
        if raw.strip():
            text, shown = clean_spans(raw, [(h.start, h.end) for h in source.highlights if h.field == name])
            blocks.append(TextBlock(clean(name), text, shown, carried(source.attribution, name, raw)))
    return tuple(blocks)
