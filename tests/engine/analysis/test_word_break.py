"""Words as Lucene's StandardTokenizer finds them; every expectation here was given by Lucene 9.12 itself."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis import word_break
from engine.analysis.word_break import GENERAL, lower, lower_words, spans, words

PIECES = st.sampled_from(
    [
        *("ab1Z_.:',;-\" \n\té’אアﾞか日한ส👍🏽🇫#©Ⓜ½Σİ１𝐚\u200d\ufe0f\u20e3\u0301\u00ad\u202f"),
        *("วั", "y" * 254, "__"),
    ]
)
MIXED = st.lists(PIECES, max_size=12).map("".join)
ASCII_TEXT = st.text(st.sampled_from("aZ09_.:',; -\n\x00\x7f"), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time.sleep re:match read_text don't", ["time.sleep", "re:match", "read_text", "don't"]),
        ("threading.event.wait()", ["threading.event.wait"]),
        ("3.14 1,000.5 1;2 1:2", ["3.14", "1,000.5", "1;2", "1", "2"]),
        ("a.1 1.a a1.b2 a..b 'a' a,b", ["a", "1", "1", "a", "a1", "b2", "a", "b", "a", "a", "b"]),
        ("__init__ _ ___ a_.b a._b", ["__init__", "a_", "b", "a", "_b"]),
        ("e-mail\r\nC++ C#", ["e", "mail", "C", "C"]),
        ("caf\u00e9 cafe\u0301 a\u00adb x\u200dy", ["café", "cafe\u0301", "a\u00adb", "x\u200dy"]),
        ("日本語テキスト ひら ｶﾞ", ["日", "本", "語", "テキスト", "ひ", "ら", "ｶﾞ"]),
        ("한국어 문장 한국어abc", ["한국어", "문장", "한국어abc"]),
        ("สวัสดีครับ abc", ["สวัสดีครับ", "abc"]),
        ('א"א א\'', ['א"א', "א'"]),
        ("👍🏽👍 👨\u200d👩\u200d👧 🇫🇷🇫", ["👍🏽", "👍", "👨\u200d👩\u200d👧", "🇫🇷"]),
        ("❤\ufe0f #\ufe0f\u20e3 # 5\u20e3 ©", ["❤\ufe0f", "#\ufe0f\u20e3", "5\u20e3", "©"]),
        ("½ ² Ⅳ ٣", ["Ⅳ", "٣"]),
        ("１２．５", ["１２．５"]),
        ("", []),
        (" \n -- … ", []),
    ],
)  # fmt: skip
def test_words_of(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 255, [255]),
        ("a" * 600, [255, 255, 90]),
        ("é" * 256, [255, 1]),
        ("𝐚" * 128, [127, 1]),
        ("_" * 300 + "a", [255]),
        ("a" * 254 + ".b", [254, 1]),
    ],
)
def test_long_words_are_cut_at_255_utf16_units(text: str, lengths: list[int]) -> None:
    assert [end - start for start, end in spans(text)] == lengths
    assert [len(word) for word in words(text)] == lengths


@pytest.mark.parametrize("text", ["_", "_\u0301", "\u200d", "👍\u200d", "#\u0301", "ア_", "1,", 'א"'])
def test_repetition_takes_linear_time(text: str) -> None:
    """A quadratic scan of this size takes minutes: the suite would not end."""
    assert words(text * 100_000 + " é")[-1] == "é"


@given(ASCII_TEXT)
def test_the_ascii_path_equals_the_general_one(text: str) -> None:
    general = list(word_break._spans(GENERAL, text, 0, len(text)))
    assert list(spans(text)) == general
    assert words(text) == [text[start:end] for start, end in general]


@given(MIXED)
def test_cutting_at_white_space_changes_nothing(text: str) -> None:
    whole = list(word_break._spans(GENERAL, text, 0, len(text)))
    assert list(spans(text)) == whole
    assert words(text) == [text[start:end] for start, end in whole]
    assert lower_words(text) == [lower(text)[start:end] for start, end in whole]


@given(MIXED)
def test_spans_are_in_order_and_apart(text: str) -> None:
    last = 0
    for start, end in spans(text):
        assert last <= start < end <= len(text)
        last = end


@given(st.text())
def test_lower_case_keeps_every_place(text: str) -> None:
    assert len(lower(text)) == len(text)
    assert lower(text) == "".join("i" if char == "İ" else char.lower() for char in text)


def test_lower_case_knows_no_final_sigma() -> None:
    assert lower("ΟΔΟΣ İ K") == "οδοσ i k"
    assert lower(string.ascii_uppercase) == string.ascii_lowercase
