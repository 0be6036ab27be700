"""The rerank scores that are known for one query, by reranker and document.

What is known under one reranker stays known when another is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from engine.records import CandidatePool, FloatArray, RerankerInfo, RerankScores, ScoreKind
from engine.rerankers.term import term_score
from engine.secrets import shown_url
from engine.settings.schema import RerankSettings, Settings

TERM = "term"


@dataclass(frozen=True, slots=True)
class Scored:
    """One document's answer. ``raw`` is NaN for a blank or unanswered document: asked, and still unscored."""

    raw: float
    tokens: int = -1
    truncated: bool = False
    token_similarity: float = math.nan
    cosine: float = math.nan


UNSCORED = Scored(math.nan)
"""A blank document: never sent."""
BEYOND = Scored(math.nan)
"""A document beyond what the reranker scores of one query (``RerankerInfo.limit``): never sent either."""


_KEY = ("provider", "model", "base_url", "dtype", "device", "instruction", "text", "max_chars", "max_tokens")


def rerank_key(settings: RerankSettings) -> bytes:
    """What a score depends on, as the settings' own keys. The weights inside ``term`` do not count: its score is put
    together from its parts."""
    quirks = [q for q in settings.quirks if q in ("repetitions", "synonyms-in-denominator")]
    parts: dict[str, object] = {name: getattr(settings, name) for name in _KEY}
    parts["base_url"] = shown_url(settings.base_url)  # who asks is no part of a score, and keys are recorded
    return msgspec.json.encode({**parts, "quirks": quirks if settings.provider == TERM else []})


@dataclass(slots=True)
class RerankLedger:
    """Every score that is known for the query, by reranker and document.

    ``instead`` says which reranker stood in for one that failed (``rerank.fallback``).
    """

    _scores: dict[bytes, dict[str, Scored]] = field(default_factory=dict)
    _infos: dict[bytes, RerankerInfo] = field(default_factory=dict)
    _instead: dict[bytes, RerankSettings] = field(default_factory=dict)

    def effective(self, settings: Settings) -> Settings:
        """The settings with the reranker that really answers for them."""
        stand_in = self._instead.get(rerank_key(settings.rerank))
        if stand_in is None or settings.rerank.fallback == "none":
            return settings
        return msgspec.structs.replace(settings, rerank=fallback_settings(settings.rerank))

    def stand_in(self, settings: RerankSettings) -> None:
        """From now on ``term`` answers for this reranker."""
        self._instead[rerank_key(settings)] = fallback_settings(settings)

    def retry(self, settings: RerankSettings) -> None:
        """Ask the reranker itself again."""
        self._instead.pop(rerank_key(settings), None)

    def info(self, settings: RerankSettings) -> RerankerInfo | None:
        return self._infos.get(rerank_key(settings)) if settings.enabled else None

    def keep_info(self, settings: RerankSettings, info: RerankerInfo) -> None:
        self._infos[rerank_key(settings)] = info

    def rerankers(self) -> list[RerankSettings]:
        """Every reranker that has answered or was asked, as far as its settings decide its scores."""
        keys = dict.fromkeys((*self._infos, *(key for key, known in self._scores.items() if known)))
        return [msgspec.json.decode(key, type=RerankSettings) for key in keys]

    def stands_in(self, settings: RerankSettings) -> bool:
        """Whether ``term`` answers for this reranker, which failed."""
        return rerank_key(settings) in self._instead

    def known(self, settings: RerankSettings) -> dict[str, Scored]:
        """Document id → answer, to be added to."""
        return self._scores.setdefault(rerank_key(settings), {})

    def unknown(self, settings: RerankSettings, ids: Sequence[str]) -> list[str]:
        """Those that were never asked, or lack the token similarity that the blend ``ragflow`` needs."""
        known = self.known(settings)
        needs_tokens = settings.blend == "ragflow"

        def lacks_tokens(answer: Scored) -> bool:
            return answer is not UNSCORED and answer is not BEYOND and math.isnan(answer.token_similarity)

        return [i for i in ids if i not in known or (needs_tokens and lacks_tokens(known[i]))]

    def scores(self, settings: Settings, pool: CandidatePool, row_of: Mapping[str, int]) -> RerankScores:
        """What is known, over the pool's rows."""
        out = RerankScores.none(len(pool))
        if not settings.rerank.enabled:
            return out
        info = self.info(settings.rerank)
        cosine = np.full(len(pool), np.nan)
        for i, scored in self.known(settings.rerank).items():
            row = row_of.get(i)
            if row is not None:
                out.raw[row] = scored.raw
                out.tokens[row] = scored.tokens
                out.truncated[row] = scored.truncated
                out.token_similarity[row] = scored.token_similarity
                cosine[row] = scored.cosine
        if settings.rerank.provider == TERM:
            features = feature_sum(settings, pool)
            out.raw[:] = term_score(out.token_similarity, cosine, features, settings.rerank)
        return replace(out, kind=info.kind if info else ScoreKind.UNKNOWN)


def fallback_settings(settings: RerankSettings) -> RerankSettings:
    """The same stage with ``term`` in the place of the reranker that failed."""
    return msgspec.structs.replace(settings, provider=TERM, model="", base_url="", instruction="")


def feature_sum(settings: Settings, pool: CandidatePool) -> FloatArray:
    """float64[n]: what the features add to a document, or their raw sum under the quirk ``raw-features``."""
    if not pool.feature_names:
        return np.zeros(len(pool))
    raw = "raw-features" in settings.rerank.quirks
    specs = [settings.features[name] for name in pool.feature_names]
    factors = np.array([1.0 if raw else spec.scale * spec.weight for spec in specs])
    total: FloatArray = pool.features @ factors
    return total
