"""RAGFlow's term weights and token similarity, without the dictionaries that it has and we do not.

    weight(t) ∝ (0.3·idf(freq, 10⁷) + 0.7·idf(df, 10⁹)) · ner · pos,    idf(s, N) = log10(10 + (N − s + 0.5)/(s + 0.5))

For a word in no dictionary freq is 3, and df 300 for Latin letters, 5 with digits, 3 otherwise. Source: infiniflow/
ragflow, rag/nlp/term_weight.py (weights) and rag/nlp/query.py (similarity), state of August 2026.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import pairwise

UNIGRAM = 0.4
NEIGHBOURS = 0.6

_CORPUS_WORDS = 10_000_000
_CORPUS_DOCUMENTS = 1_000_000_000
_FREQUENCY = 3
_DF_LATIN, _DF_DIGITS, _DF_OTHER = 300, 5, 3

_LATIN = re.compile(r"[a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff_.:'’ -]+", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"[\d.,]{2,}")
_SHORT = re.compile(r"[a-z]{1,2}", re.IGNORECASE)
_DIGITS = re.compile(r"[\d-]*\d[\d-]*")


def query_weights(tokens: Sequence[str]) -> list[tuple[str, float]]:
    """Each token with its weight; the weights sum to 1."""
    raw = [_weight(token) for token in tokens]
    total = math.fsum(raw)
    return [(token, weight / total) for token, weight in zip(tokens, raw, strict=True)]


def keys(weighted: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The weight of each token (0.4·w) and of each pair of neighbours written as one (0.6·the larger w), added up."""
    weighted = list(weighted)
    found: dict[str, float] = {}
    for token, weight in weighted:
        found[token] = found.get(token, 0.0) + UNIGRAM * weight
    for (left, left_weight), (right, right_weight) in pairwise(weighted):
        found[left + right] = found.get(left + right, 0.0) + NEIGHBOURS * max(left_weight, right_weight)
    return found


def document_keys(tokens: Sequence[str]) -> set[str]:
    """The tokens and their neighbouring pairs: all that a document brings to the similarity."""
    return {*tokens, *(left + right for left, right in pairwise(tokens))}


def token_similarity(query_keys: Mapping[str, float], document_keys: Set[str]) -> float:
    """The share, 0…1, of the query's weight that the document holds; 0 for a query without terms."""
    total = math.fsum(query_keys.values())
    return math.fsum(weight for key, weight in query_keys.items() if key in document_keys) / total if total else 0.0


def _weight(token: str) -> float:
    """Of one token, before the sum is 1."""
    rarity = 0.3 * _idf(_FREQUENCY, _CORPUS_WORDS) + 0.7 * _idf(_document_frequency(token), _CORPUS_DOCUMENTS)
    return rarity * _name_factor(token) * (2.0 if _DIGITS.fullmatch(token) else 1.0)


def _document_frequency(token: str) -> int:
    if _DIGIT.search(token):
        return _DF_DIGITS
    return _DF_LATIN if _LATIN.fullmatch(token) else _DF_OTHER


def _name_factor(token: str) -> float:
    """RAGFlow's ``ner`` where no list of names is asked: numbers weigh double, one or two letters next to nothing."""
    if _NUMBER.fullmatch(token):
        return 2.0
    return 0.01 if _SHORT.fullmatch(token) else 1.0


def _idf(count: float, total: float) -> float:
    return math.log10(10 + (total - count + 0.5) / (count + 0.5))
