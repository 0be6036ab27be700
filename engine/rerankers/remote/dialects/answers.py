"""Strict reading of answers: what cannot be trusted is one ``RemoteError`` that names the service and shows the body.

A score belongs to the document whose index stands beside it, never to the place in the list. An index that is out of
range, told twice, or no number, and a score that is no finite number, refuse the whole answer; an entry without a score
leaves its document unscored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from engine.errors import RemoteError
from engine.records import FloatArray, ScoreKind
from engine.remote.texts import excerpt, shortened
from engine.remote.wire import WireResponse
from engine.rerankers.remote.dialects import error_bodies, timings
from engine.rerankers.remote.dialects import usage as usages
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall
from engine.rerankers.remote.dialects.json_paths import dig
from engine.secrets import mask

PLACES = ("results", "data", "rankings", "rerank", "output.results", "records")
"""Where a list of entries may stand, where it is not the whole answer."""
SCORE_NAMES = ("relevance_score", "score", "logit", "relevanceScore")

AT_FAULT = "the service's answer is at fault: another model or release may do better"
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_RANGES = {ScoreKind.PROBABILITY: (0.0, 1.0), ScoreKind.COSINE: (-1.0, 1.0)}
_SLACK = 1e-3


def refused(call: RerankCall, what: str, hint: str = "", status: int = 200) -> RemoteError:
    """The error of an answer that arrived and cannot be used."""
    return RemoteError(
        mask(f"{call.provider.label}: {what}"), provider=call.provider.name, kind="body", status=status, hint=hint
    )


def decoded(response: WireResponse, call: RerankCall) -> Any:
    """The answer's JSON."""
    try:
        return msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise refused(
            call,
            f"{response.status}, but the answer is no JSON ({reason}): {excerpt(response.body) or '(empty)'}",
            "is base_url the address of its API, and not of a web page?",
            response.status,
        ) from None


def without_scores(call: RerankCall, body: Any, response: WireResponse) -> RemoteError:
    """For an answer that holds no list where one belongs: what it says instead, or how it begins."""
    text = error_bodies.said(body) if isinstance(body, dict) else ""
    return refused(
        call,
        f"{response.status}, but no scores: {text or excerpt(response.body)}",
        "does the model at this address rerank? LM Studio answers 200 for addresses it does not know",
        response.status,
    )


def entries(body: Any, places: Sequence[str], call: RerankCall, response: WireResponse) -> list[dict[str, Any]]:
    """The list of objects at the first of the places that holds one; the place '' is the whole answer."""
    found = next((value for p in places if isinstance(value := dig(body, p) if p else body, list)), None)
    if found is None or (found == [] and call.documents):
        raise without_scores(call, body, response)
    for value in found:
        if not isinstance(value, dict):
            raise refused(call, f"an entry of its list is no object: {_shown(value)}", AT_FAULT, response.status)
    return found


def scored(pairs: Iterable[tuple[Any, Any]], call: RerankCall, kind: ScoreKind, *, base: int = 0) -> ParsedScores:
    """Index and score of each entry, in the order answered, as arrays in the order asked; a score None is none."""
    told, n = list(pairs), len(call.documents)
    scores, positions = np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    places = rows([index for index, _ in told], n, call, base=base)
    for place, (row, (_, score)) in enumerate(zip(places, told, strict=True)):
        if score is not None:
            scores[row], positions[row] = number(score, call), place
    return ParsedScores(scores, positions, kind, warnings=_doubts(scores, kind, call))


def rows(indices: Iterable[Any], n: int, call: RerankCall, *, base: int = 0) -> list[int]:
    """Indices that count from ``base`` as places from 0: each in range, none twice."""
    found: list[int] = []
    told: set[int] = set()
    for index in indices:
        row = _row(index, n, base, call)
        if row in told:
            raise refused(call, f"index {row + base} stands twice in its answer", AT_FAULT)
        told.add(row)
        found.append(row)
    return found


def score_of(entry: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value under the first of the names that the entry has; None where it has none."""
    return next((entry[name] for name in names if name in entry), None)


def number(value: Any, call: RerankCall) -> float:
    """A finite number, or the text of one."""
    try:
        found = float(value) if _is_number(value) else math.nan
    except OverflowError:
        found = math.nan
    if not math.isfinite(found):
        raise refused(call, f"a score is no finite number: {_shown(value)}", AT_FAULT)
    return found


def complete(parsed: ParsedScores, body: Any, response: WireResponse, tokens_are: str = "tokens") -> ParsedScores:
    """The scores with what else the answer tells: usage, timings, the model."""
    model = dig(body, "model")
    return replace(
        parsed,
        usage=usages.usage(body, response.headers, tokens_are),
        server_ms=timings.server_ms(body, response.headers),
        model=model if isinstance(model, str) else "",
    )


def joined(first: ParsedScores, second: ParsedScores, call: RerankCall) -> ParsedScores:
    """Two answers to one call as one: pages, or an answer that was polled for."""
    both = ~np.isnan(first.scores) & ~np.isnan(second.scores)
    if both.any():
        raise refused(call, f"document {int(np.argmax(both))} of {len(both)} is scored twice, on two pages")
    later = np.where(second.positions >= 0, second.positions + first.answered, -1)
    return ParsedScores(
        np.where(np.isnan(second.scores), first.scores, second.scores),
        np.where(second.positions >= 0, later, first.positions),
        second.kind,
        {unit: first.usage.get(unit, 0.0) + second.usage.get(unit, 0.0) for unit in {**first.usage, **second.usage}},
        second.server_ms or first.server_ms,
        second.model or first.model,
        (*first.warnings, *(text for text in second.warnings if text not in first.warnings)),
    )


def _row(index: Any, n: int, base: int, call: RerankCall) -> int:
    """The place of the document asked, from 0. Some write the index as text, none as a fraction."""
    match index:
        case str() if _INTEGER.fullmatch(index.strip()):
            row = int(index) - base
        case int() if not isinstance(index, bool):
            row = index - base
        case float() if index.is_integer():
            row = int(index) - base
        case _:
            raise refused(call, f"an entry of its answer has no index but {_shown(index)}", AT_FAULT)
    if not 0 <= row < n:
        raise refused(call, f"an index of its answer is out of range: {_shown(index)}, of {n} texts", AT_FAULT)
    return row


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _doubts(scores: FloatArray, kind: ScoreKind, call: RerankCall) -> tuple[str, ...]:
    """What speaks against the declared kind: said and not mended, for a kind guessed by batch would change by query."""
    low, high = _RANGES.get(kind, (-math.inf, math.inf))
    if not np.any((scores < low - _SLACK) | (scores > high + _SLACK)):
        return ()
    path = f"providers.{call.provider.name}.kind"
    return (f"{call.provider.label}: its scores leave {low:g}…{high:g}, so they are no {kind}: set {path}",)


def _shown(value: Any) -> str:
    return shortened(repr(value)[:400], 60)
