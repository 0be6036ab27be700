"""Edit distance over a vocabulary, against a plain recursion."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.nearest import distances, nearest

WORD = st.text("abcé𝐚", max_size=7)
TERMS = sorted(
    ["asynchronous", "sleep", "slept", "steep", "sheep", "threading", "thread", "read", "bread", "an", "and"]
)


def plain(left: str, right: str) -> int:
    """Optimal string alignment by its definition."""

    @cache
    def edits(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        found = min(edits(i - 1, j) + 1, edits(i, j - 1) + 1, edits(i - 1, j - 1) + (left[i - 1] != right[j - 1]))
        if i > 1 and j > 1 and left[i - 2 : i] == right[j - 2 : j][::-1]:
            found = min(found, edits(i - 2, j - 2) + 1)
        return found

    return edits(len(left), len(right))


@given(WORD, st.lists(WORD, max_size=6))
def test_distances(word: str, terms: list[str]) -> None:
    assert distances(word, terms).tolist() == [plain(word, term) for term in terms]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("threding", ("threading",)),
        ("asyncronous", ("asynchronous",)),
        ("slepe", ("sleep", "slept")),
        ("slee", ("sleep",)),
        ("htread", ("thread",)),
        ("qqqqqq", ()),
        ("ab", ()),
        ("", ()),
        ("x" * 300, ()),
    ],
)
def test_nearest(word: str, expected: tuple[str, ...]) -> None:
    assert nearest(word, TERMS) == expected


def test_the_more_frequent_comes_first_among_equals() -> None:
    terms = ["sleep", "sweep"]
    assert nearest("sheep", terms) == ("sleep", "sweep")
    assert nearest("sheep", terms, frequencies=[1, 9]) == ("sweep", "sleep")
    assert nearest("sheep", terms, size=1) == ("sleep",)
    assert nearest("sheep", []) == ()


@given(st.text("abc", min_size=6, max_size=8), st.lists(st.text("abc", min_size=1, max_size=9), unique=True))
def test_nearest_has_every_term_within_two_edits_that_shares_a_first_letter(word: str, terms: list[str]) -> None:
    expected = {term for term in terms if term[0] in word[:2] and plain(word, term) <= 2}
    assert set(nearest(word, sorted(terms), size=len(terms))) == expected
