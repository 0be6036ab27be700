"""Foreign text on the screen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.display import clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("\x1b[31mred\x07\x00\x7f", "␛[31mred␇␀␡"),
        ("a\x9b31m\x85b", "a�31m\nb"),
        ("a\tb\r\nc\rd\x0be\u2028f", "a    b\nc\nd\ne\nf"),
        ("safe\u202egpj.exe\u2066x\u2069", "safegpj.exex"),
        ("zero\u200bwidth\ufeff\u2060\u00ad", "zerowidth"),
        ("❤\ufe0f 👨\u200d👩", "❤ 👨👩"),
        ("\ud800 \ue000", "� �"),
        ("日本 cafe\u0301 עב", "日本 cafe\u0301 עב"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_one_line_and_tab_width() -> None:
    assert clean("a\r\nb\u2029c\td", newlines=False, tab=1) == "a b c d"


@given(st.text(st.characters(codec=None), max_size=30))
def test_nothing_that_drives_or_garbles_a_terminal_is_left(text: str) -> None:
    shown = clean(text)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"} for char in shown.replace("\n", ""))
    assert clean(shown) == shown
    assert "\n" not in clean(text, newlines=False)


@given(st.text(st.characters(max_codepoint=0x7F), max_size=30))
def test_the_ascii_path_equals_the_general_one(text: str) -> None:
    assert clean(text + "é") == clean(text) + "é"
