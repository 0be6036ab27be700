"""What the legs of one query answered: their hits, the scores asked for afterwards, features and groups.

Kept per leg under a key of everything that its answer depends on, so that a later run asks only for what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import numpy.typing as npt

from engine import pool as pools
from engine.analysis.query import Query
from engine.records import CandidatePool, FloatArray, Leg, ScoreKind
from engine.settings.schema import DenseLeg, LegSettings, LexicalLeg, Settings, SparseLeg
from engine.stores.base import LegHits, LegRequest, LiveStore, Store, StoreInfo

Vector = npt.NDArray[np.float32]
Key = tuple[bytes, bytes]


def leg_key(leg: LegSettings, settings: Settings) -> Key:
    """What a leg's answer depends on: the leg, and what restricts every leg. Cuts made by ``rank`` do not count."""
    if isinstance(leg, DenseLeg):
        leg = msgspec.structs.replace(leg, similarity_threshold=0.0)
    return msgspec.json.encode(leg), msgspec.json.encode([settings.filter, settings.cut.group])


@dataclass(frozen=True, slots=True)
class Completion:
    """Scores to ask for: of these documents, by this leg."""

    leg: str
    request: LegRequest
    ids: tuple[str, ...]


@dataclass(slots=True)
class Retrieval:
    """The answers of one query's legs. ``vectors`` holds the query's vector per embedder, None where it has none."""

    info: StoreInfo
    query: Query
    vectors: dict[str, Vector | None] = field(default_factory=dict)
    hits: dict[str, LegHits] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    _profiled: set[str] = field(default_factory=set)
    _completed: dict[str, LegHits] = field(default_factory=dict)
    _features: dict[str, dict[str, float]] = field(default_factory=dict)
    _groups: dict[str, dict[str, str]] = field(default_factory=dict)
    _candidates: tuple[list[str], pools.Candidates] | None = None
    _pool: CandidatePool | None = None
    _turned: tuple[CandidatePool, Mapping[str, Sequence[float]], CandidatePool] | None = None
    _pool_key: tuple[object, ...] = ()
    _rows: tuple[CandidatePool | None, Mapping[str, int]] = field(default=(None, {}))

    def request(self, name: str, settings: Settings) -> LegRequest:
        leg = settings.legs[name]
        vector = self.vectors.get(leg.embedder) if isinstance(leg, DenseLeg) else None
        profile = settings.store.profile and self.info.profiles
        return LegRequest(name, leg, self.query, settings.filter, vector, settings.cut.group, profile)

    def missing(self, settings: Settings) -> tuple[str, ...]:
        """The legs of weight above 0 that these settings would have to ask; a profiled answer does without one too."""
        profile = settings.store.profile and self.info.profiles
        return tuple(
            name
            for name, leg in settings.legs.items()
            if settings.weights.get(name, 0) > 0
            and (self.keys.get(name) != leg_key(leg, settings) or (profile and name not in self._profiled))
        )

    def absorb(self, name: str, settings: Settings, hits: LegHits | None) -> None:
        """Keep a leg's answer; None (it failed or has no vector) forgets an older one."""
        self._candidates = self._pool = None
        self._completed.pop(name, None)
        self.hits.pop(name, None)
        self.keys.pop(name, None)
        self._profiled.discard(name)
        if hits is not None:
            self.hits[name] = hits
            self.keys[name] = leg_key(settings.legs[name], settings)
            if settings.store.profile:
                self._profiled.add(name)

    def answered(self, settings: Settings) -> list[str]:
        """The legs that have an answer, in settings order."""
        return [name for name in settings.legs if name in self.hits]

    def candidates(self, settings: Settings) -> pools.Candidates:
        """What any leg returned; the same object until a leg answers anew."""
        legs = self.answered(settings)
        if self._candidates is None or self._candidates[0] != legs:
            self._candidates = legs, pools.unite([self.hits[name] for name in legs])
        return self._candidates[1]

    def completions(self, settings: Settings) -> list[Completion]:
        """What is still to be asked so that every leg has a score for every candidate."""
        candidates = self.candidates(settings)
        wanted = []
        for index, name in enumerate(self.answered(settings)):
            if self.hits[name].every is not None:
                continue
            absent, done = candidates.absent(index), self._completed.get(name)
            ids = absent
            if done is not None:
                known = frozenset(done.ids)
                ids = tuple(i for i in absent if i not in known)
            if ids:
                wanted.append(Completion(name, self.request(name, settings), ids))
        return wanted

    def complete(self, wanted: Completion, hits: LegHits) -> None:
        """Keep the scores that were asked for."""
        self._pool = None
        hits, before = replace(hits, ids=wanted.ids), self._completed.get(wanted.leg)
        self._completed[wanted.leg] = hits if before is None else _joined(before, hits)

    def feature_fields(self, settings: Settings) -> tuple[str, ...]:
        """The columns that the settings' features read, each once."""
        return tuple(dict.fromkeys(feature.field for feature in settings.features.values()))

    def unknown_features(self, settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(fields, ids) whose feature values are not here yet."""
        fields = self.feature_fields(settings)
        ids = self.candidates(settings).ids if fields else ()
        missing = tuple(i for i in ids if any(i not in self._features.get(name, {}) for name in fields))
        return (fields, missing) if missing else ((), ())

    def keep_features(self, fields: Sequence[str], ids: Sequence[str], values: FloatArray) -> None:
        self._pool = None
        for column, name in enumerate(fields):
            self._features.setdefault(name, {}).update(zip(ids, values[:, column].tolist(), strict=True))

    def unknown_groups(self, settings: Settings) -> tuple[str, ...]:
        """Ids whose value of the field that results are grouped by is not here yet."""
        name = settings.cut.group
        known = self._groups.get(name, {})
        return tuple(i for i in self.candidates(settings).ids if i not in known) if name else ()

    def keep_groups(self, name: str, ids: Sequence[str], values: Sequence[str]) -> None:
        self._pool = None
        self._groups.setdefault(name, {}).update(zip(ids, values, strict=True))

    def pool(self, settings: Settings) -> CandidatePool:
        """The candidates with everything known of them; the same object until something is absorbed."""
        features = tuple((name, spec.field) for name, spec in settings.features.items())
        key = (features, settings.cut.group, *self.answered(settings))
        if self._pool is None or self._pool_key != key:
            self._pool, self._pool_key = self._build(settings), key
        return self._boosted(self._pool, settings)

    def _boosted(self, pool: CandidatePool, settings: Settings) -> CandidatePool:
        """The pool as other boosts of the lexical legs would score it, where the store has to be asked for them: shown
        until the leg was asked again."""
        wanted = {}
        for name in pool.leg_names if "boosts" in self.info.asked_knobs else ():
            leg, asked = settings.legs[name], self.keys[name][0]
            if isinstance(leg, LexicalLeg) and leg_key(leg, settings)[0] != asked:
                wanted[name] = boost_factors(msgspec.json.decode(asked, type=LexicalLeg), leg, pool.field_names[name])
        if not any(wanted.values()):
            return pool
        if self._turned is None or self._turned[0] is not pool or self._turned[1] != wanted:
            turned = pool
            for name, factors in wanted.items():
                turned = pools.boosted(turned, name, factors) if factors else turned
            self._turned = (pool, wanted, turned)
        return self._turned[2]

    def rows(self, settings: Settings) -> Mapping[str, int]:
        """Document id → row of the pool."""
        pool = self.pool(settings)
        if self._rows[0] is not pool:
            self._rows = (pool, dict(zip(pool.ids, range(len(pool)), strict=True)))
        return self._rows[1]

    def _build(self, settings: Settings) -> CandidatePool:
        candidates = self.candidates(settings)
        legs = self.answered(settings)
        columns = [pools.LegColumn(self._leg(name, settings), self.hits[name]) for name in legs]
        completed = [self._known(name, candidates, i) for i, name in enumerate(legs)]
        features = {
            name: np.array([self._features.get(spec.field, {}).get(i, np.nan) for i in candidates.ids])
            for name, spec in settings.features.items()
        }
        group = self._groups.get(settings.cut.group, {})
        groups = tuple(group.get(i, "") for i in candidates.ids) if settings.cut.group else ()
        return pools.build(candidates, columns, completed, features, groups)

    def _known(self, name: str, candidates: pools.Candidates, leg: int) -> LegHits | None:
        """The completed scores of what the leg did not return, NaN for those it was not asked for."""
        done = self._completed.get(name)
        if done is None or done.ids == (ids := candidates.absent(leg)):
            return done
        place = {i: at for at, i in enumerate(done.ids)}
        at = np.array([place.get(i, -1) for i in ids], dtype=np.int64)
        scores = np.where(at < 0, np.nan, done.scores[at])
        parts = None if done.field_scores is None else np.where(at[:, None] < 0, np.nan, done.field_scores[at])
        return replace(done, ids=ids, rows=done.rows[at], scores=scores, field_scores=parts)

    def _leg(self, name: str, settings: Settings) -> Leg:
        if isinstance(settings.legs[name], LexicalLeg):
            return Leg(name, ScoreKind.BM25, self.info.bm25_factor)
        if isinstance(settings.legs[name], SparseLeg):
            return Leg(name, ScoreKind.SPARSE)
        return Leg(name, self.info.similarity)


def boost_factors(before: LexicalLeg, after: LexicalLeg, names: Sequence[str]) -> list[float]:
    """What each field's scores are to be multiplied by; empty where the legs differ in more than boosts, or where a
    field was not searched before."""
    same = msgspec.structs.replace(before, fields=after.fields) == after
    if not same or not names or any(before.fields.get(name, 0.0) <= 0 for name in after.fields):
        return []
    if any(name not in before.fields for name in names):
        return []
    return [after.fields.get(name, 0.0) / before.fields[name] for name in names]


def _joined(before: LegHits, after: LegHits) -> LegHits:
    """Two answers to one leg's completion as one."""
    parts = None
    if before.field_scores is not None and after.field_scores is not None:
        parts = np.concatenate([before.field_scores, after.field_scores])
    return replace(
        before,
        ids=before.ids + after.ids,
        rows=np.concatenate([before.rows, after.rows]),
        scores=np.concatenate([before.scores, after.scores]),
        field_scores=parts,
    )


def reselect(retrieval: Retrieval, store: Store, settings: Settings) -> None:
    """Bring the lexical legs up to these settings without leaving the loop, where the store is near enough.

    A leg that was never asked, or whose filter changed, is left to the next run.
    """
    info = store.info
    if not info.live_knobs:
        return
    live: LiveStore = store  # type: ignore[assignment]  # live_knobs says so
    selected = False
    for name in retrieval.missing(settings):
        key = retrieval.keys.get(name)
        leg = settings.legs[name]
        if key is None or not isinstance(leg, LexicalLeg) or key[1] != leg_key(leg, settings)[1]:
            continue
        retrieval.absorb(name, settings, live.search_leg_now(retrieval.request(name, settings)))
        selected = True
    for wanted in retrieval.completions(settings) if selected else ():
        retrieval.complete(wanted, live.complete_now(wanted.request, wanted.ids))
