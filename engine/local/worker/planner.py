"""Which pairs go through the model together. Pure: no torch, no model."""

from __future__ import annotations

from collections.abc import Sequence


def plan(lengths: Sequence[int], budget: int, batch: int = 0, window: int = 0, padded: bool = False) -> list[list[int]]:
    """Batches of indices into ``lengths``, in the order in which they should run.

    The given order (first stage's rank) is cut into consecutive windows of ``window`` (0: one window over all), and the
    windows run one after the other, so that whatever stops early, those scored are a prefix. Inside a window the order
    is by true length, longest first, so that neighbours are alike (a backend that pads then pads little, and what does
    not fit in memory shows at once). A batch holds at most ``budget`` tokens (``padded``: each pair as long as the
    longest of them) and at most ``batch`` pairs (0: no such limit); a pair longer than the budget goes alone.
    """
    if budget < 1:
        raise ValueError(f"a token budget of {budget} holds nothing")
    count = len(lengths)
    batches: list[list[int]] = []
    for start in range(0, count, window or max(count, 1)):
        members = range(start, min(start + (window or count), count))
        current: list[int] = []
        tokens = 0
        for index in sorted(members, key=lambda at: -lengths[at]):
            cost = lengths[current[0]] if current and padded else lengths[index]
            if current and (tokens + cost > budget or len(current) == batch):
                batches.append(current)
                current, tokens, cost = [], 0, lengths[index]
            current.append(index)
            tokens += cost
        if current:
            batches.append(current)
    return batches
