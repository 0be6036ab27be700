"""The normalisers by name. A new one is a file beside this and a row here."""

from __future__ import annotations

from engine.fusion.lookup import find
from engine.fusion.normalizers.atan import ATAN
from engine.fusion.normalizers.base import Normalizer
from engine.fusion.normalizers.elasticsearch_min_max import ELASTICSEARCH_MIN_MAX
from engine.fusion.normalizers.identity import IDENTITY
from engine.fusion.normalizers.infinity_atan import INFINITY_ATAN
from engine.fusion.normalizers.maximum import MAX
from engine.fusion.normalizers.min_max import MIN_MAX
from engine.fusion.normalizers.opensearch_min_max import OPENSEARCH_MIN_MAX
from engine.fusion.normalizers.rank import RANK
from engine.fusion.normalizers.theoretical_min_max import THEORETICAL_MIN_MAX
from engine.fusion.normalizers.z_score import Z_SCORE

NORMALIZERS: dict[str, Normalizer] = {
    normalizer.name: normalizer
    for normalizer in (
        THEORETICAL_MIN_MAX,
        MIN_MAX,
        Z_SCORE,
        MAX,
        RANK,
        ATAN,
        IDENTITY,
        OPENSEARCH_MIN_MAX,
        ELASTICSEARCH_MIN_MAX,
        INFINITY_ATAN,
    )
}


def normalizer(name: str, path: str = "fusion.normalizer") -> Normalizer:
    """The normaliser of that name. Raises ``SettingsError`` at ``path`` for an unknown one."""
    return find(NORMALIZERS, name, path)
