"""``rankscope evaluate``: the shape of what it prints, gates and their exit codes, runs, resuming."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from console.cli import run
from console.evaluating import Listener
from engine.errors import StoreError
from engine.evaluation.dataset import load_dataset
from engine.evaluation.experiment import Contender, evaluate
from engine.settings.schema import Settings
from tests.console.cli.conftest import Cli, start
from tests.corpus import WatchedStore, pipeline_on

QUERIES = {"1": "some seconds", "2": "sleep thread", "3": "path components", "4": "white space", "5": "nothing"}
QRELS = [("1", "time.sleep", 2), ("1", "threading.Timer", 1), ("2", "asyncio.sleep", 1), ("3", "os.path.join", 3)]
QRELS += [("4", "with space", 1), ("5", "time.sleep", 0), ("1", "os.path.join", 0)]


def data_set(folder: Path, queries: dict[str, str], qrels: list[tuple[str, str, int]]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": i, "text": text}) for i, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n")
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in qrels)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return data_set(tmp_path / "data", QUERIES, QRELS)


@pytest.fixture
def two(tmp_path: Path, index: Path) -> tuple[Path, Path]:
    """Settings that search well, and settings that hardly search."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(f'[store]\npath = "{index}"\n')
    bad.write_text(
        f'[store]\npath = "{index}"\n[legs.lexical]\nfields = {{ title = 1.0 }}\n[legs.dense]\n[weights]\n'
        "lexical = 1.0\ndense = 0.0\n[rerank]\nenabled = false\n"
    )
    return good, bad


def test_the_shape_of_the_report(cli: Cli, data: Path, two: tuple[Path, Path]) -> None:
    good, bad = two
    ended = cli("evaluate", "--data", data, "-c", good, "-c", bad, "-m", "ndcg@10", "-m", "map", "-o", "json")
    assert ended.code == 0, ended.err
    report = ended.json
    assert (report["data"]["queries"], report["data"]["excluded"]) == (4, ["5"])
    assert report["metrics"] == ["ndcg@10", "judged@10", "map"]
    first, second = report["settings"]
    assert (first["file"], second["file"]) == (str(good), str(bad))
    assert list(first["metrics"]) == ["lexical", "dense", "fused", "reranked"]
    assert list(second["metrics"]) == ["lexical", "fused"]
    for one in (first, second):
        assert [query["id"] for query in one["queries"]] == ["1", "2", "3", "4"]
        for ranking, values in one["metrics"].items():
            for name, mean in values.items():
                each = [query["metrics"][ranking][name] for query in one["queries"]]
                assert mean == pytest.approx(sum(each) / 4)
                if name != "judged@10":
                    low, high = one["intervals"][ranking][name]
                    assert low - 1e-9 <= mean <= high + 1e-9
    against = second["comparison"]
    assert (against["before"], against["after"]) == ("reranked", "fused")
    pair = against["metrics"]["ndcg@10"]
    assert pair["difference"] == pytest.approx(
        second["metrics"]["fused"]["ndcg@10"] - first["metrics"]["reranked"]["ndcg@10"]
    )
    assert pair["wins"] + pair["losses"] + pair["ties"] == 4
    assert pair["losses"] > 0
    assert set(against["rankings"]) == {"lexical", "fused"}
    assert "comparison" not in first
    assert "left out because nothing is judged above 0 for them: 1 (5)" in ended.err


def test_the_table_has_judged_beside_every_cut(cli: Cli, data: Path, two: tuple[Path, Path]) -> None:
    good, bad = two
    ended = cli("evaluate", "--data", data, "-c", good, "-c", bad)
    text = ended.out.decode()
    header = text.splitlines()[1].split()
    assert header == ["settings", "ranking", "ndcg@10", "judged@10", "recall@100", "judged@100", "mrr@10"]
    assert "4 queries, 1 left out" in text
    assert "reranked against fused" in text
    assert f"against {good}" in text


def test_a_line_per_query(cli: Cli, data: Path, index: Path) -> None:
    lines = cli("evaluate", "--data", data, "--index", index, "-o", "ndjson").lines
    assert [line["id"] for line in lines] == ["1", "2", "3", "4"]
    assert all(0 <= line["metrics"]["fused"]["ndcg@10"] <= 1 for line in lines)


