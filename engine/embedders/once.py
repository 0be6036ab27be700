"""One text embedded outside a search: for programs that ``rankscope export --to python`` writes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from engine.embedders.base import EmbedContext
from engine.embedders.registry import make
from engine.errors import EmbedderError
from engine.local.host import LocalHost
from engine.remote.offline import OfflineRule
from engine.remote.pool import ClientPool


def embed_query(name: str, text: str) -> list[float]:
    """The text's vector by the embedder of that name. Raises ``EmbedderError``, also for a text that has none."""
    with ThreadPoolExecutor(1) as executor:
        vector = asyncio.run(_embed(name, text, executor))
    if vector is None:
        raise EmbedderError(f"{name} has no vector for {text!r}", hint="is the text blank?")
    return vector


async def _embed(name: str, text: str, executor: ThreadPoolExecutor) -> list[float] | None:
    services, local = ClientPool(executor, OfflineRule()), LocalHost()
    try:
        vector = await make(name, EmbedContext(executor, services, local=local)).embed_query(text)
    finally:
        await local.close()
        await services.close()
    return None if vector is None else [float(each) for each in vector]
