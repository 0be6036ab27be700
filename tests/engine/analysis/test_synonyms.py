"""Synonym files: their format, their faults, what they expand."""

from pathlib import Path

import pytest

from engine.analysis.analyzers import get
from engine.analysis.synonyms import WEIGHT, Expansion, Rule, Synonyms, parse, read
from engine.errors import SettingsError

LINES = ["# vehicles", "", "car, automobile, motor car", "i-pod, i pod => ipod", r"a\,b, x \=> y"]


def test_the_format() -> None:
    assert WEIGHT == 0.25
    assert parse(LINES, "s.txt") == [
        Rule(("car", "automobile", "motor car"), ("car", "automobile", "motor car"), "s.txt:3"),
        Rule(("i-pod", "i pod"), ("ipod",), "s.txt:4"),
        Rule(("a,b", "x => y"), ("a,b", "x => y"), "s.txt:5"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cars and the motor cars", [(0, 4, ("automobile", "motor car")), (13, 23, ("car", "automobile"))]),
        ("my I-Pod", [(3, 8, ("ipod",))]),
        ("ipod motor", []),
        ("", []),
    ],
)
def test_expansion_compares_analysed_words_and_takes_the_longest(
    text: str, expected: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    assert Synonyms(parse(LINES, "s"), get("english")).expand(text) == [Expansion(*one) for one in expected]


def test_a_longer_key_wins_over_a_shorter_one_and_lines_add_up() -> None:
    synonyms = Synonyms(parse(["new york => nyc", "york => jorvik", "york, eboracum"], "s"), get("standard"))
    assert synonyms.expand("New York York") == [(0, 8, ("nyc",)), (9, 13, ("jorvik", "eboracum"))]


def test_a_whole_identifier_is_one_word() -> None:
    synonyms = Synonyms(parse(["time.sleep => pause"], "s"), get("identifier"))
    assert synonyms.expand("time.sleep") == [(0, 10, ("pause",))]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a, , b", r"s\.txt:2: an entry is empty"),
        ("a =>", r"s\.txt:2: an entry is empty"),
        ("a => b => c", r"s\.txt:2: more than one =>"),
    ],
)
def test_a_bad_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text(f"x, y\n{line}\n")
    with pytest.raises(SettingsError, match=message) as caught:
        read(path)
    assert caught.value.path == "legs.lexical.synonyms"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.txt: No such file"):
        read(tmp_path / "missing.txt")
    path = tmp_path / "latin.txt"
    path.write_bytes(b"a, b\nx, \xe9t\xe9\n")
    with pytest.raises(SettingsError, match=r"latin\.txt:2: not UTF-8 \(byte 8\)"):
        read(path)
    path.write_bytes("\ufeffété, summer\n".encode())
    assert read(path) == [Rule(("été", "summer"), ("été", "summer"), f"{path}:1")]


def test_a_key_that_analysis_removes_is_an_error() -> None:
    with pytest.raises(SettingsError, match="s:1: analyser 'english' leaves nothing of 'the'"):
        Synonyms(parse(["the, a thing"], "s"), get("english"))
