"""Matched spans and the part of a text that shows most of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.analyzers import ANALYZERS, get
from engine.analysis.highlight import Span, snippet, spans


@pytest.mark.parametrize(
    ("analyzer", "text", "terms", "expected"),
    [
        ("english", "Waiting; the cat's WAITS.", ["wait", "cat"], ["Waiting", "cat's", "WAITS"]),
        ("standard", "Ünïcode 👍🏽 ünïcode", ["ünïcode", "👍🏽"], ["Ünïcode", "👍🏽", "ünïcode"]),
        ("identifier", "call time.sleep, sleepMs", ["time.sleep", "time", "sleep"], ["time.sleep", "sleep"]),
        ("identifier", "time.sleep", ["sleep"], ["sleep"]),
        ("cjk", "x日本語ｶﾞｷﾞ", ["日本", "本語", "ガギ"], ["日本", "語", "ｶﾞｷﾞ"]),
        ("whitespace", "a, a b", ["a,", "b"], ["a,", "b"]),
    ],
)
def test_spans_stand_where_the_text_has_them(analyzer: str, text: str, terms: list[str], expected: list[str]) -> None:
    assert [text[start:end] for _, start, end in spans(text, get(analyzer), terms)] == expected


def test_a_phrase_is_one_span_and_other_places_do_not_count() -> None:
    text = "The loop of events; an event loop. State of the art."
    found = spans(text, get("english"), ["art"], ["event loops", "state of the art"])
    assert found == [Span("event loop", 23, 33), Span("state art", 35, 51)]
    assert spans(text, get("english"), [], ["of the", "loop event"]) == []


def test_a_phrase_over_removed_words_keeps_its_distance() -> None:
    assert spans("state art", get("english"), [], ["state of the art"]) == []


@pytest.mark.parametrize("name", ANALYZERS)
@given(st.text(st.sampled_from("ab日本ｶﾞ_. S's"), max_size=30), st.data())
def test_spans_cover_what_the_tokens_cover_and_are_apart(name: str, text: str, data: st.DataObject) -> None:
    analyzer = get(name)
    tokens = list(analyzer.tokens(text))
    terms = data.draw(st.sets(st.sampled_from([token.text for token in tokens]))) if tokens else set()
    found = spans(text, analyzer, terms)
    covered = {at for token in tokens if token.text in terms for at in range(token.start, token.end)}
    assert [at for _, start, end in found for at in range(start, end)] == sorted(covered)


LONG = "wait " + "x " * 60 + "event wait wait " + "y " * 60 + "event loop wait here " + "z " * 60


def test_a_snippet_shows_the_most_distinct_terms_in_its_middle() -> None:
    found = spans(LONG, get("standard"), ["wait", "event", "loop"])
    start, end = snippet(LONG, found, 60)
    shown = LONG[start:end]
    assert "event loop wait" in shown
    assert end - start <= 60
    assert abs(shown.index("event") - (len(shown) - shown.index("wait") - 4)) <= 3


def test_a_phrase_counts_its_words() -> None:
    text = "alpha beta " + "x " * 100 + "one two three"
    found = spans(text, get("standard"), ["alpha", "beta"], ["one two three"])
    start, end = snippet(text, found, 40)
    assert text[start:end].endswith("one two three")


def test_a_snippet_without_matches_is_the_beginning_and_cuts_between_words() -> None:
    assert snippet("short", [], 40) == (0, 5)
    assert snippet("alpha beta gamma", [], 12) == (0, 10)
    assert snippet("a" * 50, [], 12) == (0, 12)


def test_a_match_wider_than_the_snippet_is_cut() -> None:
    text = "x " * 20 + "w" * 100
    start, end = snippet(text, spans(text, get("standard"), ["w" * 100]), 10)
    assert text[start:end] == "w" * 10


@given(st.lists(st.sampled_from(["ab", "cd", "xxxx", "y"]), max_size=40), st.integers(4, 60))
def test_a_snippet_fits_and_has_a_match_where_there_is_one(words: list[str], width: int) -> None:
    text = " ".join(words)
    found = spans(text, get("standard"), ["ab", "cd"])
    start, end = snippet(text, found, width)
    assert 0 <= start <= end <= len(text)
    assert end - start <= width
    assert not found or any(start <= span.start and span.end <= end for span in found)
