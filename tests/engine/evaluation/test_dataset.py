"""Queries with judgments from every form they come in, and a place for everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import SourceError
from engine.evaluation.dataset import DataSet, load_dataset, load_files
from engine.evaluation.qrels import read_qrels
from engine.evaluation.runs import read_run
from tests.engine.evaluation.cranfield import FOLDER, data, needs_cranfield

BEIR = "query-id\tcorpus-id\tscore\n1\td 1\t2\n1\td2\t0\n2\td3\t1\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str | bytes) -> Path:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def beir(write: Write, judgments: str = BEIR, split: str = "test") -> str:
    write("queries.jsonl", '{"_id": "1", "text": "one"}\n{"_id": "2", "text": "two"}\n{"_id": "3", "text": "three"}\n')
    return str(write(f"qrels/{split}.tsv", judgments).parent.parent)


def test_a_beir_folder(write: Write) -> None:
    found = load_dataset(beir(write))
    assert [(item.id, item.text) for item in found.queries] == [("1", "one"), ("2", "two")]
    assert found.qrels == {"1": {"d 1": 2, "d2": 0}, "2": {"d3": 1}}
    assert (found.unjudged, found.excluded, found.problems) == (1, (), ())


def test_queries_without_anything_relevant_are_left_out_and_counted(write: Write) -> None:
    found = load_dataset(beir(write, BEIR + "3\td1\t0\n3\td2\t-1\n9\td1\t1\n"))
    assert [item.id for item in found.queries] == ["1", "2"]
    assert (found.unjudged, found.excluded) == (0, ("3",))
    assert [str(problem).partition(": ")[2] for problem in found.problems] == [
        "query 9 is judged, but there is no such query"
    ]


def test_the_split_is_chosen_and_a_wrong_one_names_those_there_are(write: Write) -> None:
    folder = beir(write, split="dev")
    assert len(load_dataset(folder, "dev")) == 2
    with pytest.raises(SourceError) as caught:
        load_dataset(folder)
    assert "dev" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "1\td 1\t2\n1\td2\t0\n2\td3\t1\n",
        "query-id\tcorpus-id\tscore\r\n1\td 1\t2\r\n1\td2\t0\r\n\r\n2\td3\t1",
        '{"query_id": 1, "doc_id": "d 1", "grade": 2}\n{"qid": "1", "docid": "d2", "score": "0"}\n'
        '{"query-id": "2", "corpus-id": "d3", "relevance": 1.0}\n',
    ],
)
def test_judgments_in_columns_and_json_lines(write: Write, text: str) -> None:
    assert read_qrels(write("qrels", text)) == {"1": {"d 1": 2, "d2": 0}, "2": {"d3": 1}}


def test_trec_judgments_and_topics(write: Write) -> None:
    qrels = write("qrels.txt", "51 0 FT-1 1\n51 0 FT-2 0\n\n52 Q0 FT-2 3\n52\t0\tFT-3\t-2\n")
    topics = write(
        "topics.txt",
        "<top>\n<head> Tipster\n<num> Number:  051\n<title> Topic:  Airbus\n   subsidies\n<desc> Description:\nWho?\n"
        "</top>\n\n<TOP>\n<NUM>052</NUM>\n<TITLE></TITLE>\n<desc>South African sanctions</desc>\n</TOP>\n",
    )
    found = load_files(topics, qrels)
    assert [(item.id, item.text) for item in found.queries] == [
        ("051", "Airbus subsidies"),
        ("052", "South African sanctions"),
    ]
    assert found.qrels == {"051": {"FT-1": 1, "FT-2": 0}, "052": {"FT-2": 3, "FT-3": -2}}
    tabs = write("topics.tsv", "51\tAirbus subsidies\n52\tSouth African sanctions\n")
    assert [item.text for item in load_files(tabs, qrels).queries] == [item.text for item in found.queries]


def test_equal_content_has_an_equal_digest_wherever_it_lies(write: Write) -> None:
    one = load_dataset(beir(write))
    shuffled = write("other.tsv", "".join(reversed(BEIR.splitlines(keepends=True)[1:])))
    queries = write("queries.tsv", "2\ttwo\n1\tone\n3\tthree\n")
    assert load_files(queries, shuffled).digest == one.digest
    for changed in (BEIR.replace("d3\t1", "d3\t2"), BEIR + "1\td9\t0\n"):
        assert load_files(queries, write("other.tsv", changed)).digest != one.digest
    assert load_files(write("q.tsv", "2\ttwo\n1\tonE\n"), shuffled).digest != one.digest


def test_the_demo_and_cranfield() -> None:
    demo = load_dataset("python-docs")
    assert len(demo) == 68
    assert demo.path is None


@needs_cranfield
def test_cranfield() -> None:
    found = data()
    assert (found.name, len(found), found.path) == ("cranfield", 225, FOLDER)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("1\td1\t2\n1\td2\tyes\n", ":2", "the grade 'yes' is not a whole number"),
        ("1\td1\t2\n1\td2\t1.5\n", ":2", "whole number"),
        ("1\td1\t2\n1 d2 3\n", ":2", "1 columns where there were three"),
        ("1 0 d1 2\n1 0 d2\n", ":2", "3 columns"),
        ("1\td1\t2\n2\td2\t2\n1\td1\t3\n", ":3", "query 1 grades document d1 3, but 2"),
        ('{"query_id": "1", "doc_id": "d"}\n', ":1", "needs query_id, doc_id and grade"),
        ('{"query_id": "1",\n', ":1", "not JSON"),
        (b"1\td1\t2\n1\td\xff\t2\n", ":2", "0xff"),
        ("", "", "holds no judgment"),
    ],
)
def test_bad_judgments_are_refused_with_their_place(write: Write, text: str | bytes, where: str, what: str) -> None:
    file = write("qrels", text)
    with pytest.raises(SourceError) as caught:
        read_qrels(file)
    assert caught.value.message.startswith(f"{file}{where}")
    assert what in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("<top>\n<num> Number: 1\n</top>\n", 1, "<title> or <desc>"),
        ("\n<top>\n<title> words\n</top>\n", 2, "<num>"),
        ("<top>\n<num> 1\n<title> words\n", 1, "not closed"),
        ("<top>\n<num> 1\n<title> one\n<top>\n<num> 2\n<title> two\n</top>\n", 1, "not closed"),
    ],
)
def test_bad_topics_are_refused_with_their_place(write: Write, text: str, line: int, what: str) -> None:
    file = write("topics.txt", text)
    with pytest.raises(SourceError, match=what) as caught:
        load_files(file, write("qrels", BEIR))
    assert caught.value.message.startswith(f"{file}:{line}")


def test_no_data_set_is_one_clear_error(write: Write, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no data set folder"):
        load_dataset(str(tmp_path / "none"))
    with pytest.raises(SourceError, match=r"none of queries\.jsonl"):
        load_dataset(str(tmp_path))
    with pytest.raises(SourceError, match="none of 3 queries has a document judged above 0"):
        load_dataset(beir(write, "7\td1\t1\n"))


def test_bad_queries_are_told_and_the_rest_stands(write: Write) -> None:
    folder = beir(write)
    write("queries.jsonl", '{"_id": "1", "text": "one"}\n{"_id": "2"}\n{"_id": "1", "text": "again"}\n')
    found: DataSet = load_dataset(folder)
    assert [item.id for item in found.queries] == ["1"]
    assert [problem.where.rpartition(":")[2] for problem in found.problems[:2]] == ["2", "3"]
    assert "query 2 is judged" in str(found.problems[2])


def test_a_run_is_read_in_the_order_of_its_scores(write: Write) -> None:
    file = write("run", "1 Q0 a 1 0.5 t\n1 Q0 b 2 0.50000000001 t\n1 Q0 c 3 7 t\n\n2 Q0 a 1 -1e300 t\n2 Q0 z 9 -2 t\n")
    assert read_run(file) == {"1": ["c", "b", "a"], "2": ["z", "a"]}


@pytest.mark.parametrize(
    ("text", "what"),
    [("1 Q0 a 1 x t", "no line of a run"), ("1 a 1", "no line"), ("1 Q0 a 1 1 t\n1 Q0 a 2 0 t", ":2: query 1 has")],
)
def test_a_bad_run_is_refused(write: Write, text: str, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        read_run(write("run", text))
