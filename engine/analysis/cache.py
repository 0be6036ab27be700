"""A bounded table of what a pure function made of words seen before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TermCache(dict[str, Value], Generic[Value]):
    """``cache[word]`` is ``function(word)``; a hit costs one dict look-up, which is what makes indexing fast.

    At ``size`` words it starts afresh, so that a million serial numbers cannot fill the memory. Threads may share it:
    at worst two of them compute the same word.
    """

    def __init__(self, function: Callable[[str], Value], size: int = 1 << 18) -> None:
        super().__init__()
        self._function = function
        self._size = size

    def __missing__(self, word: str) -> Value:
        value = self._function(word)
        if len(self) >= self._size:
            self.clear()
        self[word] = value
        return value