def test_gates_from_a_process(process: Cli, data: Path, index: Path) -> None:
    base = ("evaluate", "--data", data, "--index", index)
    met = process(*base, "--gate", "ndcg@10>=0.1", "--gate", "mrr@3>0")
    assert (met.code, met.err.count(" is met: reranked has ")) == (0, 2)
    failed = process(*base, "--gate", "ndcg@10>=0.1", "--gate", "ndcg@10>=1.01", "-o", "json")
    assert failed.code == 1
    assert "ndcg@10>=1.01 is not met: reranked has " in failed.err
    assert [gate["met"] for gate in failed.json["gates"]] == [True, False], "the report is printed all the same"
    assert "Traceback" not in failed.err


def test_a_baseline_is_what_was_printed(cli: Cli, process: Cli, data: Path, two: tuple[Path, Path]) -> None:
    good, bad = two
    Path("baseline.json").write_bytes(cli("evaluate", "--data", data, "-c", good, "-o", "json").out)
    base = ("evaluate", "--data", data)
    assert process(*base, "-c", good, "--gate", "ndcg@10>=baseline.json").code == 0
    assert cli(*base, "-c", good, "--gate", "ndcg@10>=baseline.json-0.01").code == 0
    assert cli(*base, "-c", good, "--gate", "ndcg@10>=baseline.json+0.01").code == 1
    worse = process(*base, "-c", bad, "--gate", "ndcg@10>=baseline.json-0.01")
    assert worse.code == 1
    assert "bad.toml: ndcg@10>=baseline.json-0.01 is not met: fused has " in worse.err
    missing = cli(*base, "-c", good, "--gate", "map>=baseline.json")
    assert (missing.code, missing.out) == (2, b"")
    assert "--metric map" in missing.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "DATA", "--gate", "ndcg@10"], "--gate ndcg@10: this is no gate"),
        (["--data", "DATA", "-m", "recall@100", "--depth", "50"], "recall@100 reads more than the 50 documents"),
        (["--data", "DATA", "-m", "dcg"], "there is no metric 'dcg'"),
        (["--data", "DATA", "--gate", "ndcg@10>=none.json"], "the baseline none.json cannot be read"),
        (["--data", "nowhere"], "there is no data set folder nowhere"),
        ([], "name the queries and judgments"),
        (["--data", "DATA", "--qrels", "x"], "name the queries and judgments"),
        (["--data", "DATA", "-c", "none.toml"], "there is no settings file none.toml"),
        (["--data", "DATA", "-c", "a.toml", "-c", "a.toml", "--run", "x"], "--run writes the run of one settings file"),
    ],
)
def test_2_for_what_makes_no_sense(cli: Cli, data: Path, index: Path, arguments: list[str], message: str) -> None:
    ended = cli("evaluate", "--index", index, *(str(data) if word == "DATA" else word for word in arguments))
    assert (ended.code, ended.out) == (2, b"")
    assert message in ended.err
    assert "hint: " in ended.err


def test_a_run_is_the_one_of_search(cli: Cli, data: Path, index: Path) -> None:
    assert cli("evaluate", "--data", data, "--index", index, "--run", "ours.trec").code == 0
    cli("search", "--queries", data / "queries.jsonl", "--index", index, "--run", "theirs.trec")
    theirs = [line for line in Path("theirs.trec").read_text().splitlines() if not line.startswith("5 ")]
    assert Path("ours.trec").read_text().splitlines() == theirs


def test_a_recording_stands_in_for_the_index(cli: Cli, data: Path, two: tuple[Path, Path]) -> None:
    good, _ = two
    assert cli("record", "--queries", data / "queries.jsonl", "-c", good, "-O", "set.rankscope").code == 0
    base = ("evaluate", "--data", data, "-o", "json")
    for change in ((), ("--set", "weights.dense=0.1"), ("--set", "rerank.enabled=false")):
        asked, replayed = cli(*base, "-c", good, *change), cli(*base, "--recording", "set.rankscope", *change)
        assert (asked.code, replayed.code) == (0, 0), replayed.err
        one, other = asked.json["settings"][0], replayed.json["settings"][0]
        assert (one.pop("file"), other.pop("file")) == (str(good), "set.rankscope")
        assert one == other
    some = data_set(data.parent / "more", QUERIES | {"6": "unheard of"}, [*QRELS, ("6", "time.sleep", 1)])
    ended = cli("evaluate", "--data", some, "--recording", "set.rankscope")
    assert (ended.code, ended.out) == (2, b"")
    assert "the query 'unheard of' is not in the recording set.rankscope" in ended.err


