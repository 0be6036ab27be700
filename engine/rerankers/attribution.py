"""Which sentences carry a document's rerank score: it is scored again without each of them (leave-one-out), through the
reranker that spoke last of it.

The scores are as many as the sentences, so a long text is left out window by window of neighbouring sentences instead.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import UsageError
from engine.ingest.template import Template
from engine.records import Document, FloatArray, RerankerInfo
from engine.rerankers.base import Opens
from engine.rerankers.cascade import rerank_stages
from engine.rerankers.ledger import Scored
from engine.rerankers.stage import RerankStage

if TYPE_CHECKING:
    from engine.search import Search
    from engine.settings.schema import RerankSettings

MOST = 48
"""Passages that a document is taken apart into at most."""

_END = re.compile(
    r"""
    (?<!\be\.g)(?<!\bi\.e)(?<!\bcf)
    [.!?…]+["'”’)\]]* (?=\s+[^\sa-z])       # ends a sentence, unless it goes on in lower case
  | [。！？]+["'”’）」』]*                     # ends one without a space
  | (?=\n[^\S\n]*\n)                        # a blank line
  | (?=\n[^\S\n]*(?:[-*•]|\d+[.)]|>>>)\s)  # the next item of a list, the next line of a session
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, or several neighbours: characters ``start`` to ``end`` of a field's text."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What is known so far of one document.

    whole   the raw score of all of it, NaN until it is known
    drops   float64[passages], how much lower the score is without each; below 0: higher; NaN while unknown
    done    of ``len(passages)``
    """

    passages: tuple[Passage, ...]
    whole: float
    drops: FloatArray
    done: int
    reranker: RerankerInfo

    @property
    def complete(self) -> bool:
        return self.done == len(self.passages)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences begin and end (characters), without the space around them; those without a letter or digit
    belong to none."""
    cuts = [0, *(match.end() for match in _END.finditer(text)), len(text)]
    found = []
    for start, end in pairwise(cuts):
        piece = text[start:end]
        if any(character.isalnum() for character in piece):
            begin = start + len(piece) - len(piece.lstrip())
            found.append((begin, start + len(piece.rstrip())))
    return found


def passages(document: Document, fields: Sequence[str], most: int = MOST) -> tuple[Passage, ...]:
    """The sentences of these fields; neighbours of a field joined where there would be more than ``most``."""
    by_field = {name: spans for name in fields if (spans := sentences(document.text_of(name)))}
    total = sum(map(len, by_field.values()))
    size = 1
    while total > most and sum(math.ceil(len(spans) / size) for spans in by_field.values()) > max(most, len(by_field)):
        size += 1
    return tuple(
        Passage(name, spans[at][0], spans[min(at + size, len(spans)) - 1][1])
        for name, spans in by_field.items()
        for at in range(0, len(spans), size)
    )


def variants(document: Document, found: Sequence[Passage]) -> Iterator[Document]:
    """The document whole, then without each passage, under ids of their own."""
    yield replace(document, id=f"{document.id}\0")
    for number, each in enumerate(found):
        text = document.text_of(each.field)
        fields = {**document.fields, each.field: text[: each.start] + text[each.end :]}
        yield Document(f"{document.id}\0{number}", fields)


async def attribute(search: Search, document_id: str) -> AsyncGenerator[Attribution, None]:
    """What carries the document's score, better known with every batch; closing the iterator drops the rest.

    Raises ``UsageError`` where it cannot be taken apart, and whatever the reranker raises.
    """
    rerank, row_score = _spoke_last(search, document_id)
    document = (await search.fetch([document_id]))[document_id]
    found = passages(document, Template.parse(rerank.text, "rerank.text").fields)
    if len(found) < 2:
        raise UsageError("the document is one sentence: all of its score is that sentence's")
    stage = await _stage(search, rerank)
    documents = list(variants(document, found))
    known: dict[str, Scored] = {}
    cosines, features = [row_score.cosine] * len(documents), [0.0] * len(documents)  # the same for all of them
    async with aclosing(stage.run(documents, cosines, features, known)) as answers:
        async for _ in answers:
            yield _so_far(found, documents, known, stage.reranker.info)


def _spoke_last(search: Search, document_id: str) -> tuple[RerankSettings, Scored]:
    """The reranker whose score of the document counts, and that score. Raises ``UsageError`` where there is none."""
    trace = search.trace
    if trace is not None and document_id in trace.pool.ids:
        deepest = trace.ranking.deepest(trace.pool.ids.index(document_id))
        stages = list(rerank_stages(search.ledger.effective(trace.settings)).values())
        if deepest < len(stages) and (scored := search.ledger.known(stages[deepest]).get(document_id)) is not None:
            return stages[deepest], scored
    raise UsageError("the document has no rerank score", hint="only what is reranked can be taken apart")


async def _stage(search: Search, rerank: RerankSettings) -> RerankStage:
    """Its reranker, opened. Nothing is kept in the cache: nobody asks for these texts again."""
    assert search.trace is not None
    settings = search.trace.settings
    deadline = asyncio.get_running_loop().time() + settings.budget.rerank_ms / 1e3
    context = search.resources.rerank_context(search.analysis, settings, deadline)
    reranker = search.resources.reranker(rerank, context)
    if isinstance(reranker, Opens):
        await reranker.open()
    if reranker.info.listwise:
        name = reranker.info.model or reranker.info.provider
        raise UsageError(f"{name} reads the list as one: a document alone has no score", hint="take another reranker")
    return RerankStage(rerank, search.query.positive, reranker, context, None)


def _so_far(
    found: tuple[Passage, ...], documents: Sequence[Document], known: Mapping[str, Scored], info: RerankerInfo
) -> Attribution:
    whole, *without = [known[each.id].raw if each.id in known else math.nan for each in documents]
    done = sum(each.id in known for each in documents[1:])
    return Attribution(found, whole, whole - np.array(without), done, info)
