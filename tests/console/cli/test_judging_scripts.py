"""Scripts that judge, and that hold a metric to a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.cli.conftest import Cli

SCRIPT = """search sleep some seconds
judge time.sleep 3
judge asyncio.sleep 1
judge os.path.join 0
judge os.path.join -
expect metric ndcg@10 >= 0.5
expect metric precision@1 == 1
undo
undo
expect metric recall@5 == 1
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "judge.rank"
    file.write_text(SCRIPT)
    return file


@pytest.mark.parametrize("ui", [(), ("--ui", "--size", "100x30")])
def test_a_script_judges_into_the_folder_of_the_index(
    cli: Cli, index: Path, home: Path, script: Path, ui: tuple[str, ...]
) -> None:
    done = cli("run", script, "--index", index, *ui)
    assert done.code == 0, done.err
    folder = home / "data/judgments" / index.name
    assert (folder / "qrels/test.tsv").read_text().splitlines() == [
        "query-id\tcorpus-id\tscore",
        "1\ttime.sleep\t3",
        "1\tasyncio.sleep\t1",
    ]  # the two undos took back the grades of os.path.join
    assert cli("evaluate", "--data", folder, "--index", index, "--gate", "ndcg@10>=0.1").code == 0


def test_judgments_of_a_folder_are_read_and_written(cli: Cli, index: Path, script: Path, tmp_path: Path) -> None:
    data = tmp_path / "set"
    assert cli("run", script, "--index", index, "--data", data).code == 2
    data.mkdir()
    (data / "queries.tsv").write_text("q7\tsleep some seconds\n")
    assert cli("run", script, "--index", index, "--data", data).code == 0
    assert "q7\ttime.sleep\t3" in (data / "qrels/test.tsv").read_text()


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("expect metric ndcg@10 >= 0.1", 1, "there are no judgments for this query"),
        ("expect metric bleu@4 >= 0.1", 2, "there is no metric 'bleu@4'"),
        ("expect metric ndcg@10", 2, "not of the form `expect metric ndcg@10 >= X`"),
        ("judge time.sleep 7", 2, "7 is no grade"),
    ],
)
def test_what_cannot_be_measured_or_judged_is_told(
    cli: Cli, index: Path, tmp_path: Path, line: str, code: int, told: str
) -> None:
    file = tmp_path / "bad.rank"
    file.write_text(f"search seconds\n{line}\n")
    done = cli("run", file, "--index", index)
    assert done.code == code
    assert told in done.err
