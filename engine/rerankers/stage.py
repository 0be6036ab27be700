"""Asking a reranker for scores that are not known yet.

Windows of the fused order are asked one after the other; an answer counts once everything before it has answered, so
that a deep document never jumps ahead because its window came first.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from engine.executor import run_in
from engine.ingest.template import Template
from engine.records import Document, RerankerInfo, StagePart
from engine.rerankers.base import RerankDocument, Reranker
from engine.rerankers.ledger import BEYOND, TERM, UNSCORED, Scored
from engine.rerankers.registry import RerankContext
from engine.rerankers.score_cache import CachedScore, ScoreCache, score_key
from engine.rerankers.term import TermScorer
from engine.settings.schema import RerankSettings


@dataclass(frozen=True, slots=True)
class RerankStage:
    """One asking: these documents, in fused order, of this reranker. ``parts`` gathers what each batch says of its
    time."""

    settings: RerankSettings
    query: str
    reranker: Reranker
    context: RerankContext
    cache: ScoreCache | None
    parts: list[tuple[StagePart, ...]] = field(default_factory=list)

    async def run(
        self,
        documents: Sequence[Document],
        cosines: Sequence[float],
        features: Sequence[float],
        known: dict[str, Scored],
    ) -> AsyncGenerator[int, None]:
        """Score the documents and add them to ``known``, always as a prefix; yields how many have an answer so far.
        ``features`` are what a document's features add up to.

        Raises ``RerankerError`` or whatever the reranker raises, with what came before kept.
        """
        items = []
        template = Template.parse(self.settings.text, "rerank.text")
        for document, cosine, added in zip(documents, cosines, features, strict=True):
            text, cut = template.fill(document, self.settings.max_chars)
            if text.strip():
                items.append((RerankDocument(document, text, cosine, added), cut))
            else:
                known[document.id] = UNSCORED
        if limit := self.reranker.info.limit:
            known.update((item.document.id, BEYOND) for item, _ in items[limit:])
            items = items[:limit]
        similarity = await self._token_similarity([item for item, _ in items])
        cached = await self._cached([item for item, _ in items])
        answers: list[Scored | None] = [
            None if hit is None else Scored(hit.raw, hit.tokens, hit.truncated, token, item.cosine, hit.total)
            for hit, token, (item, _) in zip(cached, similarity, items, strict=True)
        ]
        committed = self._commit(items, answers, known, 0)
        yield committed
        asked = [index for index, answer in enumerate(answers) if answer is None]
        to_ask = [items[index][0] for index in asked]
        if not to_ask:
            return
        async for batch in self.reranker.rerank(self.query, to_ask):
            if batch.parts:
                self.parts.append(batch.parts)
            for offset, raw in enumerate(batch.scores.tolist()):
                index = asked[batch.start + offset]
                item, cut = items[index]
                token = similarity[index] if batch.token_similarity is None else batch.token_similarity[offset]
                answers[index] = Scored(
                    raw,
                    -1 if batch.tokens is None else int(batch.tokens[offset]),
                    cut or (batch.truncated is not None and bool(batch.truncated[offset])),
                    float(token),
                    item.cosine,
                    -1 if batch.total is None else int(batch.total[offset]),
                )
            await self._remember(items, asked[batch.start : batch.start + len(batch.scores)], answers)
            committed = self._commit(items, answers, known, committed)
            yield committed

    @staticmethod
    def _commit(
        items: Sequence[tuple[RerankDocument, bool]],
        answers: Sequence[Scored | None],
        known: dict[str, Scored],
        committed: int,
    ) -> int:
        while committed < len(items) and (answer := answers[committed]) is not None:
            known[items[committed][0].document.id] = answer
            committed += 1
        return committed

    async def _token_similarity(self, items: Sequence[RerankDocument]) -> list[float]:
        """The token half of the blend ``ragflow``; ``term`` reports its own."""
        if self.settings.provider == TERM or self.settings.blend != "ragflow":
            return [math.nan] * len(items)
        context = self.context
        quirks = self.settings.quirks
        scorer = TermScorer.of(self.query, context.field_analyzers, context.synonyms, quirks, context.own_terms)
        return await run_in(self.context.executor, lambda: [scorer.similarity(item.document) for item in items])

    async def _cached(self, items: Sequence[RerankDocument]) -> list[CachedScore | None]:
        if self.cache is None or not self.reranker.cacheable:
            return [None] * len(items)
        keys = [self._key(item) for item in items]
        found = await run_in(self.context.executor, self.cache.get, keys)
        return [found.get(key) for key in keys]

    async def _remember(
        self, items: Sequence[tuple[RerankDocument, bool]], indices: Sequence[int], answers: Sequence[Scored | None]
    ) -> None:
        if self.cache is None or not self.reranker.cacheable:
            return
        fresh = {
            self._key(items[index][0]): CachedScore(answer.raw, answer.tokens, answer.truncated, answer.total)
            for index in indices
            if (answer := answers[index]) is not None and not math.isnan(answer.raw)
        }
        await run_in(self.context.executor, self.cache.put, fresh)

    def _key(self, item: RerankDocument) -> bytes:
        return cache_key(self.reranker.info, self.settings, self.query, item.text)


def cache_key(info: RerankerInfo, settings: RerankSettings, query: str, text: str) -> bytes:
    """What the score of this text is kept under."""
    lengths = f"{settings.max_chars}/{settings.max_tokens}"
    return score_key(
        info.provider,
        settings.base_url,
        info.scope,
        info.model,
        info.revision,
        info.dtype,
        lengths,
        settings.instruction,
        query,
        text,
    )
