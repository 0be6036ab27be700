from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.text import clean, fit, pad, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand\x85more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("turn\u202eed", "turned"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("日本 é", "日本 é"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("ｈａ", 4), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("ab cd", 4, "ab…"),
    ],
)
def test_fit(text: str, columns: int, shown: str) -> None:
    assert fit(text, columns) == shown


@given(st.text(), st.integers(1, 20))
def test_nothing_fitted_is_wider_or_drives_the_terminal(text: str, columns: int) -> None:
    shown = fit(text, columns)
    assert width(shown) <= columns
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert width(pad(shown, columns)) == columns == width(pad(shown, columns, right=True))
