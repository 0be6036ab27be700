"""``minimum_should_match`` as Elasticsearch and Solr write it: ``2``, ``-1``, ``30%``, ``-25%``, ``3<90%``."""

from __future__ import annotations

import re

from engine.errors import SettingsError

_AMOUNT = re.compile(r"([+-]?\d+)(%?)")


def required_matches(spec: str, optional: int) -> int:
    """How many of ``optional`` terms a document must match; at least 0, and perhaps more than there are.

    A percentage is rounded down; a negative amount says how many may be missing; ``N<amount`` holds only above N
    terms, and all are required up to N. Raises ``SettingsError``.
    """
    required = optional
    if "<" not in spec:
        return max(0, _amount(spec.strip(), optional, spec))
    for part in re.sub(r"\s*<\s*", "<", spec).split():
        bound, _, amount = part.partition("<")
        if not re.fullmatch(r"\d+", bound):
            raise _malformed(spec)
        if optional <= int(bound):
            break
        required = _amount(amount, optional, spec)
    return max(0, required)


def _amount(text: str, optional: int, spec: str) -> int:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise _malformed(spec)
    value = int(found[1])
    if found[2]:
        # truncated towards zero, as both engines do
        value = abs(value) * optional // 100 * (1 if value >= 0 else -1)
    return optional + value if found[1].startswith("-") else value


def _malformed(spec: str) -> SettingsError:
    return SettingsError(
        f"minimum_should_match cannot be {spec!r}",
        path="legs.lexical.minimum_should_match",
        hint='write a number ("2", "-1"), a percentage ("30%", "-25%") or conditions ("3<90%")',
    )
