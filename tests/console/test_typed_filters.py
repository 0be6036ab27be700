"""``--filter`` as it is typed."""

from __future__ import annotations

from console.opening import filter_sets
from engine.settings.load import load


def test_a_date_is_text() -> None:
    """An engine's field of dates takes it as such; TOML would make a date of it, which no filter can be."""
    sets = filter_sets(["when=2026-01-02", "at=2026-01-02T03:04:05Z", "n=3", "ok=true", "t=a-b", "l=a", "l=2026-01-02"])
    found = load(None, None, {}, sets).settings.filter
    assert found == {
        "when": "2026-01-02",
        "at": "2026-01-02T03:04:05Z",
        "n": 3,
        "ok": True,
        "t": "a-b",
        "l": ["a", "2026-01-02"],
    }
