"""Query text as the tokens that RAGFlow's index holds, fitted to the index itself.

RAGFlow cuts and stems before it indexes: Chinese by a dictionary, English into runs of letters and digits, lemmatised
and stemmed by Porter. Neither dictionary is here. Instead the index is asked which of the possible forms it holds: of
a Latin word the stem, the stem of its singular, or the word as it is; of Chinese every stretch of up to eight
characters, and the longest that the index knows are taken from left to right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.analysis import porter

LONGEST = 8
"""Characters of the longest Chinese word that is looked for."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_RUN = re.compile(rf"[{_HAN}]+|[^\W{_HAN}]+")
_ONE_HAN = re.compile(rf"[{_HAN}]")
_NUMBER = re.compile(r"[0-9.]+\Z")
_SINGULARS = (("men", "man"), ("ves", "f"), ("ves", "fe"))


@dataclass(frozen=True, slots=True)
class IndexWords:
    """The ``Words`` of one question.

    coarse, fine_tokens  form → number of chunks that hold it, of the first and of the finer token fields
    alike                text → its synonyms
    """

    coarse: Mapping[str, int]
    fine_tokens: Mapping[str, int] = field(default_factory=dict)
    alike: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def tokens(self, text: str) -> list[str]:
        """The tokens of the text in order; what the index lacks in the form that is likeliest."""
        found: list[str] = []
        for run in runs(text):
            if _ONE_HAN.match(run):
                found += _longest(run, self.coarse, LONGEST)
            else:
                every = forms(run)
                found.append(next((form for form in every if self.coarse.get(form)), every[0]))
        return found

    def fine(self, token: str) -> list[str]:
        """The parts of a longer Chinese token, none where the index knows no smaller ones."""
        if len(token) < 3 or not _ONE_HAN.match(token):
            return []
        parts = _longest(token, self.fine_tokens, len(token) - 1)
        return parts if all(part in self.fine_tokens for part in parts) else []

    def synonyms(self, text: str) -> Sequence[str]:
        return self.alike.get(text, ())


def runs(text: str) -> Iterator[str]:
    """Stretches of Chinese characters, and of other letters and digits."""
    yield from _RUN.findall(text.lower())


def forms(word: str) -> list[str]:
    """What a Latin word can be in the index, the likeliest first."""
    if _NUMBER.match(word):
        return [word]
    singular = (word.removesuffix(end) + start for end, start in _SINGULARS if word.endswith(end))
    return list(dict.fromkeys([porter.stem(word), *map(porter.stem, singular), word]))


def candidates(text: str) -> set[str]:
    """Every form that ``tokens`` and ``fine`` of the text could want to know of."""
    wanted: set[str] = set()
    for run in runs(text):
        if _ONE_HAN.match(run):
            ends = ((at, min(at + LONGEST, len(run))) for at in range(len(run)))
            wanted.update(run[at:end] for at, last in ends for end in range(at + 1, last + 1))
        else:
            wanted.update(forms(run))
    return wanted


def _longest(run: str, known: Mapping[str, int], limit: int) -> list[str]:
    """The run cut from the left into the longest known stretches, single characters between them."""
    parts: list[str] = []
    at = 0
    while at < len(run):
        ends = range(min(at + limit, len(run)), at + 1, -1)
        end = next((end for end in ends if known.get(run[at:end])), at + 1)
        parts.append(run[at:end])
        at = end
    return parts
