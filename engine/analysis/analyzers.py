"""The analysers by name. An index keeps the name, so a name's tokens never change; new behaviour is a new name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache

from engine.analysis.base import Analyzer
from engine.analysis.cjk import CJKAnalyzer
from engine.analysis.english import EnglishAnalyzer
from engine.analysis.identifier import IdentifierAnalyzer
from engine.analysis.standard import StandardAnalyzer
from engine.analysis.whitespace import WhitespaceAnalyzer
from engine.errors import SettingsError

ANALYZERS: dict[str, Callable[[], Analyzer]] = {
    "english": EnglishAnalyzer,
    "standard": StandardAnalyzer,
    "whitespace": WhitespaceAnalyzer,
    "identifier": IdentifierAnalyzer,
    "cjk": CJKAnalyzer,
}


def get(name: str) -> Analyzer:
    """The analyser of that name, the same instance every time. Raises ``SettingsError``."""
    if name not in ANALYZERS:
        near = get_close_matches(name, ANALYZERS, n=1)
        raise SettingsError(
            f"there is no analyser {name!r}" + (f"; the nearest is {near[0]!r}" if near else ""),
            path="legs.lexical.analyzer",
            hint=f"analysers: {', '.join(ANALYZERS)}",
        )
    return _instance(name)


@cache
def _instance(name: str) -> Analyzer:
    return ANALYZERS[name]()
