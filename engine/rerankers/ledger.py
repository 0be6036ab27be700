"""The rerank scores that are known for one query, by reranker and document.

What is known under one reranker stays known when another is chosen.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from engine.records import CandidatePool, FloatArray, RerankerInfo, RerankScores, ScoreKind, StageReport
from engine.rerankers.several import SEVERAL, asks
from engine.rerankers.term import term_score
from engine.secrets import shown_url
from engine.settings.schema import FeatureSettings, ProviderSettings, RerankSettings, Settings

TERM = "term"


@dataclass(frozen=True, slots=True)
class Scored:
    """One document's answer: ``tokens`` seen of ``total``, −1 where unknown. ``raw`` is NaN for a blank or unanswered
    document: asked, and still unscored."""

    raw: float
    tokens: int = -1
    truncated: bool = False
    token_similarity: float = math.nan
    cosine: float = math.nan
    total: int = -1


UNSCORED = Scored(math.nan)
"""A blank document: never sent."""
BEYOND = Scored(math.nan)
"""A document beyond what the reranker scores of one query (``RerankerInfo.limit``): never sent either."""


_KEY = (
    *("provider", "model", "revision", "base_url", "dtype", "device", "backend"),
    *("instruction", "text", "max_chars", "max_tokens"),
)


def rerank_key(settings: RerankSettings) -> bytes:
    """What a score depends on, as the settings' own keys. The weights inside ``term`` do not count: its score is put
    together from its parts."""
    quirks = [q for q in settings.quirks if q in ("repetitions", "synonyms-in-denominator")]
    parts: dict[str, object] = {name: getattr(settings, name) for name in _KEY}
    parts["base_url"] = shown_url(settings.base_url)  # who asks is no part of a score, and keys are recorded
    return msgspec.json.encode({**parts, "quirks": quirks if settings.provider == TERM else []})


Key = tuple[bytes, bytes]
"""A reranker by ``rerank_key``, and what the user's own settings say of its provider or of what it adds."""


