"""31 runs on Cranfield and hand-made oddities, every metric, against trec_eval's own code."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.dataset import DataSet
from engine.evaluation.metrics import Metric
from engine.evaluation.runs import read_run, run_lines
from engine.evaluation.scoring import score_lists
from engine.ingest.queries import QueryItem
from tests.engine.evaluation.cranfield import Run, data, documents, needs_cranfield, runs

CUTS = (1, 3, 5, 10, 20, 100, 1000)
THEIRS = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P", "hit": "success"}
NAMES = {Metric(ours, k): f"{theirs}_{k}" for ours, theirs in THEIRS.items() for k in CUTS}
NAMES |= {Metric("ndcg"): "ndcg", Metric("map"): "map", Metric("mrr"): "recip_rank"}
MEASURES = {"ndcg", "map", "recip_rank", *(f"{name}.{','.join(map(str, CUTS))}" for name in THEIRS.values())}


def restored(run: Run) -> dict[str, list[str]]:
    """The order that trec_eval makes of scores that are float32 already."""
    return {
        q: [i for i, _ in sorted(sorted(scores.items(), reverse=True), key=lambda item: -item[1])]
        for q, scores in run.items()
    }


def assert_equal(judged: DataSet, run: Run, lists: dict[str, list[str]]) -> None:
    theirs = pytrec_eval.RelevanceEvaluator({q: dict(g) for q, g in judged.qrels.items()}, MEASURES).evaluate(run)
    ours = score_lists(judged, lists, list(NAMES))
    for metric, name in NAMES.items():
        expected = [theirs.get(item.id, {}).get(name, 0.0) for item in judged.queries]
        assert ours[metric].tolist() == pytest.approx(expected, abs=1e-9, rel=0), name


@needs_cranfield
def test_cranfield(tmp_path: Path) -> None:
    judged = data()
    every = runs(judged, documents())
    assert len(every) >= 20
    for name, run in every.items():
        lists = restored(run)
        assert_equal(judged, run, lists)
        if name in ("tied-5", "nearly-tied", "uneven"):
            file = tmp_path / f"{name}.trec"
            file.write_text("".join(f"{q} Q0 {i} 1 {s!r} t\n" for q, found in run.items() for i, s in found.items()))
            assert read_run(file) == lists


@needs_cranfield
def test_a_run_that_we_write_is_read_as_it_was_ranked(tmp_path: Path) -> None:
    judged = data()
    ranked = restored(runs(judged, documents())["tied-2"])
    file = tmp_path / "ours.trec"
    lines = (line for q, ids in ranked.items() for line in run_lines(q, ids, [1.0] * len(ids)))
    file.write_text("\n".join(lines) + "\n")
    assert read_run(file) == ranked
    with file.open() as opened:
        assert_equal(judged, pytrec_eval.parse_run(opened), ranked)


ids = st.sampled_from([f"d{i}" for i in range(12)])


@settings(max_examples=60)
@given(
    st.dictionaries(ids, st.integers(-2, 4), min_size=1).filter(lambda grades: max(grades.values()) > 0),
    st.dictionaries(ids, st.sampled_from([0.0, 0.5, 1.0, -3.0]), min_size=1),
)
def test_any_grades_and_ties(grades: dict[str, int], scores: dict[str, float]) -> None:
    judged = DataSet.of("set", None, [QueryItem("q", "text", "")], {"q": grades})
    assert_equal(judged, {"q": scores}, restored({"q": scores}))
