"""RAGFlow's weights and token similarity, worked by hand."""

from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.weights import document_keys, keys, query_weights, token_similarity

FREQUENCY = log10(10 + (10**7 - 3 + 0.5) / 3.5)
LATIN = 0.3 * FREQUENCY + 0.7 * log10(10 + (10**9 - 300 + 0.5) / 300.5)
DIGITS = 0.3 * FREQUENCY + 0.7 * log10(10 + (10**9 - 5 + 0.5) / 5.5)
OTHER = 0.3 * FREQUENCY + 0.7 * log10(10 + (10**9 - 3 + 0.5) / 3.5)


def test_a_year_weighs_almost_five_words() -> None:
    (_, word), (_, year) = query_weights(["plain", "2024"])
    # (0.3·6.4559 + 0.7·8.2596)·2·2 beside 0.3·6.4559 + 0.7·6.5222
    assert year / word == pytest.approx(4.748, abs=1e-3)


@pytest.mark.parametrize(
    ("token", "weight"),
    [
        ("sleep", LATIN),
        ("école", LATIN),
        ("time.sleep", LATIN),
        ("日本", OTHER),
        ("sha256", DIGITS),
        ("2024", DIGITS * 2 * 2),
        ("3.14", DIGITS * 2),
        ("7", DIGITS * 2),
        ("of", LATIN * 0.01),
        ("x", LATIN * 0.01),
    ],
)
def test_a_weight_beside_a_plain_word(token: str, weight: float) -> None:
    weights = dict(query_weights(["plain", token]))
    assert weights[token] / weights["plain"] == pytest.approx(weight / LATIN)


def test_similarity_by_hand() -> None:
    weighted = query_weights(["wait", "thread", "block"])
    assert [weight for _, weight in weighted] == pytest.approx([1 / 3] * 3)
    query = keys(weighted)
    # three words at 0.4/3 and two pairs at 0.6/3
    assert query == pytest.approx(
        {"wait": 2 / 15, "thread": 2 / 15, "block": 2 / 15, "waitthread": 0.2, "threadblock": 0.2}
    )
    assert document_keys(["thread", "block", "wait"]) == {"thread", "block", "wait", "threadblock", "blockwait"}
    # all three words and one pair: (0.4 + 0.2) / 0.8
    assert token_similarity(query, document_keys(["thread", "block", "wait"])) == pytest.approx(0.75)
    # one word: (0.4/3) / 0.8
    assert token_similarity(query, document_keys(["wait"])) == pytest.approx(1 / 6)


def test_unequal_weights_and_repeated_words() -> None:
    found = keys([("a", 0.75), ("b", 0.25)])
    assert found == pytest.approx({"a": 0.3, "b": 0.1, "ab": 0.45})
    assert token_similarity(found, {"b"}) == pytest.approx(0.1 / 0.85)
    assert keys([("a", 0.5), ("a", 0.5)]) == pytest.approx({"a": 0.4, "aa": 0.3})


def test_repeated_fields_only_make_pairs() -> None:
    assert document_keys(["a", "b"] * 2) - document_keys(["a", "b"]) == {"ba"}


def test_synonyms_among_the_tokens_lower_a_perfect_match() -> None:
    document = document_keys(["car", "wash"])
    alone = token_similarity(keys(query_weights(["car", "wash"])), document)
    expanded = token_similarity(keys(query_weights(["car", "wash", "automobile"])), document)
    assert alone == 1
    assert expanded == pytest.approx((0.8 / 3 + 0.2) / 0.8)


def test_nothing_is_not_similar() -> None:
    assert query_weights([]) == []
    assert token_similarity({}, {"a"}) == 0
    assert document_keys([]) == set()


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=8))
def test_weights_sum_to_one_and_a_query_equals_itself(tokens: list[str]) -> None:
    weighted = query_weights(tokens)
    assert sum(weight for _, weight in weighted) == pytest.approx(1)
    assert token_similarity(keys(weighted), document_keys(tokens)) == pytest.approx(1)
