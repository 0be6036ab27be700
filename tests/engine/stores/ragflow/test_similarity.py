"""RAGFlow's re-rank: numbers worked out by hand in the comments."""

import json
import math

import numpy as np
import pytest

from engine.fusion.weighting import Weighting
from engine.ranking import rank
from engine.records import CandidatePool, Document, Leg, ScoreKind
from engine.stores.ragflow import fields, similarity


def chunk(content: str = "", title: str = "", keywords: list[str] | None = None, questions: str = "", **more):
    return Document(
        "c",
        {
            "content_ltks": content,
            "title_tks": title,
            "important_kwd": keywords or [],
            "question_tks": questions,
            **more,
        },
    )


def test_token_similarity_is_the_share_of_the_questions_keys():
    keys = similarity.question_keys(["alpha", "beta", "gamma"])
    # three Latin words weigh 1/3 each: alone 0.4/3 = 0.13333, a pair 0.6/3 = 0.2; in all 3·0.13333 + 2·0.2 = 0.8
    assert keys == pytest.approx(
        {"alpha": 0.4 / 3, "beta": 0.4 / 3, "gamma": 0.4 / 3, "alphabeta": 0.2, "betagamma": 0.2}
    )
    # both words apart: 2·0.13333/0.8; side by side the pair as well: (2·0.13333 + 0.2)/0.8
    assert similarity.token_similarity(keys, chunk("alpha x beta")) == pytest.approx(0.33333, abs=1e-5)
    assert similarity.token_similarity(keys, chunk("alpha beta")) == pytest.approx(0.58333, abs=1e-5)
    assert similarity.token_similarity(keys, chunk("alpha beta gamma")) == pytest.approx(1)


def test_a_short_question_never_reaches_one_for_its_piece_is_a_keyword_too():
    keys = similarity.question_keys(["time sleep", "time", "sleep"])
    # 0.13333 each, pairs "time sleeptime" and "timesleep" 0.2 each: 0.8 in all; time, sleep and their pair are 0.46667
    assert similarity.token_similarity(keys, chunk("time sleep")) == pytest.approx(0.46667 / 0.8, abs=1e-5)


def test_synonyms_enlarge_what_a_perfect_match_is_divided_by():
    keys = similarity.question_keys(["alpha", "beta", "syn"])
    # 0.8 in all; alpha, beta and their pair are 0.13333·2 + 0.2 = 0.46667
    assert similarity.token_similarity(keys, chunk("alpha beta")) == pytest.approx(0.58333, abs=1e-5)


def test_repetitions_make_pairs_that_stand_nowhere():
    once = similarity.document_tokens(chunk("body", title="beta alpha"), repeated=False)
    twice = similarity.document_tokens(chunk("body", title="beta alpha"))
    assert once == ["body", "beta", "alpha"]
    assert twice == ["body", "beta", "alpha", "beta", "alpha"]
    keys = similarity.question_keys(["alpha", "beta"])
    # weights 1/2: alone 0.2 each, the pair alphabeta 0.3, 0.7 in all; only the repeated title has "alpha beta" in it
    document = chunk("body", title="beta alpha")
    assert similarity.token_similarity(keys, document, repeated=False) == pytest.approx(0.4 / 0.7)
    assert similarity.token_similarity(keys, document) == pytest.approx(1)


def test_the_chunks_tokens_are_content_once_title_twice_keywords_five_and_questions_six_times():
    document = chunk("a b a", "t", ["two words"], "q")
    assert similarity.document_tokens(document) == ["a", "b", *["t"] * 2, *["two words"] * 5, *["q"] * 6]


def test_tags_are_ten_times_their_cosine():
    # (3·1)/(5·1) = 0.6; nothing in common 0; no tags 0
    assert similarity.tag_similarity({"a": 3, "b": 4}, {"a": 1}) == pytest.approx(6)
    assert similarity.tag_similarity({"a": 3}, {"z": 1}) == 0
    assert similarity.tag_similarity({}, {"a": 1}) == 0
    assert similarity.tags_of(chunk(tag_feas=json.dumps({"a": 1}))) == {"a": 1.0}
    assert similarity.tags_of(chunk(tag_feas="not json")) == {}


def test_the_rerank_adds_up_before_and_after_may_2026():
    keys = similarity.question_keys(["alpha", "beta"])
    documents = [
        chunk("alpha", pagerank_fea=2.0, tag_feas='{"a": 1}'),
        chunk("alpha beta"),
        chunk("nothing"),
    ]
    cosines = np.array([0.5, 0.8, math.nan])
    how = {"vector_weight": 0.3, "tags": {"a": 1.0}}
    # token: 0.2/0.7 = 0.28571, 1, 0
    # since May knn is (1 + cos)/2 = 0.75, 0.9 and 0 without a vector
    # totals 0.7·0.28571 + 0.3·0.75 + 2 + 10 = 12.425; 0.7 + 0.27 = 0.97; 0
    now = similarity.rerank(keys, documents, cosines, half_cosine=True, **how)
    assert now.knn == pytest.approx([0.75, 0.9, 0])
    assert now.total == pytest.approx([12.425, 0.97, 0])
    # before it is the cosine: 0.2 + 0.15 + 12 = 12.35; 0.7 + 0.24 = 0.94
    before = similarity.rerank(keys, documents, cosines, half_cosine=False, **how)
    assert before.total == pytest.approx([12.35, 0.94, 0])
    assert before.pagerank == pytest.approx([2, 0, 0])
    assert before.tags == pytest.approx([10, 0, 0])


def test_the_first_stage_is_the_combiner_ragflow():
    text, cosines = np.array([12.0, 3.0, math.nan]), np.array([0.2, 0.6, 0.9])
    # 0.05·12 + 0.6 = 1.2; 0.05·3 + 0.8 = 0.95; 0.95
    assert similarity.first_stage(text, cosines, 0.05) == pytest.approx([1.2, 0.95, 0.95])
    pool = CandidatePool(
        ("a", "b", "c"),
        (Leg("lexical", ScoreKind.BM25, 2.2), Leg("dense", ScoreKind.COSINE)),
        np.column_stack([np.nan_to_num(text), cosines]),
        np.ones((3, 2), dtype=bool),
    )
    ranking = rank(pool, None, Weighting({"lexical": 0.05, "dense": 1.0}, combiner="ragflow"))
    assert ranking.fused_score == pytest.approx(similarity.first_stage(text, cosines, 0.05))
    # since July 2026 the text adds nothing: (1 + cos)/2 alone
    assert similarity.first_stage(text, cosines, 0.0) == pytest.approx([0.6, 0.8, 0.95])


@pytest.mark.parametrize(("page_size", "size"), [(1, 30), (2, 64), (6, 66), (10, 70), (30, 90), (64, 64), (100, 100)])
def test_the_window_is_64_rounded_up_to_whole_pages(page_size, size):
    assert fields.window(page_size) == size


def test_a_model_scores_no_more_than_the_top():
    assert fields.window(10, 32) == 32
    assert fields.window(10, 1024) == 70


def test_a_page_comes_from_its_block():
    # window 70: pages 1 to 7 are its own, page 8 begins the next
    assert [fields.block(page, 10) for page in (1, 7, 8, 15)] == [(0, 70), (0, 70), (70, 70), (140, 70)]


def test_vector_fields_are_known_by_name():
    assert fields.dimensions(["q_768_vec", "content_ltks", "q_384_vec", "q_x_vec"]) == (384, 768)
    assert fields.vector_field(1024) == "q_1024_vec"
