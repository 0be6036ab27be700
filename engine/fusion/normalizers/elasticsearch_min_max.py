"""``elasticsearch-min-max``: the ``minmax`` of Elasticsearch's ``linear`` retriever, for the preset that imitates it.

(s − min)/(max − min) over what the leg returned (Elasticsearch completes nothing); where all are equal (to 1e-6) the
score as the engine reports it: a cosine as (1 + cos)/2, others raw.
Source: elasticsearch, MinMaxScoreNormalizer (EPSILON).
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers import min_max
from engine.fusion.normalizers.base import Normalizer, least_floor
from engine.records import FloatArray, ScoreKind

_EPSILON = 1e-6


def scale(columns: Columns) -> FloatArray:
    cosine = np.array([[kind is ScoreKind.COSINE] for kind in columns.kinds])
    reported = np.where(cosine, (1.0 + columns.scores) / 2.0, columns.scores)
    low, high = columns.extremes()
    halved = np.where(cosine, 0.5, 1.0)
    flat = (high - low) * halved < _EPSILON
    return np.where(flat, reported, min_max.scale(columns))


ELASTICSEARCH_MIN_MAX = Normalizer(
    "elasticsearch-min-max",
    "Elasticsearch's minmax: raw where all are equal",
    scale,
    least_floor,
    returned_only=True,
)
