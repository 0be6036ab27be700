"""Small pools and weightings for tests, and strategies that make any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from engine.ranking import FeatureWeight, Weighting
from engine.records import CandidatePool, FloatArray, Leg, RerankScores, ScoreKind

NAN = float("nan")
NAMES = ("lexical", "dense", "sparse", "other")


def make_pool(
    rows: Sequence[Sequence[float]],
    kinds: Sequence[ScoreKind] = (ScoreKind.BM25, ScoreKind.COSINE),
    returned: Sequence[Sequence[bool]] | None = None,
    features: Sequence[float] | None = None,
    groups: tuple[str, ...] = (),
) -> CandidatePool:
    """One row per document, one column per leg; NaN is absent; every present score is a returned one unless said."""
    scores = np.array(rows, dtype=np.float64).reshape(len(rows), len(kinds))
    return CandidatePool(
        ids=tuple(f"d{row}" for row in range(len(rows))),
        legs=tuple(Leg(name, kind) for name, kind in zip(NAMES, kinds, strict=False)),
        scores=scores,
        returned=~np.isnan(scores) if returned is None else np.array(returned, dtype=bool).reshape(scores.shape),
        feature_names=() if features is None else ("pagerank",),
        features=np.zeros((len(rows), 0)) if features is None else np.array(features, dtype=np.float64)[:, None],
        groups=groups,
    )


def weigh(*weights: float, **settings: object) -> Weighting:
    """Weights by position of the leg; everything else by name."""
    return Weighting(dict(zip(NAMES, weights, strict=False)), **settings)  # type: ignore[arg-type]


def reranked(
    *raw: float, kind: ScoreKind = ScoreKind.PROBABILITY, tokens: Sequence[float] | None = None
) -> RerankScores:
    """Reranker scores by pool row; NaN is unscored."""
    none = RerankScores.none(len(raw))
    similarity = none.token_similarity if tokens is None else np.array(tokens, dtype=np.float64)
    return RerankScores(np.array(raw, dtype=np.float64), kind, similarity, none.tokens, none.truncated)


# Scores and weights on a coarse grid: differences are then either 0 or far above rounding errors.
_EIGHTHS = st.integers(-8, 8).map(lambda n: n / 8)
_WEIGHTS = st.integers(1, 10).map(lambda n: n / 10)
_COMBINERS = ("convex", "rrf", "comb-sum", "comb-mnz", "borda", "ragflow")
_ANY_KIND = ("theoretical-min-max", "min-max", "z-score", "rank", "opensearch-min-max", "infinity-atan")
_POSITIVE = ("max", "atan")


@st.composite
def pools(draw: st.DrawFn, *, features: bool = True, gaps: bool = True, least: int = 1) -> CandidatePool:
    """Pools of up to 12 documents and 3 legs in which every document is returned by some leg."""
    legs, n = draw(st.integers(1, 3)), draw(st.integers(least, 12))
    kinds = draw(
        st.lists(st.sampled_from([ScoreKind.BM25, ScoreKind.COSINE, ScoreKind.LOGIT]), min_size=legs, max_size=legs)
    )
    columns = [
        draw(
            st.lists(
                _EIGHTHS if kind in (ScoreKind.COSINE, ScoreKind.LOGIT) else _EIGHTHS.map(abs), min_size=n, max_size=n
            )
        )
        for kind in kinds
    ]
    scores = np.array(columns).T
    flags = st.lists(st.lists(st.booleans(), min_size=legs, max_size=legs), min_size=n, max_size=n)
    returned = np.array(draw(flags)).reshape(n, legs)
    returned[~returned.any(axis=1), 0] = True
    if gaps:
        scores[np.array(draw(flags)).reshape(n, legs) & ~returned] = np.nan
    column = draw(st.lists(_EIGHTHS, min_size=n, max_size=n)) if features and draw(st.booleans()) else None
    return make_pool(scores.tolist(), kinds, returned.tolist(), column)


@st.composite
def weightings(draw: st.DrawFn, pool: CandidatePool) -> Weighting:
    """Weightings that suit the pool's kinds, every leg above 0."""
    positive = all(leg.kind is ScoreKind.BM25 for leg in pool.legs)
    combiner = draw(st.sampled_from(_COMBINERS))
    signed = ("identity", "elasticsearch-min-max")
    choices = _ANY_KIND + (_POSITIVE if positive else ()) + (signed if positive or combiner != "comb-mnz" else ())
    if combiner == "comb-mnz" and not positive:
        choices = tuple(name for name in choices if name != "infinity-atan")
    weights = [draw(_WEIGHTS) for _ in pool.legs]
    features = {"pagerank": FeatureWeight(0.5, draw(_WEIGHTS))} if pool.feature_names else {}
    return weigh(*weights, combiner=combiner, normalizer=draw(st.sampled_from(choices)), features=features, top_k=99)


def batch_of(weights: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(weights, dtype=np.float64)
