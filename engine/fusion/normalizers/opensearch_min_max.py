"""``opensearch-min-max``: OpenSearch's ``min_max``, for the preset that imitates it.

(s − min)/(max − min) over what the leg returned (OpenSearch completes nothing), where an exact 0 becomes 0.001: the
last document of a list still beats one that the list lacks. 1 where all are equal.
Source: neural-search, MinMaxScoreNormalizationTechnique (MIN_SCORE, SINGLE_RESULT_SCORE).
"""

from __future__ import annotations

import numpy as np

from engine.fusion.columns import Columns
from engine.fusion.normalizers import min_max
from engine.fusion.normalizers.base import Normalizer
from engine.records import FloatArray

_LEAST = 0.001


def scale(columns: Columns) -> FloatArray:
    scaled = min_max.scale(columns)
    return np.where(scaled == 0.0, _LEAST, scaled)


OPENSEARCH_MIN_MAX = Normalizer("opensearch-min-max", "OpenSearch's min_max: least 0.001", scale, returned_only=True)
