"""``rankscope tune`` and ``rankscope diff``, on a small index and its recording."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import tuning
from console.commands.tune import _names
from engine.evaluation.tuning.tuner import Progress, Tuning, tune
from engine.settings.load import load
from tests.console.cli.conftest import Cli
from tests.console.cli.test_evaluate import QRELS, QUERIES

# the fixtures of one small data set
from tests.console.cli.test_evaluate import data as data
from tests.console.cli.test_evaluate import two as two


def test_tune_prints_and_saves(cli: Cli, data: Path, two: tuple[Path, Path], tmp_path: Path) -> None:
    good, _ = two
    out = tmp_path / "sub" / "tuned.toml"
    out.parent.mkdir()
    ended = cli(
        "tune", "--data", data, "-c", good, "-O", out, "--trials", "30", "--over", "weights,k1=0.9,1.2,b", "-o", "json"
    )
    assert ended.code == 0, ended.err
    report = ended.json
    assert set(report["trials"]) == {
        *("weights.lexical", "weights.dense", "legs.lexical.k1", "legs.lexical.b", "mean", "plateau")
    }
    assert report["data"]["queries"] == 4
    assert report["settings"]["start"]["values"]["weights.dense"] == 0.7
    text = out.read_text()
    assert text.startswith("# Tuned by rankscope")
    assert report["data"]["digest"] in text
    assert load(None, out).settings.legs == load(None, good).settings.legs
    assert load(None, out).resolve(load(None, out).settings.store.path) == load(None, good).resolve(
        load(None, good).settings.store.path
    )


def test_tune_replaces_only_when_told(cli: Cli, data: Path, two: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    out.write_text("[weights]\ndense = 1.0\n")
    arguments = ("tune", "--data", data, "-c", two[0], "-O", out, "--trials", "20")
    refused = cli(*arguments)
    assert (refused.code, out.read_text()) == (2, "[weights]\ndense = 1.0\n")
    assert "--force" in refused.err
    told = cli(*arguments, "--force")
    assert told.code == 0
    assert out.read_text().startswith("# Tuned by")
    assert b"plateau: " in told.out


def test_tune_on_a_recording(cli: Cli, data: Path, two: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "searches.rankscope"
    recorded = cli("record", "--queries", data / "queries.jsonl", "-c", two[0], "-O", file)
    assert recorded.code == 0, recorded.err
    ended = cli("tune", "--data", data, "--recording", file, "--trials", "30", "--over", "weights,boosts", "-o", "json")
    assert ended.code == 0, ended.err
    live = cli("tune", "--data", data, "-c", two[0], "--trials", "30", "--over", "weights", "-o", "json")
    assert ended.json["settings"]["start"]["mean"] == pytest.approx(live.json["settings"]["start"]["mean"])
    refused = cli("tune", "--data", data, "--recording", file, "--over", "k1")
    assert refused.code == 2
    assert "cannot be tuned here" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "gdcn@10"), "there is no metric"),
        (("--over", "colour"), "unknown setting"),
        (("--over", "weights.dense"), "cannot be tuned alone"),
    ],
)
def test_tune_refuses(cli: Cli, data: Path, two: tuple[Path, Path], arguments: tuple[str, str], message: str) -> None:
    ended = cli("tune", "--data", data, "-c", two[0], *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_interrupted_it_keeps_what_was_found(
    cli: Cli, data: Path, two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, on_progress: Callable[[Progress], None], **more: Any) -> Tuning:
        def press(progress: Progress) -> None:
            on_progress(progress)
            if progress.trials < 2000:
                signal.raise_signal(signal.SIGINT)

        return tune(*arguments, on_progress=press, **more)

    monkeypatch.setattr(tuning, "tune", interrupted)
    out = tmp_path / "tuned.toml"
    over = ("--over", "weights,k1,b", "--trials", "2000")
    ended = cli("tune", "--data", data, "-c", two[0], "-O", out, "-o", "json", *over)
    assert ended.code == 130
    assert "judging what was found so far" in ended.err
    assert not ended.json["whole"]
    assert 0 < len(ended.json["trials"]["mean"]) < 1000
    assert "ended early" in out.read_text()


def test_names_of_over() -> None:
    assert _names("weights,k1") == ["weights", "k1"]
    assert _names("k1=0.9,1.2,b=0.3") == ["k1=0.9,1.2", "b=0.3"]
    assert _names("rerank.weight=0..1,weights") == ["rerank.weight=0..1", "weights"]


def test_diff_of_settings_alone(cli: Cli, two: tuple[Path, Path]) -> None:
    ended = cli("diff", *two, "-o", "json")
    assert ended.code == 0
    changed = {each["path"]: (each["before"], each["after"]) for each in ended.json["settings"]}
    assert changed["weights.dense"] == (0.7, 0.0)
    assert changed["rerank.enabled"] == (True, False)
    assert "store.path" not in changed
    same = cli("diff", two[0], two[0])
    assert same.out == b"the settings are the same\n"


def test_diff_over_a_data_set(cli: Cli, data: Path, two: tuple[Path, Path]) -> None:
    ended = cli("diff", *two, "--data", data, "-o", "json")
    assert ended.code == 0, ended.err
    report = ended.json
    measured = cli("evaluate", "--data", data, "-c", two[0], "-c", two[1], "-m", "ndcg@10", "-o", "json").json
    assert report["comparison"] == measured["settings"][1]["comparison"]
    assert [one["ndcg@10"] for one in report["metrics"]] == [
        measured["settings"][0]["metrics"]["reranked"]["ndcg@10"],
        measured["settings"][1]["metrics"]["fused"]["ndcg@10"],
    ]
    losses = report["losses"]
    assert losses == sorted(losses, key=lambda change: change["after"] - change["before"])
    assert all(change["moves"] for change in losses)
    assert len(QUERIES) == 5
    assert {grade for _, _, grade in QRELS} >= {move["grade"] or 0 for change in losses for move in change["moves"]}
    table = cli("diff", *two, "--data", data)
    assert b"queries better" in table.out