@dataclass(slots=True)
class RerankLedger:
    """Every score that is known for the query, by reranker and document.

    ``instead`` says which reranker stood in for one that failed (``rerank.fallback``).
    """

    _scores: dict[Key, dict[str, Scored]] = field(default_factory=dict)
    _infos: dict[Key, RerankerInfo] = field(default_factory=dict)
    _instead: dict[Key, RerankSettings] = field(default_factory=dict)
    _reports: dict[Key, StageReport] = field(default_factory=dict)
    _own: Mapping[str, ProviderSettings] = field(default_factory=dict)
    _features: Mapping[str, FeatureSettings] = field(default_factory=dict)
    _last: tuple[RerankSettings | None, Key] = (None, (b"", b""))
    _turns: dict[Key, asyncio.Lock] = field(default_factory=dict)

    def turn(self, settings: RerankSettings) -> asyncio.Lock:
        """Held while a reranker is asked for the query: who comes second finds the first one's scores here."""
        return self._turns.setdefault(self._key(settings), asyncio.Lock())

    def heed(self, settings: Settings) -> None:
        """From now on these are the user's own providers, and the features that ``term`` adds to its vote as one of
        several: what was scored as they were set before is another's answer."""
        if settings.providers is not self._own or settings.features is not self._features:
            self._own, self._features = settings.providers, settings.features
            self._last = (None, (b"", b""))

    def _key(self, settings: RerankSettings) -> Key:
        """The key of a reranker, remembered for the settings object that was asked for last."""
        if self._last[0] is not settings:
            self._last = settings, (rerank_key(settings), self._own_key(settings))
        return self._last[1]

    def _own_key(self, settings: RerankSettings) -> bytes:
        own = self._own.get(settings.provider)
        if settings.provider == SEVERAL and self._features and asks(settings, TERM):
            return msgspec.json.encode(self._features)
        return b"" if own is None else msgspec.json.encode(own)

    def effective(self, settings: Settings) -> Settings:
        """The settings with the reranker that really answers for them."""
        stand_in = self._instead.get(self._key(settings.rerank))
        if stand_in is None or settings.rerank.fallback == "none":
            return settings
        return msgspec.structs.replace(settings, rerank=fallback_settings(settings.rerank))

    def stand_in(self, settings: RerankSettings) -> None:
        """From now on ``term`` answers for this reranker."""
        self._instead[self._key(settings)] = fallback_settings(settings)

    def retry(self, settings: RerankSettings) -> None:
        """Ask the reranker itself again."""
        self._instead.pop(self._key(settings), None)

    def info(self, settings: RerankSettings) -> RerankerInfo | None:
        return self._infos.get(self._key(settings)) if settings.enabled else None

    def keep_info(self, settings: RerankSettings, info: RerankerInfo) -> None:
        self._infos[self._key(settings)] = info

    def rerankers(self) -> list[RerankSettings]:
        """Every reranker that has answered or was asked, as far as its settings decide its scores."""
        keys = dict.fromkeys((*self._infos, *(key for key, known in self._scores.items() if known)))
        found = [(msgspec.json.decode(key, type=RerankSettings), own) for key, own in keys]
        return [settings for settings, own in found if own == self._own_key(settings)]

    def report(self, settings: RerankSettings) -> StageReport | None:
        """How this reranker's last asking went."""
        return self._reports.get(self._key(settings))

    def keep_report(self, settings: RerankSettings, report: StageReport) -> None:
        self._reports[self._key(settings)] = report

    def reported(self, report: StageReport) -> bool:
        """Whether this is the report of one of the rerankers, as it was kept."""
        return any(report is kept for kept in self._reports.values())

    def stands_in(self, settings: RerankSettings) -> bool:
        """Whether ``term`` answers for this reranker, which failed."""
        return self._key(settings) in self._instead

    def known(self, settings: RerankSettings) -> dict[str, Scored]:
        """Document id → answer, to be added to."""
        return self._scores.setdefault(self._key(settings), {})

    def unknown(self, settings: RerankSettings, ids: Sequence[str]) -> list[str]:
        """Those that were never asked, or lack the token similarity that the blend ``ragflow`` needs."""
        known = self.known(settings)
        needs_tokens = settings.blend == "ragflow"

        def lacks_tokens(answer: Scored) -> bool:
            return answer is not UNSCORED and answer is not BEYOND and math.isnan(answer.token_similarity)

        return [i for i in ids if i not in known or (needs_tokens and lacks_tokens(known[i]))]


def rerank_scores(
    known: Mapping[str, Scored],
    info: RerankerInfo | None,
    rerank: RerankSettings,
    settings: Settings,
    pool: CandidatePool,
    row_of: Mapping[str, int],
) -> RerankScores:
    """What is known of the reranker by document id, over the pool's rows; ``row_of`` says where a document stands."""
    out = RerankScores.none(len(pool))
    kind = info.kind if info else ScoreKind.UNKNOWN
    found = [(row, scored) for i, scored in known.items() if (row := row_of.get(i)) is not None]
    if not found:
        return replace(out, kind=kind)
    rows = [row for row, _ in found]
    out.raw[rows] = [scored.raw for _, scored in found]
    out.tokens[rows] = [scored.tokens for _, scored in found]
    out.truncated[rows] = [scored.truncated for _, scored in found]
    out.token_similarity[rows] = [scored.token_similarity for _, scored in found]
    if rerank.provider == TERM:
        cosine = np.full(len(pool), np.nan)
        cosine[rows] = [scored.cosine for _, scored in found]
        out.raw[:] = term_score(out.token_similarity, cosine, feature_sum(settings, pool), rerank)
    total = np.full(len(pool), -1, dtype=np.int64)
    total[rows] = [scored.total for _, scored in found]
    return replace(out, kind=kind, total=total)


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
