"""The one embedder that asks services: batches of texts out, unit vectors in, nothing guessed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import numpy as np
import numpy.typing as npt

from engine.embedders.base import EmbedContext, EmbedderInfo
from engine.embedders.remote.table import Wire
from engine.errors import EmbedderError, RemoteError
from engine.executor import run_in
from engine.records import RanOn
from engine.remote.offline import departure
from engine.remote.texts import excerpt
from engine.remote.wire import Service, WireRequest, WireResponse
from engine.rerankers.remote.batches import plan
from engine.rerankers.remote.dialects.error_bodies import error_text
from engine.rerankers.remote.dialects.usage import usage
from engine.rerankers.remote.keys import Places, key_of, with_headers
from engine.rerankers.remote.prices import cost_of
from engine.rerankers.remote.providers import Provider
from engine.rerankers.remote.urls import endpoint
from engine.secrets import Secret, mask

Vectors = npt.NDArray[np.float32]


class RemoteEmbedder:
    """A service with a model. Its dimension is known once it has answered, and 0 until then."""

    def __init__(self, name: str, provider: Provider, model: str, context: EmbedContext) -> None:
        self._name, self._provider, self._model, self._context = name, provider, model, context
        self._wire = msgspec.convert(provider.wire, Wire)
        self._dimension = 0
        self._known: tuple[Provider, Secret | None] | None = None

    @property
    def info(self) -> EmbedderInfo:
        return EmbedderInfo(self._name, self._dimension, self._revision(), ran_on=RanOn.REMOTE)

    def _revision(self) -> str:
        """The model, and what else of the settings changes its vectors."""
        parts = (f"{name}={value}" for name, value in sorted(self._provider.options.items()))
        return " ".join((self._model, *parts)).strip()

    async def embed_query(self, text: str) -> Vectors | None:
        """float32[d] of unit length, or None for a blank text."""
        if not text.strip():
            return None
        if (pool := self._context.remote) is not None:
            provider, key = await self._opened()
            url = _endpoint(provider, key, self._model)
            pool.rule.check(provider.label, url)
            pool.agree(departure(pool.rule, self._provider.label, self._model, url, (), [], text))
        prefix = self._provider.options.get("query_prefix", "")
        vectors = await self._embed([prefix + text], self._wire.query)
        return cast(Vectors, vectors[0])

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32[len(texts), d] of unit length; a blank text's row is NaN."""
        prefix = self._provider.options.get("document_prefix", "")
        rows = [row for row, text in enumerate(texts) if text.strip()]
        vectors = await self._embed([prefix + texts[row] for row in rows], self._wire.documents)
        out = np.full((len(texts), self._dimension), np.nan, dtype=np.float32)
        out[rows] = vectors
        return out

    async def _embed(self, texts: Sequence[str], extra: Mapping[str, Any]) -> Vectors:
        """float32[len(texts), d]. Batches go out together; the first that fails calls off the others."""
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        asked = plan(self._provider, self._model, "", texts)
        provider, key = await self._opened()
        tasks = [
            asyncio.create_task(
                self._ask(asked.texts[start:stop], tokens, self._request(asked.texts[start:stop], extra, provider, key))
            )
            for (start, stop), tokens in zip(asked.batches, asked.tokens, strict=True)
        ]
        try:
            return np.concatenate(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, texts: Sequence[str], tokens: int, request: WireRequest) -> Vectors:
        provider, pool = self._provider, self._context.remote
        if pool is None:
            raise EmbedderError(f"{provider.label}: this pipeline was opened without services")
        service = Service(provider.label, provider.limits, provider.timeouts, error_text)
        host = urlsplit(request.url).hostname or ""
        with pool.ledger.begin(provider.name, self._model, host, "embed", len(texts)) as entry:
            response = await pool.send(service, request, tokens=tokens)
            entry.attempts, entry.status = response.timing.attempts, response.status
            body = self._decoded(response)
            used = usage(body, response.headers) if isinstance(body, dict) else {}
            entry.tokens = int(used["tokens"]) if "tokens" in used else None
            entry.cost = cost_of(provider, used).get("usd")
            return self._vectors(body, len(texts), response)

    def _request(
        self, texts: Sequence[str], extra: Mapping[str, Any], provider: Provider, key: Secret | None
    ) -> WireRequest:
        wire = self._wire
        body: dict[str, Any] = {wire.input: list(texts), **provider.extra, **extra}
        if wire.model:
            body[wire.model] = self._model
        if wire.dimensions and (dimensions := provider.options.get("dimensions")):
            body[wire.dimensions] = int(dimensions)
        headers = dict(provider.headers)
        if key:
            headers[provider.auth_header] = f"{provider.auth_scheme} {key.reveal()}".strip()
        return WireRequest.post(_endpoint(provider, key, self._model), body, headers)

    def _decoded(self, response: WireResponse) -> Any:
        try:
            return msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._refused(f"an answer that is no JSON: {error}", response) from None

    def _vectors(self, body: Any, n: int, response: WireResponse) -> Vectors:
        """float32[n, d], checked: as many as texts, each of one length and finite; scaled to unit length."""
        found = body
        for name in filter(None, self._wire.vectors.split(".")):
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise self._refused("an answer without vectors", response)
        if len(found) != n:
            raise self._refused(f"{len(found)} vectors for {n} texts", response)
        rows: list[Any] = [None] * n
        for place, entry in enumerate(found):
            index = entry.get("index", place) if isinstance(entry, dict) else place
            if type(index) is not int or not 0 <= index < n or rows[index] is not None:
                raise self._refused(f"a vector of no text: index {index!r}", response)
            rows[index] = entry.get(self._wire.vector) if isinstance(entry, dict) else entry
        try:
            vectors = np.asarray(msgspec.convert(rows, list[list[float]]), dtype=np.float32)
        except (msgspec.ValidationError, ValueError):
            raise self._refused("vectors that are no lists of numbers of one length", response) from None
        if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
            raise self._refused("vectors with numbers that are not finite", response)
        self._settle(vectors.shape[1])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        scaled: Vectors = np.divide(vectors, lengths, out=np.full_like(vectors, math.nan), where=lengths > 0)
        return scaled

    def _settle(self, dimension: int) -> None:
        if self._dimension not in (0, dimension):
            raise EmbedderError(
                f"{self._provider.label}: vectors of {dimension} dimensions after some of {self._dimension}",
                hint="did the server change its model?",
            )
        self._dimension = dimension

    def _refused(self, what: str, response: WireResponse) -> RemoteError:
        return RemoteError(
            mask(f"{self._provider.label}: {response.status}, but {what}: {excerpt(response.body) or '(empty)'}"),
            provider=self._provider.name,
            kind="body",
            status=response.status,
            hint="is it an embedding model, and base_url the address of its API?",
        )

    async def _opened(self) -> tuple[Provider, Secret | None]:
        """The row with its secret headers, and the key: read once."""
        if self._known is None:
            self._known = await run_in(self._context.executor, self._read)
        return self._known

    def _read(self) -> tuple[Provider, Secret | None]:
        places: Places = {"base_dir": self._context.base_dir, "environ": self._context.environ}
        key = key_of(self._provider, **places)
        return with_headers(self._provider, **places), key


def _endpoint(provider: Provider, key: Secret | None, model: str) -> str:
    """Where the holder of this key asks."""
    return endpoint(provider, provider.base_of(key.reveal()) if key else "", model)
