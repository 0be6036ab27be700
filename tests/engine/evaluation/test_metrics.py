"""Every metric against numbers worked out by hand, what holds for all lists, and the names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.evaluation.judged import NOTHING
from engine.evaluation.metrics import FAMILIES, Metric, parse, with_judged

NAN = math.nan
LIST = np.array([[1.0, NAN, 3.0, 0.0, -1.0, 2.0]])
GRADES = np.array([3.0, 2.0, 2.0, 1.0])
LOG3, LOG5, LOG7 = math.log2(3), math.log2(5), math.log2(7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ndcg", (1 + 3 / 2 + 2 / LOG7) / (3 + 2 / LOG3 + 2 / 2 + 1 / LOG5)),
        ("ndcg@3", (1 + 3 / 2) / (3 + 2 / LOG3 + 2 / 2)),
        ("ndcg@1", 1 / 3),
        ("ndcg@100", (1 + 3 / 2 + 2 / LOG7) / (3 + 2 / LOG3 + 2 / 2 + 1 / LOG5)),
        ("ndcg_exp@3", (1 + 7 / 2) / (7 + 3 / LOG3 + 3 / 2)),
        ("map", (1 / 1 + 2 / 3 + 3 / 6) / 4),
        ("map@3", (1 / 1 + 2 / 3) / 4),
        ("mrr", 1.0),
        ("mrr@1", 1.0),
        ("recall@2", 1 / 4),
        ("recall@10", 3 / 4),
        ("precision@3", 2 / 3),
        ("precision@10", 3 / 10),
        ("hit@1", 1.0),
        ("judged@2", 1 / 2),
        ("judged@5", 4 / 5),
        ("judged@10", 5 / 6),
    ],
)
def test_by_hand(name: str, expected: float) -> None:
    assert parse(name).scores(LIST, GRADES)[0] == pytest.approx(expected, abs=1e-15)


def test_the_first_relevant_document_counts_for_mrr_and_hits() -> None:
    late = np.array([[NAN, 0.0, -2.0, 1.0]])
    for name, expected in (("mrr", 1 / 4), ("mrr@4", 1 / 4), ("mrr@3", 0.0), ("hit@3", 0.0), ("hit@4", 1.0)):
        assert parse(name).scores(late, GRADES)[0] == expected


@pytest.mark.parametrize("name", ["ndcg", "ndcg_exp@5", "map", "mrr", "recall@5", "precision@5", "hit@5"])
def test_an_empty_list_scores_0_and_a_query_without_relevant_documents_has_no_score(name: str) -> None:
    for empty in (np.zeros((1, 0)), np.full((1, 3), NOTHING)):
        assert parse(name).scores(empty, GRADES).tolist() == [0.0]
    assert np.isnan(parse(name).scores(LIST, np.zeros(0))).all()


def test_what_is_past_the_end_is_neither_judged_nor_unjudged() -> None:
    lists = np.array([[1.0, NAN, NOTHING, NOTHING], [NOTHING] * 4, [0.0] * 4])
    assert Metric("judged", 4).scores(lists, GRADES).tolist() == [0.5, 1.0, 1.0]
    assert Metric("judged", 4).scores(lists, np.zeros(0)).tolist() == [0.5, 1.0, 1.0]


gains = st.lists(st.sampled_from([NAN, NAN, -1.0, 0.0, 1.0, 2.0, 3.0]), max_size=30)
every_metric = st.sampled_from([Metric(name, k) for name in FAMILIES for k in (1, 3, 10, 100)] + [Metric("map")])


@given(st.lists(gains, min_size=1, max_size=6), st.lists(st.sampled_from([1.0, 2.0, 3.0]), max_size=5), every_metric)
def test_many_queries_at_once_equal_each_alone(rows: list[list[float]], others: list[float], metric: Metric) -> None:
    """Padding, lists and grades of several queries together change nothing, and all scores are in 0…1."""
    grades = [np.sort([g for g in row if g > 0] + others)[::-1] for row in rows]
    alone = [metric.scores(np.array([row]).reshape(1, -1), g)[0] for row, g in zip(rows, grades, strict=True)]
    stacked = np.full((len(rows), 40), NOTHING)
    ideals = np.zeros((len(rows), 40))
    for i, (row, ideal) in enumerate(zip(rows, grades, strict=True)):
        stacked[i, : len(row)] = row
        ideals[i, : len(ideal)] = ideal
    together = metric.scores(stacked, ideals)
    assert together == pytest.approx(alone, abs=1e-12, nan_ok=True)
    defined = together[~np.isnan(together)]
    assert ((defined >= 0) & (defined <= 1 + 1e-12)).all()


@given(gains, every_metric)
def test_moving_a_better_document_up_never_harms(row: list[float], metric: Metric) -> None:
    if metric.name == "judged" or not any(g > 0 for g in row):
        return
    ideal = np.sort([g for g in row if g > 0])[::-1]
    value = [0.0 if math.isnan(g) else max(g, 0.0) for g in row]
    before = metric.scores(np.array([row]), ideal)[0]
    for i in range(len(row) - 1):
        if value[i] < value[i + 1]:
            swapped = [*row[:i], row[i + 1], row[i], *row[i + 2 :]]
            assert metric.scores(np.array([swapped]), ideal)[0] >= before - 1e-12
    best = np.array([sorted(row, key=lambda g: -1 if math.isnan(g) else g, reverse=True)])
    assert metric.scores(best, ideal)[0] >= before - 1e-12
    if metric.name.startswith("ndcg"):
        assert metric.scores(best, ideal)[0] == pytest.approx(1)


@pytest.mark.parametrize("text", ["ndcg@10", "ndcg", "ndcg_exp@5", "map", "map@100", "mrr@10", "recall@100", "hit@1"])
def test_names(text: str) -> None:
    assert str(parse(f" {text.upper()} ")) == text


@pytest.mark.parametrize(
    "text", ["", "ndcg@0", "ndcg@-1", "ndcg@x", "dcg@10", "recall", "precision", "hit", "ndcg@10 x"]
)
def test_what_is_no_metric_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.hint


def test_judged_stands_behind_the_first_of_each_cut() -> None:
    metrics = [parse(name) for name in ("ndcg@10", "mrr@10", "recall@100", "map", "judged@10")]
    names = ["ndcg@10", "judged@10", "mrr@10", "recall@100", "judged@100", "map"]
    assert [str(metric) for metric in with_judged(metrics)] == names
