"""What the legs of one query answered: their hits, the scores asked for afterwards, features and groups.

Kept per leg under a key of everything that its answer depends on, so that a later run asks only for what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from engine import pool as pools
from engine.analysis.query import Query
from engine.records import CandidatePool, FloatArray, Leg, ScoreKind
from engine.settings.schema import DenseLeg, LegSettings, LexicalLeg, Settings
from engine.stores.base import LegHits, LegRequest, LiveStore, Store, StoreInfo

Vector = npt.NDArray[np.float32]
Key = tuple[bytes, bytes]
_ABSENT: tuple[float, tuple[float, ...]] = (float("nan"), ())


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
    _completed: dict[str, dict[str, tuple[float, tuple[float, ...]]]] = field(default_factory=dict)
    _features: dict[str, dict[str, float]] = field(default_factory=dict)
    _groups: dict[str, dict[str, str]] = field(default_factory=dict)
    _pool: CandidatePool | None = None
    _pool_key: tuple[object, ...] = ()
    _rows: tuple[CandidatePool | None, Mapping[str, int]] = field(default=(None, {}))

    def request(self, name: str, settings: Settings) -> LegRequest:
        leg = settings.legs[name]
        vector = self.vectors.get(leg.embedder) if isinstance(leg, DenseLeg) else None
        return LegRequest(name, leg, self.query, settings.filter, vector, settings.cut.group)

    def missing(self, settings: Settings) -> tuple[str, ...]:
        """The legs of weight above 0 that these settings would have to ask."""
        return tuple(
            name
            for name, leg in settings.legs.items()
            if settings.weights.get(name, 0) > 0 and self.keys.get(name) != leg_key(leg, settings)
        )

    def absorb(self, name: str, settings: Settings, hits: LegHits | None) -> None:
        """Keep a leg's answer; None (it failed or has no vector) forgets an older one."""
        self._pool = None
        self._completed.pop(name, None)
        self.hits.pop(name, None)
        self.keys.pop(name, None)
        if hits is not None:
            self.hits[name] = hits
            self.keys[name] = leg_key(settings.legs[name], settings)

    def answered(self, settings: Settings) -> list[str]:
        """The legs that have an answer, in settings order."""
        return [name for name in settings.legs if name in self.hits]

    def candidates(self, settings: Settings) -> pools.Candidates:
        return pools.unite([self.hits[name] for name in self.answered(settings)])

    def completions(self, settings: Settings) -> list[Completion]:
        """What is still to be asked so that every leg has a score for every candidate."""
        candidates = self.candidates(settings)
        wanted = []
        for index, name in enumerate(self.answered(settings)):
            known = self._completed.get(name, {})
            ids = tuple(i for i in pools.absent_ids(candidates, index) if i not in known)
            if ids:
                wanted.append(Completion(name, self.request(name, settings), ids))
        return wanted

    def complete(self, wanted: Completion, hits: LegHits) -> None:
        """Keep the scores that were asked for."""
        self._pool = None
        known = self._completed.setdefault(wanted.leg, {})
        parts = hits.field_scores
        rows = [()] * len(wanted.ids) if parts is None else [tuple(row) for row in parts.tolist()]
        known.update(zip(wanted.ids, zip(hits.scores.tolist(), rows, strict=True), strict=True))

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
        return self._pool

    def rows(self, settings: Settings) -> Mapping[str, int]:
        """Document id → row of the pool."""
        pool = self.pool(settings)
        if self._rows[0] is not pool:
            self._rows = (pool, {i: row for row, i in enumerate(pool.ids)})
        return self._rows[1]

    def _build(self, settings: Settings) -> CandidatePool:
        candidates = self.candidates(settings)
        legs = self.answered(settings)
        columns = [pools.LegColumn(self._leg(name, settings), self.hits[name]) for name in legs]
        completed = [self._known(name, pools.absent_ids(candidates, i)) for i, name in enumerate(legs)]
        features = {
            name: np.array([self._features.get(spec.field, {}).get(i, np.nan) for i in candidates.ids])
            for name, spec in settings.features.items()
        }
        group = self._groups.get(settings.cut.group, {})
        groups = tuple(group.get(i, "") for i in candidates.ids) if settings.cut.group else ()
        return pools.build(candidates, columns, completed, features, groups)

    def _known(self, name: str, ids: Sequence[str]) -> LegHits | None:
        known = self._completed.get(name)
        if known is None:
            return None
        fields = self.hits[name].field_names
        scored = [known.get(i, _ABSENT) for i in ids]
        parts = np.array([row or (np.nan,) * len(fields) for _, row in scored]).reshape(len(ids), len(fields))
        scores = np.array([score for score, _ in scored], dtype=np.float64)
        rows = np.zeros(len(ids), dtype=np.int64)
        return LegHits(tuple(ids), rows, scores, 0, fields, parts if fields else None)

    def _leg(self, name: str, settings: Settings) -> Leg:
        if isinstance(settings.legs[name], LexicalLeg):
            return Leg(name, ScoreKind.BM25, self.info.bm25_factor)
        return Leg(name, self.info.similarity)


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
