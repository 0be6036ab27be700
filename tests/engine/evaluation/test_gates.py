from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SourceError, UsageError
from engine.evaluation.gates import judge_gate, parse


def report(value: float, file: str = "a.toml", digest: str = "x", **rankings: float) -> dict[str, Any]:
    """An evaluation of one settings file; ``value`` of the last ranking."""
    values = {"fused": 0.1, **(rankings or {"reranked": value})}
    metrics = {name: {"ndcg@10": number, "judged@10": 1.0} for name, number in values.items()}
    return {"data": {"digest": digest}, "settings": [{"file": file, "metrics": metrics}]}


@pytest.mark.parametrize(
    ("gate", "value", "met"),
    [
        ("ndcg@10>=0.6", 0.6, True),
        ("ndcg@10>=0.6", 0.6 - 1e-12, True),
        ("ndcg@10 >= .6", 0.5999, False),
        ("ndcg@10>0.6", 0.6, False),
        ("ndcg@10>0.6", 0.61, True),
        ("ndcg@10<=0.6", 0.61, False),
        ("ndcg@10<1", 0.61, True),
        ("judged@10>=1", 0.0, True),
    ],
)
def test_bounds(gate: str, value: float, met: bool) -> None:
    (verdict,) = judge_gate(parse(gate), report(value))
    assert verdict.met is met
    assert verdict.ranking == "reranked"


def test_the_last_ranking_that_ran_is_read() -> None:
    (verdict,) = judge_gate(parse("ndcg@10>=0.2"), report(0, lexical=0.9))
    assert (verdict.ranking, verdict.value, verdict.met) == ("fused", 0.1, False)
    assert "a.toml" in str(verdict)
    assert "not met" in str(verdict)


@pytest.mark.parametrize(
    ("slack", "value", "met"),
    [("", 0.5, True), ("", 0.499, False), ("-0.01", 0.491, True), ("-0.01", 0.489, False), (" + 0.02", 0.51, False)],
)
def test_a_baseline(tmp_path: Path, slack: str, value: float, met: bool) -> None:
    for name in ("baseline.json", "main-2.json", "base"):
        file = tmp_path / name
        file.write_text(json.dumps(report(0.5)))
        (verdict,) = judge_gate(parse(f"ndcg@10>={file}{slack}"), report(value))
        assert (verdict.met, verdict.note) == (met, "")


def test_a_file_whose_name_ends_like_a_slack_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "run-2"
    file.write_text(json.dumps(report(0.5)))
    assert parse(f"ndcg@10>={file}").baseline == file
    assert parse(f"ndcg@10>={file}-0.01").number == -0.01


def test_of_a_baseline_with_several_the_one_of_the_same_name_counts(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    both = report(0.5)
    both["settings"] += report(0.7, "b.toml")["settings"]
    file.write_text(json.dumps(both))
    gate = parse(f"ndcg@10>={file}")
    assert not judge_gate(gate, report(0.6, "b.toml"))[0].met
    assert judge_gate(gate, report(0.6, "a.toml"))[0].met
    with pytest.raises(SourceError, match=r"no settings file c\.toml") as caught:
        judge_gate(gate, report(0.6, "c.toml"))
    assert "a.toml, b.toml" in caught.value.hint


def test_every_settings_file_must_pass() -> None:
    both = report(0.5)
    both["settings"] += report(0.7, "b.toml")["settings"]
    assert [verdict.met for verdict in judge_gate(parse("ndcg@10>=0.6"), both)] == [False, True]


def test_other_judgments_are_told(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps(report(0.5, digest="y")))
    assert "other queries or judgments" in judge_gate(parse(f"ndcg@10>={file}"), report(0.6))[0].note


@pytest.mark.parametrize("text", ["", "ndcg@10", "ndcg@10=0.6", "ndcg@10>=", ">=0.6", "dcg@10>=0.6", "recall>=0.5"])
def test_what_is_no_gate_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"settings": 3}', '{"settings": [{"file": "a.toml"}]}'])
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(content)
    with pytest.raises(SourceError) as caught:
        judge_gate(parse(f"ndcg@10>={file}"), report(0.6))
    assert "baseline.json" in caught.value.message
    with pytest.raises(SourceError, match="cannot be read"):
        judge_gate(parse(f"ndcg@10>={tmp_path / 'none.json'}"), report(0.6))
