"""What holds for every answer: order does not matter, and garbage is one clear error."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import RemoteError
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.call import ParsedScores
from engine.rerankers.remote.providers import Provider, table
from tests.engine.rerankers.remote.dialect_calls import answer, parse, row
from tests.servers import no_rerank

BY_INDEX = {
    "cohere": ("results", "index", "relevance_score"),
    "tei": ("", "index", "score"),
    "nvidia": ("rankings", "index", "logit"),
    "voyage": ("data", "index", "relevance_score"),
    "elasticsearch": ("rerank", "index", "relevance_score"),
    "bedrock": ("results", "index", "relevanceScore"),
    "vertex": ("records", "id", "score"),
}
FINITE = st.floats(-1e6, 1e6)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["results", "data", "rankings", "rerank", "records", "scores", "output", "embeddings", "choices", "grades"]
)
ENTRY = st.dictionaries(
    st.sampled_from(
        ["index", "id", "score", "relevance_score", "logit", "relevanceScore", "embedding", "message", "grade"]
    ),
    JSON | st.integers(-1, 4) | FINITE,
    max_size=4,
)
NEARLY = st.dictionaries(KEYS, st.lists(ENTRY | JSON, max_size=5) | JSON, max_size=4) | st.lists(ENTRY, max_size=5)
ONE_OF_EACH = {provider.dialect: name for name, provider in table().items()}


@given(data=st.data(), scores=st.lists(st.none() | FINITE, min_size=1, max_size=30), name=st.sampled_from([*BY_INDEX]))
@settings(max_examples=100)
def test_a_permuted_answer_gives_the_same_scores(data: st.DataObject, scores: list[float | None], name: str) -> None:
    if all(score is None for score in scores):
        scores[0] = 0.5
    place, index, key = BY_INDEX[name]
    order = data.draw(st.permutations(range(len(scores))))
    told = [{index: str(i) if name == "vertex" else i, key: scores[i]} for i in order]
    parsed = parse(row(name), {place: told} if place else told, len(scores))
    np.testing.assert_array_equal(parsed.scores, [math.nan if score is None else score for score in scores])
    answered = parsed.positions >= 0
    assert answered.tolist() == [score is not None for score in scores]
    assert [order[position] for position in parsed.positions[answered]] == np.flatnonzero(answered).tolist()


@pytest.mark.parametrize("dialect", DIALECTS)
@given(body=JSON | NEARLY)
@settings(max_examples=50)
def test_any_json_is_scores_or_one_clear_error(dialect: str, body: Any) -> None:
    expect_scores_or_error(dialect, msgspec.json.encode(body))


@pytest.mark.parametrize("dialect", DIALECTS)
@given(body=st.binary(max_size=60))
@settings(max_examples=30)
def test_any_bytes_are_one_clear_error(dialect: str, body: bytes) -> None:
    expect_scores_or_error(dialect, body)


@given(content=st.text(max_size=40) | NEARLY.map(lambda value: msgspec.json.encode(value).decode()))
@settings(max_examples=100)
def test_whatever_a_judge_says_is_grades_or_one_clear_error(content: str) -> None:
    expect_scores_or_error("judge", no_rerank.completion(content).body)


@given(status=st.integers(300, 599), body=(JSON | NEARLY).map(msgspec.json.encode) | st.binary(max_size=60))
@settings(max_examples=100)
def test_any_error_body_is_one_line(status: int, body: bytes) -> None:
    said = DIALECTS["cohere"].error_text(status, body)
    assert said == " ".join(said.split())
    assert said.isprintable()


def expect_scores_or_error(dialect: str, body: bytes) -> None:
    provider = row(ONE_OF_EACH[dialect])
    found = parsed_or_error(provider, body)
    if isinstance(found, RemoteError):
        assert found.message.startswith(provider.label)
        assert found.message.isprintable()
        assert len(found.message) < 600
    else:
        assert 1 <= found.answered <= 3
        assert not np.isinf(found.scores).any()


def parsed_or_error(provider: Provider, body: bytes) -> ParsedScores | RemoteError:
    try:
        return parse(provider, answer(body))
    except RemoteError as error:
        return error
