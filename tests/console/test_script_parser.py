from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.script import VERBS, parse, split
from engine.errors import UsageError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("   # only a comment", []),
        ("search wait a  while", ["search", "wait", "a", "while"]),
        ("search 'wait a  while'  # why", ["search", "wait a  while"]),
        ("search '\"exact phrase\" -not'", ["search", '"exact phrase" -not']),
        ('search "say \\"hi\\" \\n"', ["search", 'say "hi" \\n']),
        ("pin guide.md#install", ["pin", "guide.md#install"]),
        ("pin \\#1", ["pin", "#1"]),
        ("pin a\\ b", ["pin", "a b"]),
        ("pin ''", ["pin", ""]),
        ("pin a''b\"c d\"e", ["pin", "abc de"]),
        ("pin a\\", ["pin", "a\\"]),
        ("search caf\u00e9\u3000日本", ["search", "café", "日本"]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert split(line) == words


@given(st.lists(st.text(st.characters(exclude_characters="\r\n"))))
def test_quoted_words_come_back(words: list[str]) -> None:
    line = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    assert split(line) == words


def test_lines_know_their_place() -> None:
    lines = parse("# comment\n\nsearch a\nexpect rank x <= 3\n", "demo.rank")
    assert [(line.where, line.text) for line in lines] == [
        ("demo.rank:3", "search a"),
        ("demo.rank:4", "expect rank x <= 3"),
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("set rerank.base_url http://joe:hunter22@host/v1", "set rerank.base_url http://•••@host/v1"),
        ("set rerank.api_key sk-1234567", "set rerank.api_key •••"),
        ("set rerank.api_key env:MY_KEY", "set rerank.api_key env:MY_KEY"),
        ("set rerank.apikey sk-1234567", "set rerank.apikey •••"),
        ("set a..b sk-1234567", "set a..b sk-1234567"),
        ("set cut.top_k 5", "set cut.top_k 5"),
        ("search http://joe:hunter22@host", "search http://•••@host"),
        ("search password: forgotten", "search password: forgotten"),
    ],
)
def test_a_line_is_shown_without_secrets(line: str, shown: str) -> None:
    [parsed] = parse(line, "x.rank")
    assert parsed.text == shown


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("search what's new", "the quote ' is not closed", "what's new"),
        ("serach x", "`serach` is no action", "`search`"),
        ("frobnicate", "`frobnicate` is no action", "query, search"),
        ("set weights.dense", "not of the form `set NAME VALUE`", ""),
        ("undo twice", "not of the form `undo`", ""),
        ("press down", "`press` needs the screen", "--ui"),
        ("screenshot a.svg", "`screenshot` needs the screen", "--ui"),
        ("expect", "not of the form `expect SUBJECT …`", ""),
        ("expect rnk x <= 3", "nothing of that name", "`rank`"),
        ("expect rank x", "not of the form `expect rank ID <= N`", "<="),
        ("expect rank x ~ 3", "not of the form `expect rank ID <= N`", "<="),
        ("expect rank x <= three", "'three' is no number", ""),
        ("expect top", "not of the form `expect top ID`", ""),
        ("expect results 1 > 2", "not of the form `expect results >= N`", ""),
    ],
)
def test_errors_name_file_and_line(line: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(f"search fine\n{line}\n", "demo.rank")
    assert caught.value.message.startswith("demo.rank:2: ")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_lines_for_the_screen_are_fine_where_there_is_one() -> None:
    assert [line.verb for line in parse("press down ctrl+r\nscreenshot a.svg", "s", screen=True)] == [
        "press",
        "screenshot",
    ]


def test_usage_begins_with_the_verb() -> None:
    assert all(verb.usage.split()[0] == name and verb.help for name, verb in VERBS.items())
