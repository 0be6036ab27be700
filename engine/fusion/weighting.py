"""The pure part of the settings: everything that ``rank()`` needs and nothing that needs asking again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import SettingsError
from engine.fusion.blends import resolve
from engine.settings.schema import DenseLeg, RerankSettings, RerankStage, Settings


@dataclass(frozen=True, slots=True)
class FeatureWeight:
    """A feature adds weight × scale × value."""

    scale: float
    weight: float

    @property
    def factor(self) -> float:
        return self.scale * self.weight


@dataclass(frozen=True, slots=True)
class Blending:
    """What a reranker's scores do to the order before it: of the first ``top_n``, by ``blend`` (resolved), with share
    ``weight``."""

    top_n: int = 50
    blend: str = "replace"
    weight: float = 0.3
    normalizer: str = "min-max"
    rank_constant: int = 60

    @classmethod
    def of(cls, rerank: RerankStage) -> Blending:
        return cls(
            rerank.top_n, resolve(rerank.blend, rerank.provider), rerank.weight, rerank.normalizer, rerank.rank_constant
        )


@dataclass(frozen=True, slots=True)
class Weighting:
    """How a pool is put in order. Raises ``SettingsError`` when no leg weighs more than 0.

    weights               per configured leg, those at 0 and those that failed included
    similarity_thresholds per leg, raw cosine; 0 or missing is off
    blend                 resolved, never ``auto``
    blend_weight          v, the reranker's share
    cascade               the further stages, each over the best of the one before
    """

    weights: Mapping[str, float]
    features: Mapping[str, FeatureWeight] = field(default_factory=dict)
    combiner: str = "convex"
    normalizer: str = "theoretical-min-max"
    rank_constant: int = 60
    similarity_thresholds: Mapping[str, float] = field(default_factory=dict)
    rerank_enabled: bool = True
    top_n: int = 50
    blend: str = "replace"
    blend_weight: float = 0.3
    rerank_normalizer: str = "min-max"
    rerank_rank_constant: int = 60
    cascade: tuple[Blending, ...] = ()
    threshold: float = 0.0
    offset: int = 0
    top_k: int = 10

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                path = f"weights.{name}"
                raise SettingsError(f"{path} is {weight}", path=path, hint="a weight is a number of 0 and above")
        if not any(self.weights.values()):
            raise no_weight()

    @property
    def blending(self) -> Blending:
        """The first reranker's."""
        return Blending(self.top_n, self.blend, self.blend_weight, self.rerank_normalizer, self.rerank_rank_constant)

    @classmethod
    def of(cls, settings: Settings) -> Weighting:
        """The pure part of ``settings``."""
        rerank, cut = settings.rerank, settings.cut
        return cls(
            weights=settings.weights,
            features={name: FeatureWeight(each.scale, each.weight) for name, each in settings.features.items()},
            combiner=settings.fusion.combiner,
            normalizer=settings.fusion.normalizer,
            rank_constant=settings.fusion.rank_constant,
            similarity_thresholds={
                name: leg.similarity_threshold for name, leg in settings.legs.items() if isinstance(leg, DenseLeg)
            },
            rerank_enabled=rerank.enabled,
            top_n=rerank.top_n,
            blend=resolve(rerank.blend, rerank.provider),
            blend_weight=rerank.weight,
            rerank_normalizer=rerank.normalizer,
            rerank_rank_constant=rerank.rank_constant,
            cascade=tuple(Blending.of(stage) for stage in cascade_of(rerank).values()),
            threshold=cut.threshold,
            offset=cut.offset,
            top_k=cut.top_k,
        )


def cascade_of(rerank: RerankSettings) -> dict[str, RerankStage]:
    """The further stages of a cascade that are switched on, by name, in order."""
    return {name: stage for name, stage in rerank.cascade.items() if stage.enabled}


def no_weight() -> SettingsError:
    """The error of a weighting in which no leg weighs more than 0."""
    return SettingsError("weights: all of them are 0", path="weights", hint="raise at least one above 0")
