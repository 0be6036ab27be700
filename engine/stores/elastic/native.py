"""The same search as the engine itself would fuse it, in every form that it has, to be set beside ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import RankscopeError
from engine.evaluation.agreement import rank_biased_overlap
from engine.export.base import Change, Form, Wish, express
from engine.export.registry import ENGINES
from engine.settings import knobs
from engine.stores.elastic.answers import id_of
from engine.stores.elastic.store import ElasticStore
from engine.trace import Trace


@dataclass(frozen=True, slots=True)
class Native:
    """One form's answer, or why there is none.

    reranked    the engine reranked as well: the list to set it beside is ours after reranking
    ids, scores best first, as the engine gives them
    took_ms     the engine's own time, wall_ms with the way there and back
    changes     what the form could not express, and was given instead
    refusal     one line, '' where it answered; hint the way out
    overlap, rbo  with ours over the same depth; agrees: it is the same list
    """

    form: Form
    reranked: bool
    ids: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    took_ms: float = 0.0
    wall_ms: float = 0.0
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""
    hint: str = ""
    overlap: float = 0.0
    rbo: float = 0.0
    agrees: bool = False

    @property
    def label(self) -> str:
        return f"{self.form.name} + reranker" if self.reranked else self.form.name

    @property
    def same(self) -> bool:
        """Whether the engine was asked for exactly what the settings say."""
        return not self.changes and not self.refusal


async def compare(store: ElasticStore, wish: Wish, trace: Trace, depth: int) -> tuple[Native, ...]:
    """Every form of the store's engine, asked at once, to ``depth``. ``wish`` is for the trace's query.

    A form that the engine refuses, or that no nearest value makes possible, is a ``Native`` with its refusal.
    """
    engine = ENGINES[store.cluster.engine.name]
    bare = _asked(wish, depth, rerank=False)
    tries = [(form, bare, False) for form in engine.forms]
    if wish.settings.rerank.enabled:
        full = _asked(wish, depth, rerank=True)
        able = (form for form in engine.forms if "rerank.enabled" not in {one.path for one in form.obstacles(full)})
        tries += [(form, full, True) for form in able]
    answers = await asyncio.gather(*(_ask(store, form, asked, reranked) for form, asked, reranked in tries))
    return tuple(_beside(each, ours(trace, depth, reranked=each.reranked)) for each in answers)


def ours(trace: Trace, depth: int, *, reranked: bool) -> list[str]:
    """Our first ids, before or after reranking."""
    ranking = trace.ranking
    order = ranking.order if reranked else ranking.fused_order
    return [trace.pool.ids[row] for row in order[:depth].tolist()]


def _asked(wish: Wish, depth: int, *, rerank: bool) -> Wish:
    """The wish down to ``depth``, without a threshold or an offset, with or without the reranker."""
    values: dict[str, object] = {"cut.top_k": depth, "cut.offset": 0, "cut.threshold": 0.0, "cut.group": ""}
    return wish.with_settings(knobs.replace_all(wish.settings, {**values, "rerank.enabled": rerank}))


async def _ask(store: ElasticStore, form: Form, wish: Wish, reranked: bool) -> Native:
    cluster, id_field = store.cluster, store.legs.id_field
    label = str(cluster.engine)
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    began = time.perf_counter()
    try:
        made = express(cluster.engine.name, label, form, wish, nearest=True)
        changes, notes = made.changes, made.notes
        began = time.perf_counter()
        asked = {**made.body, "_source": False, **({"docvalue_fields": [id_field]} if id_field else {})}
        body: Mapping[str, Any] = await cluster.call("POST", f"{cluster.path}/_search", asked)
    except RankscopeError as error:
        return Native(form, reranked, changes=changes, notes=notes, refusal=error.message, hint=error.hint)
    hits = body["hits"]["hits"][: wish.settings.cut.top_k]
    return Native(
        form,
        reranked,
        tuple(id_of(hit, id_field) for hit in hits),
        tuple(float(hit["_score"] or 0.0) for hit in hits),
        float(body.get("took", 0)),
        (time.perf_counter() - began) * 1e3,
        changes,
        notes,
    )


def _beside(native: Native, mine: Sequence[str]) -> Native:
    if native.refusal:
        return native
    common, longest = len(set(native.ids) & set(mine)), max(len(mine), len(native.ids))
    return replace(
        native,
        overlap=common / longest if longest else 1.0,
        rbo=rank_biased_overlap(list(mine), list(native.ids)),
        agrees=list(mine) == list(native.ids),
    )
