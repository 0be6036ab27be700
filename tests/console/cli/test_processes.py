"""What only a real process shows: exit codes, signals, closed pipes, kills."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from console import indexing
from engine.indexing import IndexProgress
from tests.console.cli.conftest import Cli, start


def wait_until(condition, seconds: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def script(folder: Path, *lines: str) -> Path:
    file = folder / "checks.rank"
    file.write_text("\n".join(lines))
    return file


def test_0_for_results_and_for_none(process: Cli, index: Path) -> None:
    found = process("search", "seconds", "--index", index)
    assert (found.code, len(found.json["results"]) > 0) == (0, True)
    none = process("search", "zzzz", "--index", index, "--set", "weights.dense=0")
    assert (none.code, none.json["results"]) == (0, [])
    assert "no hits" in none.err


def test_1_for_an_expectation(process: Cli, index: Path, tmp_path: Path) -> None:
    ended = process("run", script(tmp_path, "search seconds", "expect top os.path.join"), "--index", index)
    assert ended.code == 1
    assert "checks.rank:2: expected top os.path.join, actual: " in ended.err
    assert "1 of 1 expectations not met" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serach", "x"], "Did you mean `search`?"),
        (["search"], "give either a query or --queries"),
        (["search", "x", "--set", "rerank.top_n=0"], "rerank.top_n"),
        (["search", "x", "-c", "missing.toml"], "there is no settings file missing.toml"),
        (["search", "--queries", "missing.jsonl", "--index", "INDEX"], "missing.jsonl"),
        (["index", "missing", "--into", "x"], "there is no source missing"),
    ],
)
def test_2_for_usage_settings_and_files(cli: Cli, index: Path, arguments: list[str], message: str) -> None:
    ended = cli(*(str(index) if argument == "INDEX" else argument for argument in arguments))
    assert (ended.code, ended.out) == (2, b"")
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_2_of_a_process(process: Cli) -> None:
    ended = process("serach", "x")
    assert (ended.code, ended.out) == (2, b"")


def test_3_for_an_index_that_is_not_there(process: Cli) -> None:
    ended = process("search", "x", "--index", "nowhere")
    assert (ended.code, ended.out) == (3, b"")
    assert "There is no index at" in ended.err


def test_4_for_a_required_reranker(process: Cli, cli: Cli, tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text("".join(json.dumps({"_id": str(i), "text": f"wait {i} seconds " * 9}) + "\n" for i in range(300)))
    assert cli("index", many, "--into", "many").code == 0
    sets = ("--set", "rerank.required=true", "--set", "rerank.top_n=300", "--set", "budget.rerank_ms=1")
    ended = process("search", "wait seconds", "--index", "many", *sets)
    assert ended.code == 4
    assert "is required, but: reranked" in ended.err
    assert ended.json["results"], "what was found is printed all the same"
    queries = tmp_path / "queries.txt"
    queries.write_text("wait seconds\nsome seconds\n")
    ended = cli("search", "--queries", queries, "--run", "out.trec", "--index", "many", *sets)
    assert ended.code == 4
    assert "queries.txt:1: query 1: the reranker term is required" in ended.err
    assert not Path("out.trec").exists()


def test_4_for_a_later_stage_of_a_required_reranker(cli: Cli, tmp_path: Path) -> None:
    corpus, file = tmp_path / "few.jsonl", tmp_path / "cascade.toml"
    corpus.write_text("".join(json.dumps({"_id": str(i), "text": f"wait {i}"}) + "\n" for i in range(9)))
    assert cli("index", corpus, "--into", "few").code == 0
    file.write_text('[rerank]\nrequired = true\n[rerank.cascade.large]\nprovider = "local"\nmodel = "./nowhere"\n')
    ended = cli("search", "wait", "-c", file, "--index", "few")
    assert ended.code == 4
    assert "the reranker of the stage large is required, but: reranked 0/9, then: there is no folder" in ended.err
    assert "lets what the stage before left stand" in ended.err


def test_debug_shows_the_traceback(process: Cli) -> None:
    assert "Traceback" in process("--debug", "search", "x", "--index", "nowhere").err


def test_130_for_ctrl_c_and_nothing_half_written(index: Path, tmp_path: Path) -> None:
    run_file = tmp_path / "out.trec"
    run_file.write_text("as it was\n")
    process = start("search", "--queries", "-", "--run", run_file, "--index", index)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"1\tseconds\n\n2\tthread\n")
    process.stdin.flush()
    assert b"<stdin>:2: the line is blank" in process.stderr.readline()  # it is past the first query
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, b"interrupted")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.trec"]
    assert run_file.read_text() == "as it was\n"


def test_an_index_broken_off_says_that_it_goes_on(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tmp_path / "many.jsonl"
    corpus.write_text("".join(json.dumps({"_id": str(i), "text": f"wait {i}"}) + "\n" for i in range(6000)))

    def stop_at(done: int) -> None:
        def show(bar: object, progress: IndexProgress) -> None:
            if progress.phase == "read" and progress.done >= done:
                raise KeyboardInterrupt

        monkeypatch.setattr(indexing, "_show", show)

    stop_at(0)
    ended = cli("index", corpus, "--into", "many", "--embedder", "none")
    assert (ended.code, ended.err.strip()) == (130, "interrupted"), "there is nothing to go on from"
    stop_at(4000)
    ended = cli("index", corpus, "--into", "many", "--embedder", "none")
    assert ended.code == 130
    assert "what was read stays; the same command goes on from there" in ended.err
    stop_at(99999)
    ended = cli("index", corpus, "--into", "many", "--embedder", "none")
    assert "taken over from a build that was broken off" in ended.err


def test_a_reader_who_has_seen_enough_is_no_error(index: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text("seconds\n" * 300)
    with start("search", "--queries", queries, "--index", index) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == "1"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_killed_build_goes_on_and_ends_as_an_unbroken_one(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "corpus.jsonl"
    words = ["sleep", "wait", "thread", "path", "join", "time", "file", "open", "read", "write"]
    rows = ({"_id": f"d{i}", "text": " ".join(words[(i * k) % 10] for k in range(1, 60))} for i in range(5_000))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    broken, whole = tmp_path / "broken", tmp_path / "whole"

    build = start("index", source, "--into", broken)
    wait_until(lambda: staged(broken) > 0 or build.poll() is not None)
    build.kill()
    build.communicate()
    assert build.returncode == -signal.SIGKILL, "it was over before it was killed"
    assert cli("search", "sleep", "--index", broken).code == 3

    resumed, fresh = cli("index", source, "--into", broken), cli("index", source, "--into", whole)
    assert resumed.code == fresh.code == 0
    assert "taken over from a build that was broken off" in resumed.err
    manifests = [json.loads((folder / "rankscope-index.json").read_text()) for folder in (broken, whole)]
    assert manifests[0] == manifests[1], "the same files, byte for byte"


def staged(folder: Path) -> int:
    """Documents that a build in that folder has taken in durably."""
    file = folder / "staging.sqlite"
    if not file.exists():
        return 0
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0
