from __future__ import annotations

import io
import json
from collections.abc import Collection
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest

from console.output import Format
from console.searching import Wish
from engine.errors import StoreError
from engine.settings.schema import Settings
from engine.stores import registry
from engine.stores.base import LegHits, LegRequest
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.store import EmbeddedStore
from tests.console.cli.conftest import Cli

KEYS = ["query", "settings", "analysis", "stages", "totals", "reranker", "results", "dropped"]
RESULT_KEYS = [
    "rank",
    "id",
    "title",
    "score",
    "fused_rank",
    "fused_score",
    "legs",
    "features",
    "rerank",
    "cascade",
    "blend",
]
LEXICAL = ("--set", "weights.dense=0", "--set", "rerank.enabled=false")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    file = tmp_path / "queries.tsv"
    file.write_text("q 1\tseconds\nq2\tthe thread\n\nq3\tzzzz\nq2\tagain\n")
    return file


def test_json_has_the_whole_trace(cli: Cli, index: Path) -> None:
    found = cli("search", "seconds", "--index", index)
    assert found.code == 0
    report = found.json
    assert [key for key in report if key in KEYS] == KEYS
    assert report["query"] == "seconds"
    assert report["settings"]["rerank"]["top_n"] == 50
    assert {stage["name"] for stage in report["stages"]} >= {"analyse", "lexical", "dense", "fuse", "rerank", "cut"}
    assert all({"name", "start_ms", "end_ms", "ran_on", "outcome"} <= set(stage) for stage in report["stages"])
    assert {"token", "field", "weight", "df", "idf"} <= set(report["analysis"][0])
    for number, result in enumerate(report["results"], start=1):
        assert list(result) == RESULT_KEYS
        assert result["rank"] == number
        assert set(result["legs"]) == {"lexical", "dense"}
        total = sum(leg["contribution"] for leg in result["legs"].values())
        assert total == pytest.approx(result["fused_score"])
    assert found.out.endswith(b"\n}\n")


def test_ndjson_is_the_same_on_one_line(cli: Cli, index: Path) -> None:
    one, other = cli("search", "seconds", "--index", index), cli("search", "seconds", "--index", index, "-o", "ndjson")
    assert other.out.count(b"\n") == 1
    assert [r["id"] for r in other.json["results"]] == [r["id"] for r in one.json["results"]]


def test_table_and_trec_bytes(cli: Cli, index: Path) -> None:
    table = cli("search", "seconds", "--index", index, *LEXICAL, "-o", "table")
    assert table.out.decode() == (
        "rank  Δ  id                score   fused  lexical  rerank  title\n"
        "   1  =  with space       1.0000  1.0000   1.0000       –  white\n"
        "   2  =  threading.Timer  0.6864  0.6864   0.6864       –  threading.Timer\n"
        "   3  =  time.sleep       0.6345  0.6345   0.6345       –  time.sleep\n"
    )
    trec = cli("search", "seconds", "--index", index, *LEXICAL, "-o", "trec", "--set", "cut.top_k=1")
    assert [line.split()[:4] for line in trec.out.decode().splitlines()] == [
        ["1", "Q0", "with%20space", "1"],
        ["1", "Q0", "threading.Timer", "2"],
        ["1", "Q0", "time.sleep", "3"],
    ]


def test_words_need_no_quotes_and_syntax_counts(cli: Cli, index: Path) -> None:
    found = cli("search", "--index", index, *LEXICAL, "seconds", 'title:"time.sleep"')
    assert "time.sleep" in {result["id"] for result in found.json["results"]}
    excluded = cli("search", "--index", index, *LEXICAL, "seconds -white")
    assert [result["id"] for result in excluded.json["results"]] == ["threading.Timer", "time.sleep"]


def test_filters(cli: Cli, index: Path) -> None:
    one = cli("search", "seconds", "--index", index, *LEXICAL, "--filter", "year=1990")
    assert [result["id"] for result in one.json["results"]] == ["time.sleep"]
    assert cli("search", "x", "--index", index, "--filter", "year").code == 2


