"""What is sent: texts cut to a provider's limits, and in how many requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.rerankers.remote.providers import Provider

_LETTERS = re.compile(r"[\x00-\u024f\u0370-\u052f]+")
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one asking: documents ``start`` to ``stop`` of ``texts`` each, top first.

    cut       per text, whether it or the query was cut
    tokens    estimate for each request
    """

    query: str
    texts: tuple[str, ...]
    cut: tuple[bool, ...]
    batches: tuple[tuple[int, int], ...]
    tokens: tuple[int, ...]

    @property
    def asked(self) -> int:
        """How many of the texts are sent: of a list that must not be split, what one request takes."""
        return self.batches[-1][1] if self.batches else 0


def plan(provider: Provider, model: str, query: str, texts: Sequence[str], max_tokens: int = 0) -> Plan:
    """How to ask. ``max_tokens`` cuts each text (0: not), by estimate where the provider has no field for it."""
    short_query = _cut(query, provider.max_query_chars)
    short = [_cut(text, provider.max_chars) for text in texts]
    if max_tokens and not provider.max_tokens:
        short = [cut_to_tokens(text, max_tokens) for text in short]
    query_was_cut = short_query != query
    cut = tuple(query_was_cut or now != before for now, before in zip(short, texts, strict=True))
    size, split = batch_size(provider, model), not provider.is_listwise(model)
    batches, tokens = _batches(provider, size, short_query, short, split=split)
    return Plan(short_query, tuple(short), cut, tuple(batches), tuple(tokens))


def batch_size(provider: Provider, model: str) -> int:
    """Most documents of one request."""
    size = provider.listwise_documents if provider.is_listwise(model) else provider.batch
    return min(size, provider.max_documents or size)


def total_limit(provider: Provider, model: str) -> int:
    """Most documents of one query that can be compared; 0: any number."""
    return batch_size(provider, model) if provider.is_listwise(model) else 0


def _batches(
    provider: Provider, size: int, query: str, texts: Sequence[str], *, split: bool
) -> tuple[list[tuple[int, int]], list[int]]:
    query_tokens, query_bytes = estimate_tokens(query), len(query.encode("utf-8", "replace"))
    batches: list[tuple[int, int]] = []
    costs: list[int] = []
    start = tokens = bytes_ = 0
    for place, text in enumerate(texts):
        more_tokens = query_tokens + estimate_tokens(text)
        more_bytes = len(text.encode("utf-8", "replace"))
        full = (
            place - start >= size
            or (provider.max_request_tokens and tokens + more_tokens > provider.max_request_tokens)
            or (provider.max_bytes and query_bytes + bytes_ + more_bytes > provider.max_bytes)
        )
        if full and place > start:
            batches.append((start, place))
            costs.append(tokens)
            start, tokens, bytes_ = place, 0, 0
            if not split:
                return batches, costs
        tokens, bytes_ = tokens + more_tokens, bytes_ + more_bytes
    if len(texts) > start:
        batches.append((start, len(texts)))
        costs.append(tokens)
    return batches, costs


def estimate_tokens(text: str) -> int:
    """Roughly: four letters of an alphabet make a token, and any other character is one (CJK, emoji)."""
    if text.isascii():
        return -(-len(text) // _CHARS_PER_TOKEN)
    letters = sum(len(run) for run in _LETTERS.findall(text))
    return -(-letters // _CHARS_PER_TOKEN) + len(text) - letters


def cut_to_tokens(text: str, limit: int) -> str:
    """The beginning of the text, of about ``limit`` tokens."""
    if estimate_tokens(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate_tokens(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]


def _cut(text: str, limit: int) -> str:
    return text[:limit] if limit and len(text) > limit else text
