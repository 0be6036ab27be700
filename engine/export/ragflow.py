"""RAGFlow: the settings of its retrieval, as its HTTP API takes them.

RAGFlow fixes its fields, their boosts, its first fusion and its window; what remains is below. Source:
infiniflow/ragflow, ``Dealer.retrieval`` and the API of retrieval, state of August 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.export import obstacles
from engine.export.base import Body, Form, Obstacle, Variable, Wish
from engine.fusion.blends import resolve
from engine.fusion.presets import PRESETS
from engine.settings.schema import DenseLeg, GraphLeg, LexicalLeg, RagflowSettings
from engine.stores.ragflow.fields import VERSIONS, window

NAME, LABEL = "ragflow", "RAGFlow"
FIRST_STAGE = {version.text_boost for version in VERSIONS.values()}
"""The text's boosts in the first stage that RAGFlow has had."""

TOP = RagflowSettings().top
"""Its ``top_k`` where no leg says: the nearest chunks that it asks for."""

_OWN_FILTERS = {"kb_id": "dataset_ids", "doc_id": "document_ids"}
_QUIRKS: list[str] = PRESETS["ragflow"].values["rerank"]["quirks"]


def _obstacles(wish: Wish) -> Iterator[Obstacle]:
    settings, dense = wish.settings, _dense(wish)
    if settings.fusion.combiner != "ragflow":
        yield Obstacle("fusion.combiner", "its first stage is b·BM25 + (1 + cos)/2", "ragflow")
    for name, leg in settings.legs.items():
        weight = settings.weights.get(name, 0.0)
        if isinstance(leg, LexicalLeg) and weight not in FIRST_STAGE and dense:  # of one leg alone b orders nothing
            now = VERSIONS[settings.store.ragflow.version].text_boost
            yield Obstacle(f"weights.{name}", "b is 0 since July 2026, 0.05 before", now)
        if isinstance(leg, GraphLeg) and weight:
            why = "its retrieval has no such leg: use_kg adds what the graph says as one more chunk"
            yield Obstacle(f"weights.{name}", why, 0.0)
        if leg is dense and weight == 0:
            yield Obstacle(f"weights.{name}", "the vectors always count", 1.0)
    yield from _threshold(wish)
    yield from obstacles.group(wish)
    if others := {name: value for name, value in settings.filter.items() if name not in _OWN_FILTERS}:
        kept = {name: value for name, value in settings.filter.items() if name not in others}
        yield Obstacle("filter", "it filters by dataset and by document", kept)
    yield from _rerank(wish)


def _threshold(wish: Wish) -> Iterator[Obstacle]:
    dense, now = _dense(wish), wish.settings.cut.threshold
    if not _vector_weight(wish):
        if now:
            yield Obstacle("cut.threshold", "it cuts no results where vector_similarity_weight is 0", 0.0)
    elif dense and dense.similarity_threshold != now:
        yield Obstacle("cut.threshold", "one similarity_threshold cuts cosines and results", dense.similarity_threshold)


def _rerank(wish: Wish) -> Iterator[Obstacle]:
    rerank, cut, dense = wish.settings.rerank, wish.settings.cut, _dense(wish)
    if not rerank.enabled:
        yield Obstacle("rerank.enabled", "it always reranks by shared terms and vector", True)
    blend = resolve(rerank.blend, rerank.provider)
    if blend not in ("ragflow", "replace") or (blend == "replace" and rerank.provider != "term"):
        yield Obstacle("rerank.blend", "it adds (1 − v)·terms + v·score", "ragflow")
    most = (dense.top_k if dense else TOP) if rerank.provider != "term" else 0
    if rerank.top_n != (block := window(cut.top_k, most)):
        yield Obstacle("rerank.top_n", "it reranks 64, rounded up to whole pages", block)
    if rerank.provider == "term" and set(rerank.quirks) != set(_QUIRKS):
        yield Obstacle("rerank.quirks", "it has them all", _QUIRKS)
    if rerank.provider == "term" and not dense and rerank.vector_weight:
        yield Obstacle("rerank.vector_weight", "no leg has vectors to weigh: shared terms alone order", 0.0)
    if cut.offset % cut.top_k:
        yield Obstacle("cut.offset", "it shows whole pages", cut.offset - cut.offset % cut.top_k)


def _dense(wish: Wish) -> DenseLeg | None:
    """The leg of RAGFlow's own kNN; not that of the knowledge graph."""
    legs = wish.settings.legs.values()
    return next((leg for leg in legs if isinstance(leg, DenseLeg) and leg.kind == "dense"), None)


def _vector_weight(wish: Wish) -> float:
    """v of the re-rank, RAGFlow's ``vector_similarity_weight``: of a model's score where one scores."""
    rerank = wish.settings.rerank
    return rerank.vector_weight if rerank.provider == "term" else rerank.weight


def _body(wish: Wish) -> Body:
    settings, dense = wish.settings, _dense(wish)
    own, cut = settings.store.ragflow, settings.cut
    asked: dict[str, Any] = {
        "question": wish.query.text,
        "dataset_ids": own.kb_ids or [Variable("DATASET_ID")],
        **({"document_ids": own.doc_ids} if own.doc_ids else {}),
        "page": cut.offset // cut.top_k + 1,
        "page_size": cut.top_k,
        "similarity_threshold": dense.similarity_threshold if dense else cut.threshold,
        "vector_similarity_weight": _vector_weight(wish),
        "top_k": dense.top_k if dense else TOP,
    }
    for name, field in _OWN_FILTERS.items():
        if name in settings.filter:
            value = settings.filter[name]
            asked[field] = value if isinstance(value, list) else [value]
    return {**asked, **({"rerank_id": settings.rerank.model} if settings.rerank.provider != "term" else {})}


def _notes(wish: Wish) -> Iterator[str]:
    yield "RAGFlow searches its own seven fields with its own boosts; those of the settings play no part"
    if _dense(wish) is None:
        yield "RAGFlow asks its vectors all the same: of more matches than fit a block they choose the first one"
    if "kb_id" not in wish.settings.filter and not wish.settings.store.ragflow.kb_ids:
        yield "dataset_ids names the knowledge bases"
    if wish.settings.rerank.provider != "term":
        yield "rerank_id is the model as RAGFlow names it, such as BAAI/bge-reranker-v2-m3@HuggingFace"


FORMS = (
    Form(
        "retrieval",
        "retrieval",
        "vector_similarity_weight, similarity_threshold, top_k, page and rerank model",
        _obstacles,
        _body,
        (0, 20),
        path=lambda wish: "/api/v1/retrieval",
        notes=_notes,
    ),
)
