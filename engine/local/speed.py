"""How fast each model was so far, and what that lets fit into a budget."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.local.base import ModelSpec

_FORGET = 0.7
"""How much of the earlier measure stays when a new one is as large."""
_ENOUGH = 8
"""Documents that must have been scored before anything is foretold."""


@dataclass(slots=True)
class Speed:
    """Documents per second by model; measured over what each asking took, its waiting included."""

    _seconds: dict[ModelSpec, float] = field(default_factory=dict)
    _documents: dict[ModelSpec, float] = field(default_factory=dict)

    def measured(self, spec: ModelSpec, documents: int, seconds: float) -> None:
        """Take in one asking; the older ones fade."""
        self._seconds[spec] = self._seconds.get(spec, 0.0) * _FORGET + seconds
        self._documents[spec] = self._documents.get(spec, 0.0) * _FORGET + documents

    def rate(self, spec: ModelSpec) -> float:
        """Documents per second, 0 where nothing is known yet."""
        documents, seconds = self._documents.get(spec, 0.0), self._seconds.get(spec, 0.0)
        return documents / seconds if documents >= _ENOUGH and seconds > 0 else 0.0

    def warning(self, spec: ModelSpec, documents: int, budget_s: float) -> str:
        """What to say before a run that will not fit: which N does. '' where it fits, or nobody can tell."""
        rate = self.rate(spec)
        if not rate or documents <= rate * budget_s:
            return ""
        fits = int(rate * budget_s)
        return (
            f"{documents} documents at {rate:.3g} a second need about {documents / rate:.0f} s: "
            f"{fits} fit into the {budget_s:.3g} s of budget.rerank_ms (rerank.top_n = {max(1, fits)})"
        )
