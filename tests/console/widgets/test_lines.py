"""Rows exact in width, wrapping, and text that cannot break a row."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.numbers import count, duration, score
from console.spans import clean_spans
from console.widgets.lines import Row, bar, fit, pad, width_of, wrap
from engine.analysis.display import clean

any_text = st.text(st.characters(codec="utf-8"), max_size=60)


@given(any_text, st.integers(0, 40))
def test_a_row_is_as_wide_as_it_was_made(text: str, width: int) -> None:
    strip = Row(width).add("x: ").add(text).strip()
    assert cell_len("".join(segment.text for segment in strip)) == width
    assert all(segment.style is not None for segment in strip)


@pytest.mark.parametrize("hostile", ["a\nb", "a\x1b[31mb", "a\tb", "a\u202eb", "a\u200bb", "\x9bK", "\r"])
def test_a_row_holds_nothing_that_drives_a_terminal(hostile: str) -> None:
    text = "".join(segment.text for segment in Row(20).add(hostile).strip())
    assert text.isprintable()
    assert cell_len(text) == 20


@given(any_text, st.integers(0, 20))
def test_fitted_text_is_never_too_wide(text: str, width: int) -> None:
    text = clean(text, newlines=False)
    assert width_of(fit(text, width)) <= width
    assert width_of(pad(text, width)) == width


@given(any_text.map(clean), st.integers(2, 30))
def test_wrapping_keeps_every_character_but_the_spaces_at_breaks(text: str, width: int) -> None:
    lines = [text[start:end] for start, end in wrap(text, width)]
    assert all(width_of(line) <= width for line in lines)
    assert [c for c in "".join(lines) if not c.isspace()] == [c for c in text if not c.isspace()]
    spans = wrap(text, width)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_wrapping_breaks_at_spaces_and_cuts_long_words() -> None:
    def lines(text: str, width: int) -> list[str]:
        return [text[start:end] for start, end in wrap(text, width)]

    assert lines("one two three", 7) == ["one two", "three"]
    assert lines("one two three", 8) == ["one two", "three"]
    assert lines("abcdefgh ij", 4) == ["abcd", "efgh", "ij"]
    assert lines("a\n\nb", 4) == ["a", "", "b"]
    assert lines("日本語です", 4) == ["日本", "語で", "す"]


@given(st.text(st.sampled_from("ab \x1b\u200b\n日\t"), max_size=30), st.data())
def test_spans_still_mark_their_words_after_cleaning(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    shown, spans = clean_spans(text, [(start, end)])
    expected = clean(text[start:end])
    assert [shown[a:b] for a, b in spans] == ([expected] if expected else [])


def test_overlapping_spans_become_one() -> None:
    assert clean_spans("abcdef", [(3, 5), (1, 4), (5, 9)]) == ("abcdef", ((1, 5), (5, 6)))


def test_bars_grow_by_eighths_and_the_least_is_seen() -> None:
    assert [bar(cells) for cells in (0, 0.01, 0.5, 1, 2.25)] == ["", "▏", "▌", "█", "██▎"]


def test_numbers_are_short() -> None:
    assert [score(v) for v in (0.8341, 1.0, 12.44, -0.021, float("nan"), -0.0001)] == [
        ".834",
        "1.00",
        "12.4",
        "-.021",
        "–",
        ".000",
    ]
    assert [duration(v) for v in (0.04, 3.14, 412.3, 12_500)] == ["0.0 ms", "3.1 ms", "412 ms", "12.5 s"]
    assert count(9412) == "9,412"
