"""The analysers by name: hand-checked tokens, positions and offsets, and what holds for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.analyzers import ANALYZERS, get
from engine.analysis.cache import TermCache
from engine.analysis.cjk import fold
from engine.analysis.english import STOP_WORDS
from engine.errors import SettingsError

TEXT = st.text(
    st.one_of(st.sampled_from("abSİΣ1_.:',- \n’éｶﾞア日한か🏽👍\u200dＡ"), st.characters(exclude_categories=["Cs"])),
    max_size=40,
)


def tokens(name: str, text: str) -> list[tuple[str, int, int, int]]:
    return [tuple(token) for token in get(name).tokens(text)]


def test_standard() -> None:
    assert tokens("standard", "Call time.sleep(Σς) İ") == [
        ("call", 0, 0, 4),
        ("time.sleep", 1, 5, 15),
        ("σς", 2, 16, 18),
        ("i", 3, 20, 21),
    ]


def test_english_leaves_gaps_for_stop_words() -> None:
    assert tokens("english", "The Dogs' and the cat’s READING, s's is’ JANE'S") == [
        ("dog", 1, 4, 8),
        ("cat", 4, 18, 23),
        ("read", 5, 24, 31),
        ("s", 6, 33, 36),
        ("jane", 8, 41, 47),
    ]


def test_english_stop_words_and_possessives() -> None:
    assert len(STOP_WORDS) == 33
    assert get("english").terms("it's The's o'＇s women＇s us ' possibly") == ["o", "s", "women", "us", "possibl"]


def test_whitespace_keeps_case_and_splits_as_java_does() -> None:
    assert tokens("whitespace", "A\tb,c\u00a0d\u2003E\x85f") == [
        ("A", 0, 0, 1),
        ("b,c\u00a0d", 1, 2, 7),
        ("E\x85f", 2, 8, 11),
    ]
    assert [len(term) for term in get("whitespace").terms("x" * 600 + " y")] == [255, 255, 90, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("os.path.joinURL2", ["os.path.joinurl2", "os", "path", "join", "url", "2"]),
        ("XMLHttpRequest", ["xmlhttprequest", "xml", "http", "request"]),
        ("__init__ read_text", ["__init__", "init", "read_text", "read", "text"]),
        ("re:match don't 1,000.5", ["re:match", "re", "match", "don't", "1,000.5", "1,000", "5"]),
        ("naïveCafé サーバー", ["naïvecafé", "naïve", "café", "サーバー"]),
        ("plain Words", ["plain", "words"]),
    ],
)
def test_identifier_gives_the_whole_and_its_parts(text: str, expected: list[str]) -> None:
    assert get("identifier").terms(text) == expected


def test_the_whole_name_stands_where_its_first_part_does() -> None:
    assert tokens("identifier", "a time.sleepMs b") == [
        ("a", 0, 0, 1),
        ("time.sleepms", 1, 2, 14),
        ("time", 1, 2, 6),
        ("sleep", 2, 7, 12),
        ("ms", 3, 12, 14),
        ("b", 4, 15, 16),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("日本語テキスト", ["日本", "本語", "語テ", "テキ", "キス", "スト"]),
        ("日 本", ["日", "本"]),
        ("한국어 abc日本", ["한국", "국어", "abc", "日本"]),
        ("ＡＢＣ１２ ｶﾞｷﾞ", ["abc12", "ガギ"]),
        ("don't Stop", ["don't", "stop"]),
    ],
)
def test_cjk(text: str, expected: list[str]) -> None:
    assert get("cjk").terms(text) == expected


def test_cjk_offsets_are_those_of_the_text_before_folding() -> None:
    assert tokens("cjk", "xｶﾞｷﾞク Ａ") == [("x", 0, 0, 1), ("ガギ", 1, 1, 5), ("ギク", 2, 3, 6), ("a", 3, 7, 8)]
    assert fold("aｶﾞｱ") == ("aガア", [0, 1, 3, 4])
    assert fold("ｱﾞ")[1] == [0, 1, 2]


@pytest.mark.parametrize("name", ANALYZERS)
@given(TEXT)
def test_terms_are_the_texts_of_the_tokens(name: str, text: str) -> None:
    analyzer = get(name)
    found = list(analyzer.tokens(text))
    assert analyzer.terms(text) == [token.text for token in found]
    assert all(token.text for token in found)
    assert all(0 <= token.start < token.end <= len(text) for token in found)
    assert [token.position for token in found] == sorted(token.position for token in found)


@pytest.mark.parametrize("name", ["standard", "english", "whitespace"])
@given(TEXT)
def test_a_slice_of_the_text_analyses_to_its_token(name: str, text: str) -> None:
    analyzer = get(name)
    for token in analyzer.tokens(text):
        assert analyzer.terms(text[token.start : token.end]) == [token.text]


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(SettingsError, match="the nearest is 'english'") as caught:
        get("englsh")
    assert caught.value.path == "legs.lexical.analyzer"
    assert "whitespace" in caught.value.hint
    with pytest.raises(SettingsError, match=r"no analyser 'qqq'$"):
        get("qqq")


def test_one_instance_a_name_and_a_bounded_cache() -> None:
    assert get("english") is get("english")
    assert [get(name).name for name in ANALYZERS] == list(ANALYZERS)
    cache = TermCache(str.upper, size=2)
    assert [cache[word] for word in ("a", "b", "c", "a")] == ["A", "B", "C", "A"]
    assert len(cache) == 2
