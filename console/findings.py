"""One line of what ``rankscope doctor`` finds."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import RankscopeError
from engine.secrets import mask


@dataclass(frozen=True, slots=True)
class Finding:
    """``ok`` is None for what was not checked, and is no failure; ``hint`` says how to mend it."""

    what: str
    ok: bool | None
    text: str
    hint: str = ""

    @classmethod
    def failed(cls, what: str, error: RankscopeError) -> Finding:
        """What an error says of the thing that was checked."""
        return cls(what, False, mask(error.message), error.hint)
