"""Two settings and two lists side by side."""

from __future__ import annotations

import pytest

from engine.evaluation.compare import HIDDEN, Difference, compare_lists, differences
from engine.settings import knobs
from engine.settings.schema import Settings


def test_moves_by_hand() -> None:
    found = compare_lists(list("abcdef"), list("cabxyf"), 4)
    assert found.entered == ("x",)
    assert found.left == ("d",)
    assert [move.text for move in found.moves] == ["x – → 4", "d 4 → –", "c 3 → 1", "a 1 → 2", "b 2 → 3"]
    assert [move.kind for move in found.moves] == ["entered", "left", "up", "down", "down"]
    assert 0 < found.rbo < 1


def test_entering_from_below_keeps_its_rank() -> None:
    found = compare_lists(list("abcdef"), list("afbcde"), 3)
    assert found.moves[0].text == "f 6 → 2"
    assert {move.id for move in found.moves} == {"f", "b", "c"}


def test_equal_lists() -> None:
    found = compare_lists(list("abc"), list("abc"))
    assert (found.moves, found.rbo, found.tau) == ((), pytest.approx(1.0), 1.0)


def test_differences_of_settings() -> None:
    before = Settings()
    after = knobs.replace_all(before, {"weights.dense": 0.4, "rerank.api_key": "very-secret", "filter.lang": "en"})
    assert differences(before, after) == (
        Difference("weights.dense", 0.7, 0.4),
        Difference("rerank.api_key", "", HIDDEN),
        Difference("filter.lang", None, "en"),
    )
    assert differences(before, before) == ()
    one, other = (knobs.replace(before, "rerank.base_url", f"http://{user}@host/v1") for user in ("a:b", "c:d"))
    assert differences(one, other) == (Difference("rerank.base_url", "http://•••@host/v1", "http://•••@host/v1"),)
