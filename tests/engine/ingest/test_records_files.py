"""JSON Lines, CSV and BEIR: what becomes a document, and that every bad line keeps its number."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from engine.errors import SourceError
from engine.ingest import lines
from engine.ingest.base import Problem, ProblemKind, Source, SourceDocument, SourceOptions, checked
from engine.ingest.registry import open_source
from engine.records import Document

CRANFIELD = Path(__file__).parents[4] / "shared" / "data" / "cranfield"


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def documents(source: Source) -> list[Document]:
    return [item.document for item in source.documents() if isinstance(item, SourceDocument)]


def problems(source: Source) -> list[tuple[str, ProblemKind]]:
    """Line number and kind of each problem, in order."""
    found = [item for item in checked(source) if isinstance(item, Problem)]
    return [(item.where.rpartition(":")[2], item.kind) for item in found]


def test_every_bad_json_line_is_reported_with_its_number(tmp_path: Path) -> None:
    content = b"\n".join(
        [
            b'{"id": "a", "title": "A", "text": "one"}',
            b"",
            b'{"id": "b", "text": ',
            b'["a list"]',
            b'{"title": "no id"}',
            b'{"id": "", "title": "blank id"}',
            b'{"id": 1.5, "title": "float id"}',
            b'{"id": true, "title": "bool id"}',
            b'{"id": "c", "title": "\xff"}',
            b'{"id": "d", "title": NaN}',
            b'{"id": "e"} {"id": "f"}',
            b"[" * 100_000,
            b'{"id": "a", "title": "again", "text": "two"}',
            b'{"id": "g", "title": " "}',
            b'{"id": 7, "title": "numeric id, no final newline"}',
        ]
    )
    source = open_source(write(tmp_path / "c.jsonl", content))
    bad = [(str(n), ProblemKind.BAD) for n in range(3, 13)]
    assert problems(source) == [
        ("2", ProblemKind.BLANK),
        *bad,
        ("13", ProblemKind.DUPLICATE),
        ("14", ProblemKind.BLANK),
    ]
    assert [document.id for document in documents(source)] == ["a", "a", "g", "7"]
    assert source.count() == 15


def test_a_duplicate_names_both_places(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", '{"id": "x", "text": "1"}\n{"id": "y", "text": "2"}\n{"id": "x", "text": "3"}\n')
    (problem,) = [item for item in checked(open_source(path)) if isinstance(item, Problem)]
    assert problem.where == f"{path}:3"
    assert f"{path}:1" in problem.text


def test_undecodable_bytes_are_placed_within_the_line(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", b'{"id": "a", "text": "x"}\n{"id": "b", "text": "\xe9"}\n')
    (problem,) = [item for item in open_source(path).documents() if isinstance(item, Problem)]
    assert problem.text == "byte 22 of the line (0xe9) is not utf-8"
    (_, second) = documents(open_source(path, SourceOptions(encoding="latin-1")))
    assert second.text_of("text") == "é"


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    rows = b'{"id": "a", "title": "A"}\r\n{"id": "b", "title": "B"}\r\n'
    source = open_source(write(tmp_path / "c.jsonl", codecs.BOM_UTF8 + rows))
    assert [document.title for document in documents(source)] == ["A", "B"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_wide_encodings_are_refused_with_the_way_out(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "c.jsonl", '{"id": "a"}\n'.encode(encoding))
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert "iconv" in caught.value.hint
    with pytest.raises(SourceError, match="line by line"):
        open_source(path, SourceOptions(encoding=encoding))


def test_unknown_encoding(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no encoding 'utf-9'"):
        open_source(write(tmp_path / "c.jsonl", '{"id": "a"}'), SourceOptions(encoding="utf-9"))


def test_an_endless_line_is_skipped_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1 << 20)
    long = json.dumps({"id": "b", "text": "x" * (3 << 20)})
    path = write(tmp_path / "c.jsonl", f'{{"id": "a", "text": "x"}}\n{long}\n{{"id": "c", "text": "y"}}\n')
    source = open_source(path)
    assert problems(source) == [("2", ProblemKind.BAD)]
    assert [document.id for document in documents(source)] == ["a", "c"]


def test_nested_values_are_flattened_and_lists_kept(tmp_path: Path) -> None:
    record = {
        "id": "a",
        "text": "x",
        "meta": {"year": 1984, "ok": True, "none": None, "deep": {"er": 0.5}},
        "tags": ["x", 2, None, True],
        "authors": [{"name": "Ann", "age": 3}, {"name": "Bob"}],
        "grid": [[1, 2], [3]],
        "empty": [],
        "huge": 2**70,
    }
    (document,) = documents(open_source(write(tmp_path / "c.jsonl", json.dumps(record))))
    assert document.fields == {
        "text": "x",
        "meta.year": 1984,
        "meta.ok": True,
        "meta.deep.er": 0.5,
        "tags": ["x", "2", "true"],
        "authors.name": ["Ann", "Bob"],
        "authors.age": ["3"],
        "grid": ["1", "2", "3"],
        "huge": str(2**70),
    }


def test_field_mapping_renames_and_wins(tmp_path: Path) -> None:
    row = '{"key": "a", "name": "N", "title": "old", "info": {"body": "B"}}\n'
    options = SourceOptions(id_field="key", fields={"title": "name", "text": "info.body"})
    source = open_source(write(tmp_path / "c.jsonl", row), options)
    (document,) = documents(source)
    assert document == Document("a", {"title": "N", "text": "B"})
    assert list(source.schema.text_fields) == ["title", "text"]


def test_a_mapping_to_a_missing_field_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", '{"id": "a", "headline": "x"}\n')
    with pytest.raises(SourceError, match="no field 'headlin'") as caught:
        open_source(path, SourceOptions(fields={"title": "headlin"}))
    assert "did you mean 'headline'" in caught.value.hint


def test_ids_by_line_number_where_there_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", '{"text": "x"}\n\n{"text": "y"}\n')
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert "--id-field" in caught.value.hint
    assert [document.id for document in documents(open_source(path, SourceOptions(id_field="#")))] == ["1", "3"]


def test_schema_is_proposed_from_the_values(tmp_path: Path) -> None:
    rows = [{"id": n, "lang": "en", "stars": n, "body": "a text of several words", "title": n} for n in range(3)]
    source = open_source(write(tmp_path / "c.jsonl", "\n".join(map(json.dumps, rows))))
    assert source.schema.text_fields == {"title": "english", "body": "english"}
    assert source.schema.keyword_fields == ("lang",)
    assert source.schema.numeric_fields == ("stars",)
    assert source.schema.embedding_template == "{title}\n{body}"
    assert documents(source)[1].fields["title"] == "1"


@pytest.mark.parametrize("content", ["", "\n\n", "not json\n"])
def test_a_file_without_any_record_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(SourceError, match="holds no document"):
        open_source(write(tmp_path / "c.jsonl", content))


def test_csv_rows_quotes_and_numbers(tmp_path: Path) -> None:
    content = 'id,title,year,code\n1,"A ""quoted"", title\nof two lines",1984,007\n2,B,,008\n'
    source = open_source(write(tmp_path / "c.csv", content))
    assert list(source.documents()) == [
        SourceDocument(
            Document("1", {"title": 'A "quoted", title\nof two lines', "year": 1984, "code": "007"}),
            f"{tmp_path / 'c.csv'}:2",
        ),
        SourceDocument(Document("2", {"title": "B", "code": "008"}), f"{tmp_path / 'c.csv'}:4"),
    ]
    assert source.schema.numeric_fields == ("year",)


def test_every_bad_csv_row_is_reported_with_its_first_line(tmp_path: Path) -> None:
    content = (
        b'id;text\na;fine\n\nb\nc;x;y\nd;"two\n\xff lines"\ne;"stray" quote\n;no id\nf;fine\ng;"never closed\nh;x\n'
    )
    source = open_source(write(tmp_path / "c.csv", content), SourceOptions(delimiter=";"))
    kinds = dict(problems(source))
    assert list(kinds) == ["3", "4", "5", "6", "8", "9", "11"]
    assert kinds["3"] is ProblemKind.BLANK
    assert [document.id for document in documents(source)] == ["a", "f"]


def test_tsv_and_a_long_cell(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "c.tsv", f"id\ttext\r\n1\t{'word ' * 100_000}\r\n"))
    (document,) = documents(source)
    assert len(document.text_of("text")) == 500_000


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("id,id\n1,2\n", SourceOptions(), "each once"),
        ("id,\n1,2\n", SourceOptions(), "each once"),
        ("id,text\n1,2\n", SourceOptions(delimiter="::"), "not one character"),
        ("key,text\n1,2\n", SourceOptions(), "no field '_id' or 'id'"),
        (b"id,\xff\n1,2\n", SourceOptions(), "header cannot be read"),
        ("id,text\n", SourceOptions(), "holds no document"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path: Path, content: str | bytes, options: SourceOptions, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_source(write(tmp_path / "c.csv", content), options)


def test_beir_folder_with_metadata_and_missing_fields(tmp_path: Path) -> None:
    rows = [
        {"_id": "a", "title": "T", "text": "x", "metadata": {"url": "u", "year": 3}},
        {"_id": 2, "text": 5},
        {"_id": "c", "title": "", "text": "", "metadata": {}},
    ]
    write(tmp_path / "corpus.jsonl", "\n".join(map(json.dumps, rows)))
    write(tmp_path / "queries.jsonl", "never read")
    source = open_source(str(tmp_path))
    assert source.name == tmp_path.name
    assert documents(source) == [
        Document("a", {"title": "T", "text": "x", "metadata.url": "u", "metadata.year": 3}),
        Document("2", {"text": "5"}),
        Document("c", {"title": "", "text": ""}),
    ]
    assert problems(source) == [("3", ProblemKind.BLANK)]


def test_the_fingerprint_follows_content_and_options(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", '{"id": "a", "text": "x"}\n')
    first = open_source(path).fingerprint()
    assert open_source(path).fingerprint() == first
    assert open_source(path, SourceOptions(fields={"title": "text"})).fingerprint() != first
    write(tmp_path / "c.jsonl", '{"id": "a", "text": "xy"}\n')
    assert open_source(path).fingerprint() != first


@pytest.mark.parametrize(
    ("name", "hint"),
    [("python-doc", "did you mean python-docs?"), ("nowhere", "a .jsonl or .ndjson file")],
)
def test_a_source_that_does_not_exist(name: str, hint: str) -> None:
    with pytest.raises(SourceError, match="there is no source") as caught:
        open_source(name)
    assert hint in caught.value.hint


def test_a_source_of_unknown_shape(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="one JSON value"):
        open_source(write(tmp_path / "c.json", "[]"))
    with pytest.raises(SourceError, match="no reader knows"):
        open_source(write(tmp_path / "c.pdf", "x"))
    assert open_source(write(tmp_path / "c.log", '{"id": 1, "text": "x"}'), SourceOptions(kind="jsonl")).name == "c.log"
    with pytest.raises(SourceError, match="no reader 'xml'"):
        open_source("x", SourceOptions(kind="xml"))
    with pytest.raises(SourceError, match="cannot read"):
        open_source(str(tmp_path / "gone.jsonl"))


@pytest.mark.skipif(not CRANFIELD.exists(), reason="the Cranfield collection is not beside the project")
def test_cranfield() -> None:
    source = open_source(str(CRANFIELD))
    assert len(documents(source)) == source.count() == 1399
    assert [kind for _, kind in problems(source)] == [ProblemKind.BLANK, ProblemKind.BLANK]