def test_a_followed_document(cli: Cli, index: Path) -> None:
    found = cli("search", "seconds", "--index", index, *LEXICAL, "--track", "os.path.join")
    assert found.json["track"] | {"legs": None} == {
        "id": "os.path.join",
        "exists": True,
        "pooled": False,
        "legs": None,
        "fused_rank": None,
        "fused_score": None,
        "rerank": None,
        "rank": None,
        "stage": None,
        "rule": None,
    }
    assert found.json["track"]["legs"]["lexical"]["text"] == "lexical: does not match"
    table = cli("search", "seconds", "--index", index, *LEXICAL, "--track", "os.path.join", "-o", "table")
    assert table.out.endswith(b"\nos.path.join: no leg returned it\n  lexical: does not match\n")
    cut = cli("search", "seconds", "--index", index, "--set", "cut.top_k=1", "--track", "time.sleep", "-o", "table")
    assert b"time.sleep: dropped by top_k at rank " in cut.out
    assert b"no such document" in cli("search", "a", "--index", index, "--track", "nothing", "-o", "table").out
    unknown = cli("search", "zzqxv", "--index", index, "--track", "time.sleep")
    assert unknown.json["track"]["legs"]["lexical"]["text"] == "lexical: does not match"


def test_many_queries(cli: Cli, index: Path, queries: Path) -> None:
    found = cli("search", "--queries", queries, "--index", index, *LEXICAL)
    assert found.code == 0
    assert [(line["id"], line["query"]) for line in found.lines] == [
        ("q 1", "seconds"),
        ("q2", "the thread"),
        ("q3", "zzzz"),
    ]
    assert f"{queries}:3: the line is blank" in found.err
    assert "query id 'q2' was already used" in found.err
    assert "3 queries in" in found.err
    assert "1 without results, 2 left out" in found.err


def test_many_as_one_json_array_and_as_tables(cli: Cli, index: Path, queries: Path) -> None:
    found = cli("search", "--queries", queries, "--index", index, *LEXICAL, "-o", "json")
    assert [report["id"] for report in found.json] == ["q 1", "q2", "q3"]
    tables = cli("search", "--queries", queries, "--index", index, *LEXICAL, "-o", "table").out.decode()
    assert tables.startswith("q 1: seconds\nrank ")
    assert tables.endswith("\n\nq3: zzzz\nno results\n")


def test_a_run_is_deep_whatever_is_shown(cli: Cli, index: Path, queries: Path) -> None:
    narrow = ("--set", "cut.top_k=1", "--set", "cut.offset=1")
    found = cli("search", "--queries", queries, "--index", index, *LEXICAL, *narrow, "--run", "out/my.trec")
    assert (found.code, found.out) == (0, b"")
    lines = [line.split() for line in Path("out/my.trec").read_text().splitlines()]
    assert [line[0] for line in lines].count("q%201") == 3
    assert [line[3] for line in lines if line[0] == "q%201"] == ["1", "2", "3"]
    shallow = cli("search", "--queries", queries, "--index", index, *LEXICAL, "--run", "2.trec", "--depth", "2")
    assert shallow.code == 0
    assert Path("2.trec").read_text().count("q%201") == 2
    both = cli("search", "--queries", queries, "--index", index, *LEXICAL, *narrow, "--run", "b.trec", "-o", "ndjson")
    assert Path("b.trec").read_bytes() == Path("out/my.trec").read_bytes()
    assert [len(line["results"]) for line in both.lines] == [1, 1, 0]


def test_queries_from_standard_input(cli: Cli, index: Path, monkeypatch: pytest.MonkeyPatch, queries: Path) -> None:
    class Input:
        buffer = io.BytesIO(queries.read_bytes())

    monkeypatch.setattr("sys.stdin", Input())
    piped = cli("search", "--queries", "-", "--index", index, *LEXICAL, "-o", "trec")
    assert piped.out == cli("search", "--queries", queries, "--index", index, *LEXICAL, "-o", "trec").out
    assert "<stdin>:3: the line is blank" in piped.err


