"""Fusing a pool: which documents are ranked, what each leg gives them, and their fused scores under one or many
weightings. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.fusion.columns import Columns
from engine.fusion.combiners import combiner
from engine.fusion.normalizers import normalizer
from engine.fusion.order import descending
from engine.fusion.weighting import Weighting, no_weight
from engine.records import DROP_RULES, BoolArray, CandidatePool, DropRule, FloatArray, IntArray, ScoreKind

_CODE = {rule: code for code, rule in enumerate(DROP_RULES)}
SIMILARITY_THRESHOLD = _CODE[DropRule.SIMILARITY_THRESHOLD]
WEIGHT_ZERO = _CODE[DropRule.WEIGHT_ZERO]
TOP_K = _CODE[DropRule.TOP_K]


@dataclass(frozen=True, slots=True)
class Basis:
    """What fusion knows before it knows how much each leg weighs, only which weigh anything. Row per leg.

    columns     the legs' scores that count
    eligible    bool[n], ranked: a leg of weight above 0 returned it
    absent      int64[n], legs of weight above 0 without a score for it; None where none lacks one
    normalized  float64[legs, n], NaN where no score counts
    terms       float64[legs, n], normalised × multiplier: what one unit of weight gives
    features    float64[f, n], contributions
    dropped     int8[n], codes of the rules by which documents are not ranked
    warnings    sentences for the user
    """

    columns: Columns
    eligible: BoolArray
    absent: IntArray | None
    normalized: FloatArray
    terms: FloatArray
    features: FloatArray
    dropped: npt.NDArray[np.int8]
    warnings: tuple[str, ...]

    def effective(self, weights: FloatArray, weighting: Weighting) -> FloatArray:
        """Weights as they act, float64[W, legs]: the pool's legs out of all configured ones."""
        elsewhere = sum(w for name, w in weighting.weights.items() if name not in self.columns.names)
        return combiner(weighting.combiner).effective(weights, elsewhere, self.columns)

    def order(self, fused: FloatArray) -> IntArray:
        """The ranked rows, best first: by score, then fewer absent legs, then pool order."""
        if self.eligible.all():
            return descending(fused, self.absent)
        rows = np.flatnonzero(self.eligible)
        return rows[descending(fused[rows], None if self.absent is None else self.absent[rows])]


def weights_of(pool: CandidatePool, weighting: Weighting) -> FloatArray:
    """Configured weights of the pool's legs, float64[legs]."""
    return np.array([weighting.weights.get(name, 0.0) for name in pool.leg_names], dtype=np.float64)


def basis(pool: CandidatePool, weighting: Weighting, active: BoolArray) -> Basis:
    """The pool prepared for every weighting in which just the ``active`` legs (bool[legs]) weigh more than 0."""
    raw = np.ascontiguousarray(pool.scores.T)
    found = np.ascontiguousarray(pool.returned.T)
    below, warnings = _below_threshold(pool, raw, weighting)
    if missing := [name for name, each in weighting.features.items() if each.factor and name not in pool.feature_names]:
        warnings = (*warnings, f"the candidates have no column for {', '.join(missing)}: such a feature adds nothing")
    present = ~np.isnan(raw)
    if below is not None:
        present &= ~below
    returned = found & present
    eligible: BoolArray = np.logical_or.reduce(returned[active], axis=0)
    dropped = np.zeros(len(pool), dtype=np.int8)
    if not eligible.all():
        dropped = _unranked(eligible, found, below, active)
        present &= eligible
        returned &= eligible
    if below is not None or not eligible.all():
        raw = np.where(present, raw, np.nan)
    columns = Columns(
        scores=raw,
        present=present,
        returned=returned,
        active=active,
        names=pool.leg_names,
        kinds=[leg.kind for leg in pool.legs],
        rank_constant=weighting.rank_constant,
    )
    how = combiner(weighting.combiner)
    normalized = how.normalize(columns, normalizer(weighting.normalizer))
    terms = normalized.filled()
    return Basis(
        columns=columns,
        eligible=eligible,
        absent=None if present.all() else (~present[active]).sum(axis=0),
        normalized=normalized.values,
        terms=terms if how.multiplier is None else terms * how.multiplier(columns),
        features=_feature_contributions(pool, weighting, eligible),
        dropped=dropped,
        warnings=warnings,
    )


def _below_threshold(
    pool: CandidatePool, raw: FloatArray, weighting: Weighting
) -> tuple[BoolArray | None, tuple[str, ...]]:
    """bool[legs, n], cosines under their leg's ``similarity_threshold``; None where no leg has one."""
    thresholds = [weighting.similarity_thresholds.get(leg.name, 0.0) for leg in pool.legs]
    warnings = tuple(
        f"legs.{leg.name}.similarity_threshold cuts cosines; the leg has {leg.kind.value} scores, so it does nothing"
        for leg, threshold in zip(pool.legs, thresholds, strict=True)
        if threshold and leg.kind is not ScoreKind.COSINE
    )
    limits = np.array(
        [
            threshold if threshold and leg.kind is ScoreKind.COSINE else -np.inf
            for leg, threshold in zip(pool.legs, thresholds, strict=True)
        ]
    )
    return (raw < limits[:, None] if (limits > -np.inf).any() else None), warnings


def _unranked(
    eligible: BoolArray, found: BoolArray, below: BoolArray | None, active: BoolArray
) -> npt.NDArray[np.int8]:
    """int8[n], why a document is not ranked: its only leg's threshold, a leg at weight 0, or no leg's top_k has it."""
    dropped = np.where(found.any(axis=0), WEIGHT_ZERO, TOP_K)
    if below is not None:
        dropped[(found & below)[active].any(axis=0)] = SIMILARITY_THRESHOLD
    dropped[eligible] = 0
    return dropped.astype(np.int8)


def _feature_contributions(pool: CandidatePool, weighting: Weighting, eligible: BoolArray) -> FloatArray:
    """float64[f, n]: weight × scale × value; 0 where the document lacks the value or is not ranked."""
    features = weighting.features
    factors = [features[name].factor if name in features else 0.0 for name in pool.feature_names]
    if not any(factors):
        return np.zeros((len(factors), len(pool)))
    values = np.ascontiguousarray(pool.features.T)
    return np.array(factors)[:, None] * np.where(np.isnan(values) | ~eligible, 0.0, values)


def add_up(rows: FloatArray, n: int) -> FloatArray:
    """Sum of ``rows`` (float64[k, n]), always in this order, so that one weighting and a batch agree to the bit."""
    total = np.zeros(n)
    for row in rows:
        total += row
    return total


def weigh(weights: FloatArray, terms: FloatArray, features: FloatArray) -> FloatArray:
    """Fused scores float64[W, n] of effective ``weights`` float64[W, legs]; ``features`` float64[n] is added last."""
    total = np.zeros((len(weights), terms.shape[1]))
    part = np.empty_like(total)
    for leg in range(len(terms)):
        np.multiply(weights[:, leg, None], terms[leg], out=part)
        total += part
    total += features
    return total


def patterns(weights: FloatArray) -> list[tuple[BoolArray, IntArray]]:
    """Weightings (float64[W, legs]) by which legs weigh more than 0: each pattern bool[legs] and its rows of W.

    Raises ``SettingsError`` for a weighting in which none does.
    """
    active = weights > 0
    if not active.any(axis=1).all():
        raise no_weight()
    codes = active @ (1 << np.arange(active.shape[1]))
    groups = (np.flatnonzero(codes == code) for code in np.unique(codes))
    return [(active[rows[0]], rows) for rows in groups]
