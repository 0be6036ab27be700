"""Synonyms from a file in the format of Solr and Elasticsearch.

    # a comment
    car, automobile, motor car         each stands for the others
    i-pod, i pod => ipod               what stands left is also looked for as what stands right, not the reverse
    a\\,b, x \\=> y                      a comma, an arrow or a backslash that is text follows a backslash

The words of the query stay, at full weight; expansions are added at ``WEIGHT``. Elasticsearch drops the left side of an
arrow unless the right side repeats it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from engine.analysis.base import Analyzer, Token
from engine.errors import SettingsError

WEIGHT = 0.25
"""The weight of an expansion beside a query word's 1."""

_COMMA = re.compile(r"(?<!\\),")
_ARROW = re.compile(r"(?<!\\)=>")
_ESCAPED = re.compile(r"\\(=>|.)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: any of ``keys`` is also looked for as ``values``; ``where`` is ``file:line``."""

    keys: tuple[str, ...]
    values: tuple[str, ...]
    where: str


class Expansion(NamedTuple):
    """``text[start:end]`` has synonyms: ``others``, as the file writes them."""

    start: int
    end: int
    others: tuple[str, ...]


def read(path: Path) -> list[Rule]:
    """The rules of a file in UTF-8. Raises ``SettingsError`` with the line of the fault."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise _error(f"{path}: {error.strerror}", "legs.<leg>.synonyms is relative to the settings file") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _error(f"{path}:{line}: not UTF-8 (byte {error.start})", "save the file as UTF-8") from error
    return parse(lines, str(path))


def parse(lines: Iterable[str], name: str) -> list[Rule]:
    """The rules of lines that came from ``name``. Raises ``SettingsError``."""
    rules: list[Rule] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        sides = [_entries(side) for side in _ARROW.split(line)]
        where = f"{name}:{number}"
        if len(sides) > 2:
            raise _error(f"{where}: more than one =>", "write each mapping on a line of its own")
        if not all(all(side) for side in sides):
            raise _error(f"{where}: an entry is empty", "a => b, or a, b, c; \\, is a comma inside an entry")
        rules.append(Rule(sides[0], sides[-1], where))
    return rules


def _entries(side: str) -> tuple[str, ...]:
    return tuple(_ESCAPED.sub(r"\1", entry).strip() for entry in _COMMA.split(side))


def _error(message: str, hint: str) -> SettingsError:
    return SettingsError(message, path="legs.lexical.synonyms", hint=hint)


class Synonyms:
    """Rules ready for texts of one analyser, which compares keys and text (``Cars`` finds ``car`` in English)."""

    def __init__(self, rules: Iterable[Rule], analyzer: Analyzer) -> None:
        """Raises ``SettingsError`` for a key of which the analyser leaves nothing."""
        self._analyzer = analyzer
        others: dict[tuple[str, ...], dict[str, None]] = {}
        for rule in rules:
            for key in rule.keys:
                words = tuple(word for _, _, word in _words(analyzer, key))
                if not words:
                    hint = "stop words and punctuation cannot have synonyms"
                    raise _error(f"{rule.where}: analyser {analyzer.name!r} leaves nothing of {key!r}", hint)
                others.setdefault(words, {}).update(dict.fromkeys(value for value in rule.values if value != key))
        self._others: Mapping[tuple[str, ...], tuple[str, ...]] = {
            words: tuple(found) for words, found in others.items() if found
        }
        self._longest = max(map(len, self._others), default=0)

    def expand(self, text: str) -> list[Expansion]:
        """The places of the text that have synonyms, left to right, the longest first at each, none overlapping."""
        found: list[Expansion] = []
        words = _words(self._analyzer, text)
        at = 0
        while at < len(words):
            for size in range(min(self._longest, len(words) - at), 0, -1):
                others = self._others.get(tuple(word for _, _, word in words[at : at + size]))
                if others:
                    found.append(Expansion(words[at][0], words[at + size - 1][1], others))
                    at += size - 1
                    break
            at += 1
        return found


def _words(analyzer: Analyzer, text: str) -> Sequence[tuple[int, int, str]]:
    """Start, end and term of every word; of several terms at one position the first, which is the whole word."""
    tokens = [Token("", -1, 0, 0), *analyzer.tokens(text)]
    return [(token.start, token.end, token.text) for last, token in pairwise(tokens) if token.position > last.position]