def test_syntax_of_a_file_is_text_unless_asked_for(cli: Cli, index: Path, tmp_path: Path) -> None:
    file = tmp_path / "q.txt"
    file.write_text("seconds -white\n")
    plain = cli("search", "--queries", file, "--index", index, *LEXICAL)
    assert "with space" in {result["id"] for result in plain.lines[0]["results"]}
    read = cli("search", "--queries", file, "--index", index, *LEXICAL, "--syntax")
    assert "with space" not in {result["id"] for result in read.lines[0]["results"]}


def test_a_blank_query_asks_nothing(cli: Cli, index: Path) -> None:
    found = cli("search", "  ", "--index", index)
    assert (found.code, found.json["results"]) == (0, [])
    assert "blank query" in found.err


def test_the_index_at_hand_is_searched(cli: Cli, corpus: Path) -> None:
    nothing = cli("search", "seconds")
    assert nothing.code == 3
    assert "rankscope demo" in nothing.err
    assert cli("index", corpus, "--into", "index").code == 0
    assert cli("search", "seconds").json["results"]


@pytest.mark.parametrize(
    ("given", "run", "many", "stdout"),
    [
        (None, None, False, Format.JSON),
        (None, None, True, Format.NDJSON),
        (None, Path("x"), True, None),
        (Format.TREC, Path("x"), True, None),
        (Format.TREC, None, True, Format.TREC),
        (Format.TABLE, Path("x"), False, Format.TABLE),
    ],
)
def test_where_answers_go(given: Format | None, run: Path | None, many: bool, stdout: Format | None) -> None:
    assert Wish.of(given, run, 1000, many=many) == Wish(stdout, run, 1000)


class Broken(EmbeddedStore):
    """A store whose legs of these names fail."""

    failing: Collection[str] = ()

    async def search_leg(self, request: LegRequest) -> LegHits:
        if request.name in self.failing:
            raise StoreError(f"the disk under {request.name} is gone")
        return await super().search_leg(request)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> type[Broken]:
    def open_(settings: Settings, base: Path, executor: Executor, explicit: Any) -> Broken:
        return Broken(EmbeddedIndex.open(settings.store.path), executor)

    monkeypatch.setitem(registry.STORES, "broken", open_)
    return Broken


def test_one_failed_leg_is_a_note(cli: Cli, index: Path, broken: type[Broken], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, "failing", ("dense",))
    found = cli("search", "seconds", "--index", index, "--set", "store.kind=broken")
    assert found.code == 0
    assert "the disk under dense is gone" in found.err
    assert len(found.json["results"]) == 3


def test_no_leg_left_is_3(
    cli: Cli, index: Path, broken: type[Broken], monkeypatch: pytest.MonkeyPatch, queries: Path
) -> None:
    monkeypatch.setattr(broken, "failing", ("dense", "lexical"))
    found = cli("search", "seconds", "--index", index, "--set", "store.kind=broken")
    assert found.code == 3
    assert "no leg answered" in found.err
    assert json.loads(found.out)["results"] == []
    many = cli("search", "--queries", queries, "--index", index, "--set", "store.kind=broken", "--run", "x.trec")
    assert many.code == 3
    assert not Path("x.trec").exists()
    assert f"{queries}:1: query q 1: " in many.err


def test_facets_count_what_matches(cli: Cli, tmp_path: Path) -> None:
    rows = [("a", "red thread", "en"), ("b", "red cord", "en"), ("c", "red wire", "de"), ("d", "blue", "fr")]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"_id": i, "text": text, "lang": lang}) + "\n" for i, text, lang in rows))
    index = str(tmp_path / "index")
    assert cli("index", str(corpus), "--into", index).code == 0
    found = cli("search", "red", "--index", index, "--facets", "lang, lang").json["facets"]
    assert found == {"lang": [{"value": "en", "count": 2}, {"value": "de", "count": 1}]}
    assert b"\nlang: en 2, de 1\n" in cli("search", "red", "--index", index, "--facets", "lang", "-o", "table").out
    none = cli("search", "-o", "table", "--facets=lang", "--index", index, "--", "nowhere")
    assert b"\nlang: no values\n" in none.out
    wrong = cli("search", "red", "--index", index, "--facets", "lan")
    assert wrong.code == 2
    assert "the nearest is 'lang'" in wrong.err
    assert "one query" in cli("search", "--queries", str(corpus), "--index", index, "--facets", "lang").err