def test_trec_files_and_a_threshold(cli: Cli, data: Path, index: Path, tmp_path: Path) -> None:
    topics, qrels = tmp_path / "topics", tmp_path / "qrels.txt"
    topics.write_text("".join(f"<top><num> {i} <title> {text}\n</top>\n" for i, text in QUERIES.items()))
    qrels.write_text("".join(f"{q} 0 {d} {g}\n" for q, d, g in QRELS if " " not in d))
    ended = cli("evaluate", "--queries", topics, "--qrels", qrels, "--index", index, "-o", "json")
    assert ended.json["data"]["queries"] == 3
    cut = cli("evaluate", "--data", data, "--index", index, "--set", "cut.threshold=0.999", "-o", "json").json
    metrics = cut["settings"][0]["metrics"]
    assert metrics["fused"]["recall@100"] == 1
    assert metrics["reranked"]["recall@100"] < 1, "the threshold is meant for what a reranker says"


def test_the_same_report_twice_and_at_any_concurrency(process: Cli, data: Path, index: Path) -> None:
    base = ("evaluate", "--data", data, "--index", index, "-o", "json")
    assert process(*base).out == process(*base, "--concurrency", "1").out


def test_3_without_an_index(cli: Cli, data: Path) -> None:
    assert cli("evaluate", "--data", data, "--index", "nowhere").code == 3


async def test_trouble_is_told_once_and_counted_and_no_answer_at_all_is_an_error(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = WatchedStore(index)
    store.faults |= {"dense": StoreError("gone"), "lexical": StoreError("gone")}
    told: list[str] = []
    listener = Listener(told.append, several=False)
    async with pipeline_on(store) as pipeline:
        found = await evaluate(
            load_dataset("python-docs"), [Contender("a", Settings(), pipeline)], on_trace=listener.hear
        )
    assert len([text for text in told if "dense failed" in text]) == 1
    with pytest.raises(StoreError, match="a: no query was answered"):
        listener.finish(found)
    assert "68 queries: dense failed: gone" in capsys.readouterr().err


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A set that takes a while, and its index."""
    folder = tmp_path_factory.mktemp("long")
    words = ["sleep", "wait", "thread", "path", "join", "time", "file", "open", "read", "write"]
    texts = [" ".join(words[(i * k) % 10] for k in range(1, 60)) for i in range(1_500)]
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"_id": f"d{i}", "text": text}) + "\n" for i, text in enumerate(texts)))
    assert run(["index", str(corpus), "--into", str(folder / "index")]) == 0
    queries = {str(i): f"{words[i % 10]} {words[i // 10 % 10]}" for i in range(120)}
    return data_set(folder / "data", queries, [(q, f"d{int(q) * 7}", 1) for q in queries]), folder / "index"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_cut_off_it_goes_on(cli: Cli, home: Path, long: tuple[Path, Path], end: signal.Signals) -> None:
    data, index = long
    arguments = ("evaluate", "--data", data, "--index", index, "-o", "json")
    process = start(*arguments, "--concurrency", "1")
    journals = home / "cache" / "evaluations"
    deadline = time.monotonic() + 60
    while sum(file.read_bytes().count(b"\n") for file in journals.glob("*")) < 10:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(end)
    _, err = process.communicate(timeout=60)
    if end is signal.SIGINT:
        assert process.returncode == 130
        assert b"of 120 queries are kept; the same command goes on from there" in err
    resumed = cli(*arguments)
    assert "of 120 queries were answered by a run that was cut off" in resumed.err
    fresh = cli(*arguments, "--fresh")
    assert "cut off" not in fresh.err
    assert resumed.out == fresh.out
    assert not list(journals.iterdir())
