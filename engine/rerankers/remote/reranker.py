"""The one reranker that asks services: what is sent in which requests, in what order answers count, what it cost.

Requests of one asking go out together, top of the list first, as many at a time as the provider allows. Where one
fails, those after it are called off and those before it are waited for: their scores count, and no later ones.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec
import numpy as np

from engine.errors import SettingsError
from engine.executor import run_in
from engine.ingest.template import Template
from engine.records import RanOn, RerankerInfo
from engine.remote.offline import Departure, Place, departure
from engine.remote.pool import ClientPool
from engine.remote.timings import parts
from engine.remote.wire import Service, WireRequest, WireResponse
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.registry import RerankContext
from engine.rerankers.remote.batches import Plan, batch_size, plan, total_limit
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.base import converse
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall
from engine.rerankers.remote.keys import Places, kept_elsewhere, key_of, with_headers
from engine.rerankers.remote.prices import cost_of
from engine.rerankers.remote.providers import Provider
from engine.rerankers.remote.urls import endpoint
from engine.secrets import Secret, shown_url
from engine.settings.schema import RerankSettings


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's scores, and the last of its exchanges: a call that is polled or paged has several."""

    parsed: ParsedScores
    last: WireResponse
    attempts: int


class RemoteReranker:
    """A provider of the table, or one of the user's own, with a model. Raises ``RemoteError``; a missing key is a
    ``SettingsError``, found with the first document that is not in the cache."""

    def __init__(self, settings: RerankSettings, provider: Provider, context: RerankContext, pool: ClientPool) -> None:
        self._model = settings.model or (provider.models[0] if provider.models else "")
        provider = provider.of(self._model)
        self._settings, self._provider, self._context, self._pool = settings, provider, context, pool
        if provider.needs_model and not self._model:
            raise SettingsError(
                f"rerank.model is empty, and {provider.label} needs one",
                path="rerank.model",
                hint="write the model's name as the provider has it",
            )
        self._url = endpoint(provider, settings.base_url, self._model)
        self._dialect = DIALECTS[provider.dialect]
        self._service = Service(provider.label, provider.limits, provider.timeouts, self._dialect.error_text)
        self._info = RerankerInfo(
            provider.name,
            self._model,
            kind=self._dialect.kind(RerankCall(provider, "", [], self._model)),
            ran_on=RanOn.REMOTE,
            url=shown_url(self._url),
            scope=scope(provider, self._url),
            listwise=provider.is_listwise(self._model),
            limit=total_limit(provider, self._model),
        )
        self._usage: Counter[str] = Counter()
        self._warnings: dict[str, None] = {}
        self._named = ""
        self.window = batch_size(provider, self._model)
        self.cacheable = not provider.is_listwise(self._model)

    @property
    def info(self) -> RerankerInfo:
        """What answered so far, with the usage of this asking."""
        return self._info

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        """The scores, request by request as they are answered."""
        slow = kept_elsewhere(self._provider, self._settings.api_key)
        provider, key = await run_in(self._context.executor, self._opened) if slow else self._opened()
        if not self._settings.base_url and key and (base := provider.base_of(key.reveal())):
            self._url = endpoint(provider, base, self._model)
            self._info = replace(self._info, url=shown_url(self._url))
        self._pool.rule.check(self._provider.label, self._url)
        asked = plan(self._provider, self._model, query, [d.text for d in documents], self._settings.max_tokens)
        if self._pool.rule.place(self._url) is not Place.MACHINE:
            self._pool.agree(self._departure(asked))
        tasks = [
            asyncio.create_task(self._ask(asked, number, provider, key), name=f"rerank {number}")
            for number in range(len(asked.batches))
        ]
        try:
            async for number in in_order_of_answers(tasks):
                yield self._batch(asked, number, tasks[number].result())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if asked.asked < len(documents):
            yield RerankBatch(asked.asked, np.full(len(documents) - asked.asked, np.nan))

    def _departure(self, asked: Plan) -> Departure | None:
        """What would leave this machine, None where the provider is on it."""
        fields = Template.parse(self._settings.text, "rerank.text").fields
        texts = list(asked.texts[: asked.asked])
        return departure(self._pool.rule, self._provider.label, self._model, self._url, fields, texts, asked.query)

    async def _ask(self, asked: Plan, number: int, provider: Provider, key: Secret | None) -> Answer:
        """One request and what must follow it, entered into the account."""
        start, stop = asked.batches[number]
        settings = self._settings
        call = RerankCall(
            provider,
            asked.query,
            asked.texts[start:stop],
            self._model,
            instruction=settings.instruction,
            max_tokens=settings.max_tokens,
            base_url=settings.base_url or provider.base_of(key.reveal() if key else ""),
            key=key,
        )
        exchanges: list[WireResponse] = []
        tokens, deadline = asked.tokens[number], self._context.deadline

        async def send(request: WireRequest) -> WireResponse:
            response = await self._pool.send(self._service, request, tokens=tokens, deadline=deadline)
            exchanges.append(response)
            return response

        host = urlsplit(self._url).hostname or ""
        with self._pool.ledger.begin(provider.name, self._model, host, "rerank", stop - start) as entry:
            parsed = await converse(self._dialect, call, send, asyncio.sleep)
            usage = {**parsed.usage, **cost_of(provider, parsed.usage)}
            entry.attempts = attempts = sum(response.timing.attempts for response in exchanges)
            entry.status = exchanges[-1].status
            entry.tokens = int(usage["tokens"]) if "tokens" in usage else None
            entry.search_units = usage.get("searches")
            entry.cost = usage.get("usd")
        return Answer(replace(parsed, usage=usage), exchanges[-1], attempts)

    def _batch(self, asked: Plan, number: int, answer: Answer) -> RerankBatch:
        start, stop = asked.batches[number]
        self._usage.update({"requests": 1, **answer.parsed.usage})
        if answer.attempts > 1:
            self._usage["attempts"] += answer.attempts - 1
        self._named = self._named or answer.parsed.model
        self._warnings |= dict.fromkeys(answer.parsed.warnings)
        told, warnings = self._model or self._named, tuple(self._warnings)
        self._info = replace(self._info, model=told, usage=dict(self._usage), warnings=warnings)
        return RerankBatch(
            start,
            answer.parsed.scores,
            truncated=np.array(asked.cut[start:stop], dtype=np.bool_),
            parts=parts(answer.last.timing, answer.parsed.server_ms),
        )

    def _opened(self) -> tuple[Provider, Secret | None]:
        """The row with its secret headers, and the key."""
        places: Places = {"base_dir": self._context.base_dir, "environ": self._context.environ}
        key = key_of(self._provider, self._settings.api_key, **places)
        return with_headers(self._provider, **places), key


async def in_order_of_answers(tasks: list[asyncio.Task[Answer]]) -> AsyncIterator[int]:
    """The numbers of the tasks as they end. Once one has failed, those after it are called off; its error is raised
    when all before it have ended."""
    place = {task: number for number, task in enumerate(tasks)}
    waiting, failed = set(tasks), len(tasks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for number in sorted(place[task] for task in done):
            if number > failed:
                continue
            if tasks[number].exception() is None:
                yield number
                continue
            failed = number
            for later in tasks[number + 1 :]:
                later.cancel()
        waiting = {task for task in waiting if place[task] < failed}
    if failed < len(tasks):
        tasks[failed].result()


def scope(provider: Provider, url: str) -> str:
    """What a score depends on beside the settings of ``rerank``: the address, and the fields that are always sent."""
    extra: Mapping[str, object] = provider.extra
    return msgspec.json.encode([provider.dialect, shown_url(url), extra], order="sorted").decode()
