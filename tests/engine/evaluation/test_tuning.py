"""The tuner finds what is there, and nothing where nothing is."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.evaluation.dataset import DataSet
from engine.evaluation.metrics import parse
from engine.evaluation.significance import randomisation_test
from engine.evaluation.tuning.plateau import centre, detectable, plateau, queries_needed
from engine.evaluation.tuning.reporting import provenance, tuning_json
from engine.evaluation.tuning.space import Space, finest, lattice, on_simplex, space_of, spread
from engine.evaluation.tuning.trials import Trials
from engine.evaluation.tuning.tuner import Plan, Tuning, tune
from engine.ingest.queries import QueryItem
from engine.ranking import Weighting, rank
from engine.settings.load import Loaded, load
from engine.settings.save import save
from engine.settings.schema import Settings
from tests.engine.evaluation.tuned_pools import always, query_set, settings_of, shuffled, with_reranker

NDCG = parse("ndcg@10")


def tuned(truth: tuple[float, ...], start: tuple[float, ...], over: tuple[str, ...] = ("weights",)) -> Tuning:
    settings = settings_of(*start)
    return tune(always(query_set(truth)), settings, space_of(settings, over), Plan(NDCG, trials=300))


def test_two_legs_are_tuned_to_the_known_optimum() -> None:
    found = tuned((0.75, 0.25), (0.1, 0.9))
    assert found.better
    assert found.chosen == found.centre
    assert found.settings.weights["lexical"] == pytest.approx(0.75, abs=0.1)
    assert found.held_out["centre"].mean > found.held_out["start"].mean + 0.1
    assert found.members[found.best]
    assert found.members[found.centre]
    assert found.warnings == ()


@pytest.mark.parametrize("truth", [(0.6, 0.3, 0.1), (0.1, 0.2, 0.3, 0.4)])
def test_more_legs(truth: tuple[float, ...]) -> None:
    found = tuned(truth, tuple(reversed(truth)))
    weights = np.array(list(found.settings.weights.values()))
    assert found.better
    assert np.abs(weights - truth).max() < 0.15


def test_shuffled_judgments_give_no_gain() -> None:
    pools = query_set((0.75, 0.25), queries=30)
    settings = settings_of(0.5, 0.5)
    space = space_of(settings, ["weights"])
    for seed in range(12):
        found = tune(always(shuffled(pools, seed)), settings, space, Plan(NDCG, trials=100, seed=seed))
        assert not found.better, seed
        assert found.settings == settings
        assert "no gain" in found.verdict


def test_a_start_on_the_optimum_is_kept() -> None:
    found = tuned((0.75, 0.25), (0.75, 0.25))
    assert not found.better
    assert found.chosen == found.start


def test_too_few_queries_are_told_with_numbers() -> None:
    settings = settings_of(0.5, 0.5)
    pools = query_set((0.6, 0.4), queries=6, noise=0.2, seed=3)
    found = tune(always(pools), settings, space_of(settings, ["weights"]), Plan(NDCG, trials=60))
    assert not found.better
    assert any("6 judged queries are few" in text for text in found.warnings)
    assert found.detectable == detectable(found.gain)


def test_stopping_early_judges_what_was_found() -> None:
    settings = settings_of(0.1, 0.9)
    found = tune(
        always(query_set((0.75, 0.25))), settings, space_of(settings, ["weights"]), Plan(NDCG), stop=lambda: True
    )
    assert not found.whole
    assert len(found.trials) > 50
    assert found.better


def test_choices_and_the_blend_are_searched() -> None:
    pools = with_reranker(query_set((0.75, 0.25)))
    settings = settings_of(0.75, 0.25)
    rerank = type(settings.rerank)(blend="weighted", provider="local", weight=0.9, top_n=50)
    settings = type(settings)(legs=settings.legs, weights=settings.weights, rerank=rerank)
    space = space_of(settings, ["blend", "normalizer", "top_n", "rank_constant=20,60"])
    assert len(space) == 4
    found = tune(always(pools), settings, space, Plan(NDCG, trials=400))
    assert found.better
    values = found.trials.values(found.chosen)
    assert 0 < float(values["rerank.weight"]) < 0.7
    assert all(
        value in ("theoretical-min-max", "min-max", "z-score", "rank") for value in [values["fusion.normalizer"]]
    )


def test_trials_score_as_rank_and_the_metric_do() -> None:
    pools = with_reranker(query_set((0.75, 0.25), queries=5))
    settings = settings_of(0.5, 0.5)
    rerank = type(settings.rerank)(blend="weighted", provider="local", weight=0.4, top_n=30)
    settings = type(settings)(legs=settings.legs, weights=settings.weights, rerank=rerank)
    space = space_of(settings, ["weights", "blend", "combiner", "top_n"])
    trials = Trials(space, settings, NDCG, always(pools))
    random = np.random.default_rng(0)
    points = random.random((40, len(space))) * [1, 1, 1, 2, 2]
    columns = trials.run(points)
    for column in columns.tolist():
        weighting = Weighting.of(trials.settings(column))
        for query, each in enumerate(pools):
            order = rank(each.pool, each.rerank, weighting).order
            expected = NDCG.scores(each.in_order(order[None, :]), each.grades)[0]
            assert trials.scores[query, column] == pytest.approx(expected, abs=1e-12)
    assert trials.run(points).tolist() == columns.tolist()
    assert len(trials) == len(set(columns.tolist()))


# --- the plateau ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@hypothesis_settings(max_examples=25, deadline=None)
def test_the_plateau_holds_the_best_and_leaves_out_the_clearly_worse(seed: int) -> None:
    random = np.random.default_rng(seed)
    quality = np.linspace(0, 0.4, 30)
    scores = 0.3 + quality + random.normal(size=(60, 1)) * 0.2 + random.normal(size=(60, 30)) * 0.05
    found = plateau(scores)
    assert found.members[found.best]
    assert found.best == scores.mean(axis=0).argmax()
    assert not found.members[:20].any()


def test_one_comparison_agrees_with_the_randomisation_test() -> None:
    random = np.random.default_rng(5)
    for shift in (0.0, 0.01, 0.02, 0.05, 0.1):
        base = random.random(50)
        scores = np.column_stack([base + shift, base + 0.1 * random.normal(size=50)])
        scores = scores[:, np.argsort(-scores.mean(axis=0))]
        p = randomisation_test(scores[:, 0] - scores[:, 1])
        if abs(p - 0.05) > 0.015:
            assert plateau(scores).members[1] == (p > 0.05)


def test_equal_trials_are_on_the_plateau_and_order_does_not_matter() -> None:
    scores = np.random.default_rng(2).random((20, 3))
    twice = np.hstack([scores, scores])
    found = plateau(twice)
    assert found.members[:3].tolist() == found.members[3:].tolist() == plateau(scores).members.tolist()
    assert plateau(np.ones((4, 3))).members.all()


def test_the_centre_is_in_the_middle_of_the_high_ground() -> None:
    points = np.linspace(0, 1, 11)[:, None]
    members = (points[:, 0] >= 0.2) & (points[:, 0] <= 0.8)
    assert centre(points, np.ones(11), members, 2) == 5
    assert centre(points, np.where(points[:, 0] > 0.5, 1.0, 0.5), members, 2) == 7
    assert centre(points, np.ones(11), np.zeros(11, dtype=bool), 4) == 4


def test_what_can_be_detected() -> None:
    differences = np.array([0.1, -0.1] * 50)
    spread_of = differences.std(ddof=1) / 10
    assert detectable(differences) == pytest.approx((1.959964 + 0.841621) * spread_of, rel=1e-5)
    assert math.isinf(detectable(np.array([0.1])))
    needed = queries_needed(differences, 0.01)
    assert detectable(np.tile(differences, 20)[:needed]) == pytest.approx(0.01, rel=0.02)


# --- the space --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 12))
def test_the_lattice_is_the_whole_simplex(legs: int, steps: int) -> None:
    points = lattice(legs, steps)
    assert len(points) == (math.comb(steps + legs - 1, legs - 1) if legs > 1 else 1)
    assert np.allclose(points.sum(axis=1), 1)
    assert len(np.unique(points.round(9), axis=0)) == len(points)


def test_the_finest_lattice_within_a_budget() -> None:
    assert len(lattice(3, finest(3, 500))) <= 500 < len(lattice(3, finest(3, 500) + 1))


def test_spread_points_are_even() -> None:
    points = spread(1000, 3, 1)
    assert (np.histogramdd(points, bins=2)[0] > 110).all()
    shares = on_simplex(points)
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.abs(shares.mean(axis=0) - 1 / 3).max() < 0.02


def test_the_words_of_over() -> None:
    settings = settings_of(0.4, 0.6)
    space = space_of(settings, ["k1", "weights"])
    assert [each.path for each in space.dimensions] == ["weights.lexical", "weights.dense", "legs.lexical.k1"]
    assert space.dimensions[2].choices == (0.6, 0.9, 1.2, 1.6, 2.0)
    given_range = space_of(settings, ["rerank.weight=0.1..0.5", "legs.lexical.b=0.2,0.8"])
    assert (given_range.dimensions[0].low, given_range.dimensions[0].high) == (0.1, 0.5)
    assert given_range.dimensions[1].choices == (0.2, 0.75, 0.8)
    few = space_of(settings, ["legs.lexical.k1=0..3", "top_n=10..60"])
    assert few.dimensions[0].choices == (0.0, 0.6, 1.2, 1.8, 2.4, 3.0)
    assert few.dimensions[1].choices == (10, 20, 30, 40, 50, 60)
    assert space_of(settings, ["boosts"]).dimensions[0].path == "legs.lexical.fields.text"


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (["weights.dense"], "cannot be tuned alone"),
        ([], "nothing to tune"),
        (["rerank.weight=0.5..0.1"], "is no range"),
        (["store.path"], "has no range"),
    ],
)
def test_what_cannot_be_tuned_says_so(over: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        space_of(settings_of(0.4, 0.6), over)


def test_points_and_settings_turn_into_each_other() -> None:
    settings = settings_of(0.3, 0.9)
    space = space_of(settings, ["weights", "normalizer"])
    point = space.point(settings)
    assert point.tolist() == [0.25, 0.75, 0.0]
    assert space.apply(settings, point).weights == {"lexical": 0.25, "dense": 0.75}
    assert isinstance(space, Space)


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_saved_settings_say_where_they_come_from(tmp_path: Path) -> None:
    found = tuned((0.75, 0.25), (0.1, 0.9))
    items = [QueryItem(f"q{number}", "text", f"f:{number}") for number in range(40)]
    data = DataSet.of("made", None, items, {item.id: {"d1": 1} for item in items})
    header = provenance(found, data, datetime(2026, 8, 1, tzinfo=UTC))
    loaded = Loaded(Settings(), base_dir=tmp_path)
    save(loaded, found.settings, tmp_path / "tuned.toml", header=header)
    text = (tmp_path / "tuned.toml").read_text(encoding="utf-8")
    comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    for part in (data.digest, "ndcg@10", "5 folds", "2026-08-01", "40 judged queries", "numpy", "95 %", "a gain"):
        assert part in comment
    assert load(None, tmp_path / "tuned.toml").settings.weights == found.settings.weights


def test_the_report_has_every_trial() -> None:
    found = tuned((0.75, 0.25), (0.1, 0.9))
    items = [QueryItem(f"q{number}", "text", "f:1") for number in range(40)]
    report = tuning_json(found, DataSet.of("made", None, items, {item.id: {"d1": 1} for item in items}))
    assert len(report["trials"]["weights.dense"]) == len(report["trials"]["mean"]) == len(found.trials)
    assert report["chosen"] == "centre"
    assert report["settings"]["best"]["mean"] == max(report["trials"]["mean"])
    assert sum(report["trials"]["plateau"]) == report["plateau"]["trials"]
