"""Leg answers into one columnar pool. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from engine.records import BoolArray, CandidatePool, FloatArray, IntArray, Leg
from engine.stores.base import LegHits

_NEAR = 64
"""Up to so many times as many rows as candidates, a table of all finds places sooner than a search does."""


@dataclass(frozen=True, slots=True)
class LegColumn:
    """A leg that answered, and its answer."""

    leg: Leg
    hits: LegHits


@dataclass(frozen=True, slots=True)
class Candidates:
    """The union of the legs' answers in pool order: ``ids[n]``, the store's ``rows`` int64[n], and where the hits of
    each leg stand in it (``places[leg]``)."""

    ids: tuple[str, ...]
    rows: IntArray
    places: tuple[IntArray, ...]

    def absent(self, leg: int) -> tuple[str, ...]:
        """The ids that the leg did not return, in pool order."""
        mask = np.ones(len(self.ids), dtype=bool)
        mask[self.places[leg]] = False
        return tuple(compress(self.ids, mask.tolist()))


def unite(answers: Sequence[LegHits]) -> Candidates:
    """Every document once, by the store's row numbers (the index order); where it has none, as the legs bring them."""
    if not answers:
        return Candidates((), np.zeros(0, dtype=np.int64), ())
    if any(hits.rows.size and hits.rows.min() < 0 for hits in answers):
        answers = _numbered(answers)
    rows = np.sort(np.concatenate([hits.rows for hits in answers]))
    rows = rows[np.diff(rows, prepend=-1) > 0]  # np.unique imports numpy.ma, 30 ms of a process's first search
    ids = np.empty(len(rows), dtype=object)
    places = []
    for hits in answers:
        place = _places(rows, hits.rows)
        ids[place] = hits.ids
        places.append(place)
    return Candidates(tuple(ids.tolist()), rows, tuple(places))


def _places(rows: IntArray, wanted: IntArray) -> IntArray:
    """int64[k]: where each of ``wanted`` stands in ``rows``, which ascend and hold them all."""
    if not rows.size or rows[-1] > _NEAR * rows.size:
        return np.searchsorted(rows, wanted)
    table = np.empty(rows[-1] + 1, dtype=np.int64)
    table[rows] = np.arange(rows.size)
    return table[wanted]


def _numbered(answers: Sequence[LegHits]) -> list[LegHits]:
    """The same with rows by first appearance: the legs in their order, each from its best."""
    rows: dict[str, int] = {}
    for hits in answers:
        for name in hits.ids:
            rows.setdefault(name, len(rows))
    return [replace(hits, rows=np.array([rows[name] for name in hits.ids], dtype=np.int64)) for hits in answers]


def boosted(pool: CandidatePool, leg: str, factors: Sequence[float]) -> CandidatePool:
    """The pool with each field's scores of the leg times its factor, and their sum for the leg's score; the candidates
    are left as they are."""
    parts = pool.field_scores[leg] * np.array(factors)
    scores = pool.scores.copy()
    scores[:, pool.leg_names.index(leg)] = parts.sum(axis=1)
    return replace(pool, scores=scores, field_scores={**pool.field_scores, leg: parts})


def _with_completed(
    hits: LegHits, place: IntArray, extra: LegHits | None, absent: BoolArray
) -> tuple[FloatArray, FloatArray | None]:
    """(float64[n], float64[n, fields] or None): the hits at their places, and what was asked for of the others."""
    scores, parts = np.full(len(absent), np.nan), None
    scores[place] = hits.scores
    if extra is not None:
        scores[absent] = extra.scores
    if hits.field_scores is not None:
        parts = np.full((len(absent), len(hits.field_names)), np.nan)
        parts[place] = hits.field_scores
        if extra is not None and extra.field_scores is not None:
            parts[absent] = extra.field_scores
    return scores, parts


def build(
    candidates: Candidates,
    columns: Sequence[LegColumn],
    completed: Sequence[LegHits | None],
    features: Mapping[str, FloatArray],
    groups: tuple[str, ...] = (),
) -> CandidatePool:
    """The pool of the candidates. ``completed[l]`` holds the scores of ``candidates.absent(l)`` in their order
    (NaN: none), or None where the store could not give them, or every score came with the hits; ``features[name]`` is
    float64[n], NaN where lacking."""
    n, legs = len(candidates.ids), len(columns)
    scores = np.full((n, legs), np.nan)
    returned = np.zeros((n, legs), dtype=bool)
    field_names: dict[str, tuple[str, ...]] = {}
    field_scores: dict[str, FloatArray] = {}
    for index, (column, extra) in enumerate(zip(columns, completed, strict=True)):
        hits, place = column.hits, candidates.places[index]
        returned[place, index] = True
        if hits.every is not None:
            scores[:, index], parts = hits.every.at(candidates.rows)
        else:
            scores[:, index], parts = _with_completed(hits, place, extra, ~returned[:, index])
        if parts is not None:
            field_names[column.leg.name], field_scores[column.leg.name] = hits.field_names, parts
    return CandidatePool(
        ids=candidates.ids,
        legs=tuple(column.leg for column in columns),
        scores=scores,
        returned=returned,
        feature_names=tuple(features),
        features=np.nan_to_num(np.column_stack(list(features.values()))) if features else np.zeros((n, 0)),
        field_names=field_names,
        field_scores=field_scores,
        groups=groups,
    )
