"""``rankscope record`` and everything that opens what it wrote."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.cli.conftest import Cli, start

ALONE = """
import importlib.abc, socket, sqlite3, sys

def forbidden(*args, **kwargs):
    raise AssertionError("a replay reached for something outside")

class NoSocket(socket.socket):
    # a descriptor may be wrapped: the loop's own pipe to itself
    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        if fileno is None:
            forbidden()
        super().__init__(family, type, proto, fileno)

    connect = connect_ex = bind = sendto = forbidden

socket.socket = NoSocket
socket.create_connection = socket.getaddrinfo = sqlite3.connect = forbidden

class NoModels(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tokenizers", "safetensors", "wordllama", "torch", "httpx"):
            raise ImportError(name + " is out of reach")
        return None

sys.meta_path.insert(0, NoModels())
from console.cli import main
main()
"""


@pytest.fixture
def recording(cli: Cli, index: Path, tmp_path: Path) -> Path:
    done = cli("record", "seconds of sleep", "--index", index, "-O", "one.rankscope")
    assert (done.code, done.out) == (0, b"")
    assert "recorded in one.rankscope, " in done.err
    return tmp_path / "one.rankscope"


def test_a_replay_alone_prints_the_same_bytes(process: Cli, index: Path, tmp_path: Path) -> None:
    mine, home = tmp_path / "mine", tmp_path / "home"
    shutil.copytree(index, mine)
    live = process("record", "seconds of sleep", "--index", mine, "-O", "one.rankscope", "-o", "json")
    assert live.code == 0
    shutil.rmtree(mine)
    shutil.rmtree(home, ignore_errors=True)
    for query in ([], ["seconds of sleep"]):
        command = [sys.executable, "-c", ALONE, "search", *query, "--recording", "one.rankscope"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == live.out
    assert len(live.json["results"]) > 2
    assert live.json["stages"][0]["end_ms"] > 0
    assert not home.exists(), "a replay writes nothing"


def test_settings_turn_a_replay(cli: Cli, recording: Path, index: Path) -> None:
    sets = ("--set", "weights.dense=0.1", "--set", "weights.lexical=0.9")
    turned = cli("search", "--recording", recording, *sets).json["results"]
    assert turned == cli("search", "seconds of sleep", "--index", index, *sets).json["results"]
    assert turned != cli("search", "--recording", recording).json["results"]
    Path("my.toml").write_text("[weights]\nlexical = 0.9\ndense = 0.1\n")
    assert turned == cli("search", "--recording", recording, "-c", "my.toml").json["results"]


def test_the_environment_stays_out_of_it(cli: Cli, recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cli("search", "--recording", recording).out
    monkeypatch.setenv("RANKSCOPE_CUT__TOP_K", "1")
    assert cli("search", "--recording", recording).out == before


def test_what_it_does_not_hold_is_said(cli: Cli, recording: Path) -> None:
    none = cli("search", "nix", "--recording", recording)
    assert (none.code, none.out) == (2, b"")
    assert "'nix' is not in the recording" in none.err
    assert "hint: it has 'seconds of sleep'" in none.err
    other = cli("search", "--recording", recording, "--set", "legs.lexical.k1=2")
    assert (other.code, other.json["results"] != []) == (0, True)
    assert "legs.lexical as it is set now is not in the recording" in other.err
    filtered = cli("search", "--recording", recording, "--filter", "year=1990")
    assert (filtered.code, "no leg answered" in filtered.err) == (3, True)


def test_track_and_scripts_on_a_recording(cli: Cli, recording: Path) -> None:
    tracked = cli("search", "--recording", recording, "--track", "os.path.join").json["track"]
    assert (tracked["exists"], tracked["pooled"]) == (True, True)
    Path("checks.rank").write_text(
        "search seconds of sleep\nset weights.dense 0.9\nexpect outcome reranked\nexpect results > 2\n"
    )
    assert cli("run", "checks.rank", "--recording", recording).code == 0


def test_a_file_of_queries(cli: Cli, index: Path) -> None:
    Path("q.tsv").write_text("a\tseconds\n\nb\tthread\nc\tzzzz\n")
    made = cli("record", "--queries", "q.tsv", "--index", index, "-O", "set.rankscope", "-o", "ndjson")
    assert (made.code, [line["id"] for line in made.lines]) == (0, ["a", "b", "c"])
    assert "3 queries" in made.err
    assert "q.tsv:2: the line is blank" in made.err
    again = cli("search", "--queries", "q.tsv", "--recording", "set.rankscope")
    assert again.out == made.out
    several = cli("search", "--recording", "set.rankscope")
    assert (several.code, "has 3 queries: name one" in several.err) == (2, True)
    assert "'seconds', 'thread', 'zzzz'" in several.err


def test_a_data_set(cli: Cli, index: Path) -> None:
    Path("data/qrels").mkdir(parents=True)
    Path("data/queries.jsonl").write_text(
        "".join(json.dumps({"_id": i, "text": i}) + "\n" for i in ("seconds", "join"))
    )
    Path("data/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nseconds\ttime.sleep\t1\n")
    assert cli("record", "--data", "data", "--index", index, "-O", "set.rankscope").code == 0
    assert cli("search", "--recording", "set.rankscope").json["query"] == "seconds", "the only judged one"


def test_without_texts(cli: Cli, index: Path, recording: Path) -> None:
    cli("record", "seconds of sleep", "--index", index, "-O", "bare.rankscope", "--no-texts")
    full, bare = (cli("search", "--recording", name).json["results"] for name in (recording, "bare.rankscope"))
    assert [(row["id"], row["score"]) for row in full] == [(row["id"], row["score"]) for row in bare]
    assert {row["title"] for row in bare} == {row["id"] for row in bare}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["record", "-O", "r"], "give a query, --queries FILE or --data DIR"),
        (["record", "x", "--data", "d", "-O", "r"], "give a query, --queries FILE or --data DIR"),
        (["record", "x"], "'-O'"),
        (["search", "x", "--recording", "nix"], "there is no recording nix"),
        (["search", "x", "--recording", "a", "--index", "b"], "either --index or --recording"),
    ],
)
def test_usage(cli: Cli, arguments: list[str], message: str) -> None:
    done = cli(*arguments)
    assert (done.code, message in done.err) == (2, True), done.err


def test_nothing_answered_writes_nothing(cli: Cli, index: Path) -> None:
    sets = ("--set", "legs.lexical.synonyms=none.txt", "--set", "weights.dense=0")
    done = cli("record", "x", "--index", index, "-O", "r", *sets)
    assert (done.code, Path("r").exists()) == (3, False)
    assert "no query was answered" in done.err


def test_ctrl_c_leaves_the_older_one(index: Path, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"as it was")
    process = start("record", "--queries", "-", "-O", "r", "--index", index)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"1\tseconds\n\n2\tthread\n")
    process.stdin.flush()
    assert b"<stdin>:2: the line is blank" in process.stderr.readline()  # it is past the first query
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, b"interrupted")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir() if file.is_file()] == [("r", b"as it was")]
