"""The terms of a vocabulary nearest to a word that it does not have, by edit distance."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LIMIT = 2
"""The most edits of a word of six characters and more; shorter ones get one, one or two characters none."""


def nearest(
    word: str, vocabulary: Sequence[str], size: int = 3, frequencies: Sequence[int] | None = None
) -> tuple[str, ...]:
    """Up to ``size`` terms within a few edits, nearest first, then the more frequent, then in order of the vocabulary.

    ``vocabulary`` is sorted. Only terms that begin with the word's first or second character are looked at: mistakes in
    the first are rare, and 500,000 terms are read in a few hundredths of a second.
    """
    limit = LIMIT if len(word) > 5 else 1
    if not 3 <= len(word) <= 250:
        return ()
    terms: dict[int, str] = {}
    for first in sorted({*word[:2]}):
        begin, end = bisect_left(vocabulary, first), bisect_left(vocabulary, first + "\U0010ffff")
        near = enumerate(vocabulary[begin:end], begin)
        terms |= {place: term for place, term in near if abs(len(term) - len(word)) <= limit}
    places, edits = list(terms), distances(word, list(terms.values()))
    found = [
        (int(edits[at]), -(frequencies[places[at]] if frequencies else 0), places[at]) for at in _within(edits, limit)
    ]
    return tuple(terms[place] for _, _, place in sorted(found)[:size])


def _within(edits: npt.NDArray[np.uint8], limit: int) -> list[int]:
    found: list[int] = np.flatnonzero(edits <= limit).tolist()
    return found


def distances(word: str, terms: Sequence[str]) -> npt.NDArray[np.uint8]:
    """uint8[n]: insertions, deletions, substitutions and swaps of neighbours that turn the word into each term.

    Optimal string alignment (Damerau 1964 without editing a swapped pair again), all terms at once; words of up to 250.
    """
    if not terms:
        return np.zeros(0, dtype=np.uint8)
    lengths = np.fromiter(map(len, terms), dtype=np.intp, count=len(terms))
    longest = max(int(lengths.max()), 1)
    characters = np.array(terms, dtype=f"<U{longest}").view(np.uint32).reshape(len(terms), longest).T.copy()
    row = np.repeat(np.arange(longest + 1, dtype=np.uint8)[:, None], len(terms), axis=1)
    above = row
    last = 0
    for i, code in enumerate(map(ord, word), start=1):
        older, above, row = above, row, np.empty_like(row)
        same = characters == code
        row[0] = i
        row[1:] = np.minimum(above[:-1] + ~same, above[1:] + 1)
        if i > 1:
            swapped = (characters[1:] == last) & same[:-1]
            np.minimum(row[2:], older[:-2] + 1, out=row[2:], where=swapped)
        for j in range(longest):
            np.minimum(row[j + 1], row[j] + 1, out=row[j + 1])
        last = code
    return row[lengths, np.arange(len(terms))]
