"""Typed queries taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.query import Clause, Query, parse

FIELDS = ("title", "text", "title_raw")


def phrase(text: str, field: str = "", excluded: bool = False) -> Clause:
    return Clause(text, field, phrase=True, excluded=excluded)


def without(text: str, field: str = "") -> Clause:
    return Clause(text, field, excluded=True)


@pytest.mark.parametrize(
    ("text", "positive", "clauses"),
    [
        ('"event loop" wait  here', "event loop wait here", [phrase("event loop"), Clause("wait here")]),
        ('a "b c" d', "a b c d", [Clause("a"), phrase("b c"), Clause("d")]),
        ("wait -thread now", "wait now", [Clause("wait"), without("thread"), Clause("now")]),
        ('-"event loop" x', "x", [phrase("event loop", excluded=True), Clause("x")]),
        ("title:sleep x", "sleep x", [Clause("sleep", "title"), Clause("x")]),
        ('title:"a b" -text:c', "a b", [phrase("a b", "title"), without("c", "text")]),
        ('-title:"a b"', "", [phrase("a b", "title", excluded=True)]),
        ("title_raw:x title:a:b", "x a:b", [Clause("x", "title_raw"), Clause("a:b", "title")]),
        ("-a -b", "", [without("a"), without("b")]),
        (r"\-a \"b title\:c d\\:", r'-a "b title:c d\:', [Clause(r'-a "b title:c d\:')]),
        (r'"say \"hi\" C:\dir"', r'say "hi" C:\dir', [phrase(r'say "hi" C:\dir')]),
        (r"a\b C:\path -x", r"a\b C:\path", [Clause(r"a\b C:\path"), without("x")]),
        ('"a"-b', "a -b", [phrase("a"), Clause("-b")]),
        ('-x "open', '"open', [without("x"), Clause('"open')]),
        ('"" "  " x', "x", [Clause("x")]),
        ('""', "", []),
    ],
)
def test_syntax(text: str, positive: str, clauses: list[Clause]) -> None:
    assert parse(text, FIELDS) == Query(text, positive, tuple(clauses))


@pytest.mark.parametrize(
    "text",
    [
        "wait a few seconds",
        "re:match time:sleep",
        "a - b -",
        "--verbose e-mail well-known-",
        '"never closed',
        '5" disk, 3.5" disk',
        "title: sleep title:",
        "Title:x",
        "  spaced   out  ",
        "",
    ],
)
def test_text_without_syntax_stays_as_it_is(text: str) -> None:
    assert parse(text, FIELDS) == Query.plain(text)


def test_a_colon_is_text_where_no_field_has_the_name() -> None:
    assert parse("title:sleep", []) == Query.plain("title:sleep")
    assert parse("a.b:x a?b:y", ["a.b"]).clauses == (Clause("x", "a.b"), Clause("a?b:y"))


@given(st.text(st.sampled_from('ab -":\\\n'), max_size=20))
def test_anything_parses_and_exclusions_are_not_positive(text: str) -> None:
    query = parse(text, ["a", "b"])
    assert query.text == text
    wanted = "".join(clause.text for clause in query.clauses if not clause.excluded)
    assert "".join(query.positive.split()) == "".join(wanted.split())


@given(st.lists(st.text(st.sampled_from("ab:-."), min_size=1).filter(lambda word: word[0] not in "-"), max_size=6))
def test_words_without_fields_quotes_and_leading_hyphens_are_plain(words: list[str]) -> None:
    assert parse(" ".join(words), []) == Query.plain(" ".join(words))
