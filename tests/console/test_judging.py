"""Judgments on disk: saved at once, merged with what others write, taken back in order, and never half there."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.judging import HEADER, Judgments, grade_from
from console.locations import locations
from console.opening import Wanted, judged_data, last_wanted, remember
from engine.errors import SourceError, UsageError
from engine.evaluation.dataset import load_dataset
from engine.ingest.demo import demo_qrels, demo_queries
from engine.settings.load import Loaded
from engine.settings.schema import Settings
from tests.console.consoles import QUERY, drained, session_on
from tests.corpus import WatchedStore, changed, pipeline_on


def beir(folder: Path, qrels: str = "1\tsleep\t3\n1\twait\t0\n2\tjoin\t2\n") -> Path:
    """A BEIR folder with two queries."""
    (folder / "qrels").mkdir(parents=True)
    (folder / "qrels/test.tsv").write_text(f"{HEADER}\n{qrels}")
    (folder / "queries.jsonl").write_text(
        '{"_id": "1", "text": "wait some  seconds"}\n{"_id": "2", "text": "join paths"}\n{"_id": "3", "text": "none"}\n'
    )
    return folder


def lines(judgments: Judgments) -> list[str]:
    return (judgments.folder / "qrels/test.tsv").read_text().splitlines()


def test_a_grade_is_saved_at_once_and_reads_back(tmp_path: Path) -> None:
    judgments = Judgments("set", beir(tmp_path / "set"))
    change = judgments.grade("Wait some seconds ", "timer", 2)
    assert (change.query_id, change.before, change.after) == ("1", None, 2)
    assert change.change == "grade of timer –→2"
    assert lines(judgments) == [HEADER, "1\tsleep\t3", "1\twait\t0", "1\ttimer\t2", "2\tjoin\t2"]
    assert Judgments("set", tmp_path / "set").of_text("wait some seconds") == {"sleep": 3, "wait": 0, "timer": 2}
    assert load_dataset(str(tmp_path / "set")).qrels["1"]["timer"] == 2


def test_a_new_query_gets_an_id_and_both_files_are_made(tmp_path: Path) -> None:
    judgments = Judgments.open("", "my/index", tmp_path)
    assert judgments.folder == tmp_path / "my%2Findex"
    assert not judgments
    assert judgments.grade("wie lange\tnoch?", "sleep", 3).query_id == "1"
    assert judgments.grade("another", "wait", 1).query_id == "2"
    data = load_dataset(str(judgments.folder))
    assert [(item.id, item.text) for item in data.queries] == [("1", "wie lange noch?"), ("2", "another")]
    assert data.qrels == {"1": {"sleep": 3}, "2": {"wait": 1}}


def test_the_last_grade_taken_away_leaves_an_empty_set_that_opens(tmp_path: Path) -> None:
    judgments = Judgments.open("", "index", tmp_path)
    judgments.grade("q", "sleep", 3)
    judgments.grade("q", "sleep", None)
    assert lines(judgments) == [HEADER]
    again = Judgments.open("", "index", tmp_path)
    assert not again
    assert [item.text for item in again.queries] == ["q"]


def test_what_somebody_else_wrote_is_kept(tmp_path: Path) -> None:
    mine, theirs = (
        Judgments("set", beir(tmp_path / "set")) if not i else Judgments("set", tmp_path / "set") for i in (0, 1)
    )
    theirs.grade("join paths", "json", 1)
    theirs.grade("a query of theirs", "lock", 3)
    mine.grade("wait some seconds", "timer", 2)
    mine.grade("a query of mine", "queue", 1)
    assert mine.of_text("join paths") == {"join": 2, "json": 1}
    assert mine.of_text("a query of theirs") == {"lock": 3}
    assert [item.id for item in mine.queries] == ["1", "2", "3", "4", "5"]
    assert theirs.refresh()
    assert theirs.of_text("a query of mine") == {"queue": 1}
    assert not theirs.refresh()


def test_undo_of_a_grade_takes_back_that_grade_alone(tmp_path: Path) -> None:
    judgments = Judgments("set", beir(tmp_path / "set"))
    change = judgments.grade("wait some seconds", "sleep", 1)
    Judgments("set", judgments.folder).grade("wait some seconds", "lock", 2)
    judgments.apply(change.reversed)
    assert judgments.of_text("wait some seconds") == {"sleep": 3, "wait": 0, "lock": 2}


@pytest.mark.parametrize(
    ("qrels", "message"),
    [
        ("1\tsleep\tmuch\n", "test.tsv:2: the grade 'much' is not a whole number"),
        ("1\tsleep\t1\n1 sleep\n", "test.tsv:3: 1 columns where there were three"),
        ("1\tsleep\t1\n1\tsleep\t2\n", "test.tsv:3: query 1 grades document sleep 2, but 1"),
    ],
)
def test_a_bad_line_is_one_error_with_its_place(tmp_path: Path, qrels: str, message: str) -> None:
    folder = beir(tmp_path / "set", qrels)
    with pytest.raises(SourceError, match=message.replace("'", ".")):
        Judgments("set", folder)


def test_a_file_that_went_bad_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    judgments = Judgments("set", beir(tmp_path / "set"))
    file = judgments.folder / "qrels/test.tsv"
    file.write_text("what is this\n")
    with pytest.raises(SourceError, match=r"test\.tsv:1"):
        judgments.grade("join paths", "json", 1)
    assert file.read_text() == "what is this\n"
    assert judgments.of_text("join paths") == {"join": 2}


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file where the folder would be")
    judgments = Judgments.open("", "index", tmp_path / "other")
    judgments.folder, judgments._qrels_file = home, home / "qrels/test.tsv"
    judgments._queries_file = home / "queries.jsonl"
    with pytest.raises(SourceError, match="cannot be"):
        judgments.grade("q", "sleep", 3)
    assert not judgments


def test_a_bad_query_line_names_its_place(tmp_path: Path) -> None:
    folder = beir(tmp_path / "set")
    (folder / "queries.jsonl").write_text('{"_id": "1", "text": "fine"}\n\n{"_id": "2"}\n')
    with pytest.raises(SourceError, match=r"queries\.jsonl:3: the query needs its words"):
        Judgments("set", folder)


def test_what_comes_with_the_package_is_copied_on_the_first_grade(tmp_path: Path) -> None:
    judgments = Judgments.open("python-docs", "demo", tmp_path)
    assert not (tmp_path / "python-docs").exists()
    assert len(judgments.queries) == len(demo_queries())
    first = judgments.queries[0]
    judgments.grade(first.text, "time.sleep", 0)
    data = load_dataset(str(tmp_path / "python-docs"))
    assert data.qrels == demo_qrels() | {first.id: demo_qrels()[first.id] | {"time.sleep": 0}}
    assert Judgments.open("python-docs", "demo", tmp_path).of_id(first.id)["time.sleep"] == 0


def test_trec_files_stay_trec_and_json_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "queries.tsv").write_text("007\twait some seconds\n")
    (tmp_path / "qrels.txt").write_text("7 0 sleep 2\n")
    judgments = Judgments("trec", tmp_path)
    judgments.grade("wait some seconds", "wait", 1)
    judgments.grade("new words", "lock", 3)
    assert (tmp_path / "qrels.txt").read_text() == "007 0 sleep 2\n007 0 wait 1\n8 0 lock 3\n"
    assert (tmp_path / "queries.tsv").read_text() == "007\twait some seconds\n8\tnew words\n"
    with pytest.raises(SourceError, match="white space"):
        judgments.grade("new words", "two words", 1)
    (tmp_path / "qrels.txt").unlink()
    (tmp_path / "qrels.jsonl").write_text('{"query_id": "007", "doc_id": "sleep", "grade": 2}\n')
    with pytest.raises(SourceError, match="JSON Lines are not written"):
        Judgments("trec", tmp_path).grade("wait some seconds", "wait", 1)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no data set folder") as caught:
        Judgments.open(str(tmp_path / "nope"), "index", tmp_path)
    assert "make the folder" in caught.value.hint


def test_grades_as_words() -> None:
    assert [grade_from(text) for text in ("0", "3", "-")] == [0, 3, None]
    with pytest.raises(UsageError, match="4 is no grade"):
        grade_from("4")


def test_the_demo_opens_with_its_own_judgments_and_others_are_remembered(tmp_path: Path) -> None:
    places = locations({"RANKSCOPE_HOME": str(tmp_path)})
    demo = Loaded(changed(Settings(), store={"path": str(places.demo_index)}))
    assert judged_data(Wanted(), demo, places) == "python-docs"
    assert judged_data(Wanted(data="mine"), demo, places) == "mine"
    assert judged_data(Wanted(), Loaded(Settings()), places) == ""
    remember(Wanted(index=beir(tmp_path / "set"), data="python-docs"), places)
    assert last_wanted(places) == Wanted(index=tmp_path / "set", data="python-docs")
    assert not Wanted(data="mine").named


async def test_one_undo_for_knobs_and_grades(store: WatchedStore, tmp_path: Path) -> None:
    session = session_on(pipeline_on(store))
    session.judgments = Judgments("set", tmp_path)
    await drained(session.ask(QUERY))
    session.turn("weights.dense", 0.5)
    session.grade("sleep", 3)
    session.turn("weights.dense", 0.4)
    session.turn("weights.dense", 0.3)
    session.grade("sleep", 2)
    session.grade("sleep", 2)  # nothing changes, nothing to undo
    assert len(session.tries) == 3

    def state() -> tuple[float, int | None]:
        return round(session.settings.weights["dense"], 2), session.grades.get("sleep")

    seen = [state()]
    while session.can_undo:
        session.undo()
        seen.append(state())
    assert seen == [(0.3, 2), (0.3, 3), (0.5, 3), (0.5, None), (0.7, None)]
    back = [state()]
    while session.can_redo:
        session.redo()
        back.append(state())
    assert back == seen[::-1]
    assert Judgments("set", tmp_path).of_text(QUERY) == {"sleep": 2}


async def test_nothing_is_judged_without_a_place_or_a_query(store: WatchedStore, tmp_path: Path) -> None:
    session = session_on(pipeline_on(store))
    with pytest.raises(UsageError, match="no place for judgments"):
        session.grade("sleep", 1)
    session.judgments = Judgments("set", tmp_path)
    with pytest.raises(UsageError, match="no query"):
        session.grade("sleep", 1)
    assert session.grades == {}
