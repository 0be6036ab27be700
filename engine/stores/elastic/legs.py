"""The legs of one index: what each asks, and its answer as hits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.errors import SettingsError
from engine.records import FloatArray
from engine.settings.schema import DenseLeg, LexicalLeg, SparseLeg
from engine.stores.base import LegHits, LegRequest
from engine.stores.elastic import answers, bodies
from engine.stores.elastic.bodies import Json
from engine.stores.elastic.cluster import Answer, Cluster
from engine.stores.elastic.fields import exact_field, group_field, searched_fields
from engine.stores.elastic.own_body import FINDS, read_body

_NOTHING = LegHits((), np.zeros(0, dtype=np.int64), np.zeros(0), 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A leg's query ready to send.

    body   of the search but for what restricts it; None where the query leaves nothing to ask
    names  of the clauses whose scores are the leg's parts
    whole  the body has more than a query (knn, a retriever, a rescorer): scores of given documents cannot be asked
    """

    body: Json | None
    names: tuple[str, ...] = ()
    whole: bool = False


@dataclass(slots=True)
class Legs:
    """``base_dir`` is what a body's file is relative to."""

    cluster: Cluster
    base_dir: Path = Path()
    _with_vector: dict[str, int] = field(default_factory=dict)

    async def search(self, request: LegRequest) -> LegHits:
        """The leg's best documents."""
        if request.query.blank:
            return _NOTHING
        if isinstance(request.settings, DenseLeg):
            return await self._nearest(request, request.settings)
        asked = await self.asked(request)
        if asked.body is None:
            return LegHits((), _NOTHING.rows, _NOTHING.scores, 0, asked.names, np.zeros((0, len(asked.names))))
        shape, restricted = self.cluster.shape, self.restricted(request)
        body = bodies.ranked({}, request.settings.top_k, shape, self.id_field) | asked.body
        if asked.whole:
            body.pop("sort", None)
            body |= {"post_filter": {"bool": restricted}} if restricted else {}
        else:
            body["query"] = bodies.within(asked.body["query"], restricted)
        return await self._ranked(request, body, asked.names, statistics=True)

    async def complete(self, request: LegRequest, ids: Sequence[str]) -> LegHits:
        """The leg's scores of ``ids``, 0 where it does not match, NaN where it has none."""
        if isinstance(request.settings, DenseLeg):
            return await self._vector_scores(request, request.settings, ids)
        asked = await self.asked(request, ids)
        absent = np.full(len(ids), np.nan)
        parts = np.full((len(ids), len(asked.names)), np.nan)
        rows = np.zeros(len(ids), dtype=np.int64)
        if asked.whole:
            return LegHits(tuple(ids), rows, absent, len(ids), asked.names, parts if asked.names else None)
        query = asked.body["query"] if asked.body else {"match_none": {}}
        query = bodies.within(query, self.restricted(request))
        body = bodies.completed(query, ids, self.id_field)
        answer = await self.cluster.search(body, query=request.query, named=len(asked.names) > 1, statistics=True)
        scores, parts = answers.aligned(self._hits(answer, asked.names), ids)
        return LegHits(tuple(ids), rows, scores, len(ids), asked.names, parts if asked.names else None)

    def restricted(self, request: LegRequest) -> Json:
        return bodies.restrictions(request.query, request.filter, self.cluster.shape)

    async def matching(self, request: LegRequest) -> Json:
        """The query of every document that the leg matches; for a dense leg all that have a vector."""
        restricted = self.restricted(request)
        if isinstance(request.settings, DenseLeg):
            name = self.cluster.shape.vector_field(request.settings.field, request.name).name
            return bodies.within({"exists": {"field": name}}, restricted)
        asked = await self.asked(request)
        query = (asked.body or {}).get("query", {"match_none": {}})
        return bodies.within(query, restricted)

    # --- lexical and sparse ---------------------------------------------------------------------------------------

    async def asked(self, request: LegRequest, ids: Sequence[str] = ()) -> Asked:
        """The query of a leg of words or of sparse vectors, for the scores of ``ids`` or for the best of all. Raises
        ``SettingsError`` and ``EngineError``."""
        leg, shape = request.settings, self.cluster.shape
        if isinstance(leg, SparseLeg):
            return Asked(await self._expanded(request, leg, ids))
        assert isinstance(leg, LexicalLeg)
        if leg.body or leg.template:
            return await self._own(request, leg)
        names = tuple(searched_fields(leg, shape, request.name))
        query = bodies.lexical_query(request.query, leg, shape, request.name)
        return Asked(None if "match_none" in query else {"query": query}, names)

    async def _own(self, request: LegRequest, leg: LexicalLeg) -> Asked:
        """The user's own body, or a template that the engine fills."""
        text = request.query.positive
        if leg.template:
            wish = {"id": leg.template, "params": {"query": text, "size": leg.top_k}}
            body = (await self.cluster.call("POST", "/_render/template", wish))["template_output"]
        else:
            body = bodies.filled(read_body(self.base_dir, leg.body, request.name), text)
        kept = {key: value for key, value in body.items() if key in bodies.KEPT}
        if not kept.keys() & set(FINDS):
            raise SettingsError(
                f"legs.{request.name}.template: {leg.template} makes a body without a query",
                path=f"legs.{request.name}.template",
                hint='write {"query": …} as for _search',
            )
        return Asked(kept, bodies.names_in(kept), whole=kept.keys() != {"query"})

    async def _expanded(self, request: LegRequest, leg: SparseLeg, ids: Sequence[str]) -> Json | None:
        shape, text, restricted = self.cluster.shape, request.query.positive, self.restricted(request)
        name = shape.sparse_field(leg.field, request.name)
        tokens: dict[str, float] = {}
        if not leg.inference_id:
            wish = {"analyzer": leg.analyzer, "text": text} if leg.analyzer else {"text": text}
            found = (await self.cluster.call("POST", f"{self.cluster.path_of(name)}/_analyze", wish))["tokens"]
            tokens = {token: float(count) for token, count in Counter(one["token"] for one in found).items()}
            if not tokens:
                return None
        k, among = leg.top_k, {"bool": restricted} if restricted else None
        if ids:
            k, among = len(ids) + 1, bodies.of_ids(ids, self.id_field)
        engine, type_ = self.cluster.engine, shape.sparse[name]
        query = bodies.sparse_query(engine, name, type_, leg.inference_id, text, tokens, k=k, among=among)
        return {"query": query}

    # --- dense ----------------------------------------------------------------------------------------------------

    async def _nearest(self, request: LegRequest, leg: DenseLeg) -> LegHits:
        if request.vector is None:
            return _NOTHING
        cluster, restricted = self.cluster, self.restricted(request)
        vector_field = cluster.shape.vector_field(leg.field, request.name)
        k = min(bodies.MOST, 4 * leg.top_k) if request.group else leg.top_k
        body = bodies.knn(
            vector_field,
            leg,
            self._vector(request),
            k,
            restricted,
            cluster.shape,
            cluster.engine,
            id_field=self.id_field,
        )
        body["size"] = leg.top_k
        hits, total = await asyncio.gather(
            self._ranked(request, body, ()), self._vectors(request, vector_field.name, restricted)
        )
        return LegHits(
            hits.ids,
            hits.rows,
            self._cosines(hits.scores, request, leg),
            total,
            (),
            None,
            hits.time_parts,
            hits.missing,
        )

    async def _vector_scores(self, request: LegRequest, leg: DenseLeg, ids: Sequence[str]) -> LegHits:
        cluster, rows = self.cluster, np.zeros(len(ids), dtype=np.int64)
        if request.vector is None or not ids:
            return LegHits(tuple(ids), rows, np.full(len(ids), np.nan), len(ids))
        vector_field = cluster.shape.vector_field(leg.field, request.name)
        only = {"filter": [bodies.of_ids(ids, self.id_field)]}
        body = bodies.knn(
            vector_field,
            leg,
            self._vector(request),
            len(ids),
            only,
            cluster.shape,
            cluster.engine,
            id_field=self.id_field,
            candidates=len(ids),
        )
        hits = self._hits(await cluster.search(body, query=request.query), ())
        scores, _ = answers.aligned(hits, ids)
        return LegHits(tuple(ids), rows, self._cosines(scores, request, leg), len(ids))

    def _vector(self, request: LegRequest) -> list[float]:
        """The query's vector as the field takes it: of length 1 for ``dot_product``."""
        assert request.vector is not None
        leg = request.settings
        vector = np.asarray(request.vector, dtype=np.float64)
        wanted = leg.field if isinstance(leg, DenseLeg) else ""
        if self.cluster.shape.vector_field(wanted, request.name).similarity == "dot_product":
            vector = vector / (np.linalg.norm(vector) or 1.0)
        numbers: list[float] = vector.tolist()
        return numbers

    def _cosines(self, scores: FloatArray, request: LegRequest, leg: DenseLeg) -> FloatArray:
        vector_field = self.cluster.shape.vector_field(leg.field, request.name)
        scripted = (leg.exact and not vector_field.exact) or not vector_field.indexed
        opensearch = self.cluster.engine.is_opensearch
        return answers.raw_vector_scores(scores, vector_field, scripted=scripted, opensearch=opensearch)

    async def _vectors(self, request: LegRequest, name: str, restricted: Json) -> int:
        """Documents that have a vector and are admitted; of the whole index asked once."""
        if not restricted and name in self._with_vector:
            return self._with_vector[name]
        query = bodies.within({"exists": {"field": name}}, restricted)
        body = {"query": query, "size": 0, "track_total_hits": True}
        total = answers.hits_of((await self.cluster.search(body, query=request.query)).body).total
        if not restricted:
            self._with_vector[name] = total
        return total

    # --- answers --------------------------------------------------------------------------------------------------

    @property
    def id_field(self) -> str:
        """The field that identifies a document, '' for the engine's own id."""
        name = self.cluster.settings.id_field
        return exact_field(name, self.cluster.shape, "store.id_field") if name else ""

    async def _ranked(
        self, request: LegRequest, body: Json, names: tuple[str, ...], *, statistics: bool = False
    ) -> LegHits:
        """The hits of a search, of each group the best where the request groups."""

        async def ask(one: Json) -> tuple[answers.Hits, Answer]:
            answer = await self.cluster.search(
                one, query=request.query, named=len(names) > 1, statistics=statistics, profile=request.profile
            )
            return self._hits(answer, names), answer

        if not request.group:
            hits, answer = await ask(body)
            return _leg_hits(hits, names, answer)
        name = group_field(request.group, self.cluster.shape)
        # the engine takes all documents without a value for one group; each of them is one of its own
        alone = bodies.alone(body, name)
        (hits, answer), (others, _) = await asyncio.gather(ask({**body, "collapse": {"field": name}}), ask(alone))
        found = answer.body["hits"]["hits"]
        kept = [row for row, hit in enumerate(found) if answers.first_value(hit, name) is not None]
        return _leg_hits(_merged(hits, kept, others, request.settings.top_k), names, answer)

    def _hits(self, answer: Answer, names: Sequence[str]) -> answers.Hits:
        hits = answers.hits_of(answer.body, names, self.id_field, self.cluster.shape.ordered)
        if len(names) == 1:
            hits.parts[:, 0] = hits.scores
        hits.parts[hits.scores == 0] = 0.0  # a named clause is scored even where the leg as a whole does not match
        return hits


def _leg_hits(hits: answers.Hits, names: tuple[str, ...], answer: Answer) -> LegHits:
    """An id is one document: of several that have it, as indices behind one alias may, the best."""
    found, missing = answers.unique(hits), answer.missing
    if taken := len(hits.ids) - len(found.ids):
        said = f"{taken} left out, whose ids other documents have too: store.id_field can name one that differs"
        missing = f"{missing}; {said}" if missing else said
    parts = found.parts if names else None
    return LegHits(found.ids, found.orders, found.scores, found.total, names, parts, answer.parts, missing)


def _merged(hits: answers.Hits, kept: Sequence[int], others: answers.Hits, size: int) -> answers.Hits:
    """The best of both, equal scores in the order of the index."""
    ids = [*(hits.ids[row] for row in kept), *others.ids]
    scores = np.concatenate([hits.scores[list(kept)], others.scores])
    orders = np.concatenate([hits.orders[list(kept)], others.orders])
    parts = np.concatenate([hits.parts[list(kept)], others.parts])
    best = np.lexsort((orders, -scores))[:size]
    return answers.Hits(tuple(ids[i] for i in best), scores[best], orders[best], parts[best], hits.total)
