"""Folders that are no index, or no longer a whole one: always one clear error with the way out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import IndexDamagedError, IndexNotFoundError
from engine.records import Document
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import MANIFEST, EmbeddingSpec, IndexSpec
from engine.stores.embedded.writer import IndexWriter

SPEC = IndexSpec({"text": "standard"}, EmbeddingSpec("random", 2), source="corpus.jsonl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    documents = [Document(f"d{n}", {"text": f"word{n} fox", "tag": "x", "n": n}) for n in range(9)]
    with IndexWriter(tmp_path / "index", SPEC) as writer:
        writer.add(documents, np.ones((9, 2), dtype=np.float32))
        writer.commit()
    return tmp_path / "index"


def names(path: Path) -> list[str]:
    return sorted(json.loads((path / MANIFEST).read_text())["files"])


def test_every_file_truncated_emptied_or_gone(path: Path) -> None:
    assert len(names(path)) > 20
    for name in names(path):
        file = path / "gen-0001" / name
        whole = file.read_bytes()
        for left in (whole[:-1], whole[: len(whole) // 2], b"", None):
            file.unlink() if left is None else file.write_bytes(left)
            with pytest.raises(IndexDamagedError, match=name) as raised:
                EmbeddedIndex.open(path)
            assert raised.value.hint == f"rankscope index corpus.jsonl --into {path} --rebuild"
        file.write_bytes(whole)
    EmbeddedIndex.open(path).verify()


def test_altered_headers_and_contents_of_the_same_size(path: Path) -> None:
    for name in names(path):
        file = path / "gen-0001" / name
        whole = file.read_bytes()
        file.write_bytes(b"\0" * 16 + whole[16:])
        with pytest.raises(IndexDamagedError, match=name):
            EmbeddedIndex.open(path)
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(IndexDamagedError, match="gen-0001"):
            EmbeddedIndex.open(path).verify()
        file.write_bytes(whole)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a manifest"),
        ("{", "not a manifest"),
        ("[]", "not a manifest"),
        ("{}", "does not belong"),
        ('{"format": "elsewhere"}', "does not belong"),
        ('{"format": "rankscope-embedded-index", "version": 2, "new": 1}', "format version 2"),
        ('{"format": "rankscope-embedded-index", "version": 1}', "is damaged"),
    ],
)
def test_manifests(path: Path, content: str, says: str) -> None:
    (path / MANIFEST).write_text(content)
    with pytest.raises(IndexDamagedError, match=says) as raised:
        EmbeddedIndex.open(path)
    assert "rankscope index" in raised.value.hint


def test_a_damaged_index_can_be_built_anew_in_place(path: Path) -> None:
    (path / MANIFEST).write_text("{")
    with pytest.raises(IndexDamagedError):
        IndexWriter(path, SPEC)
    with IndexWriter(path, SPEC, fresh=True) as writer:
        writer.add([Document("a", {"text": "fox"})])
        writer.commit()
    assert EmbeddedIndex.open(path).ids.rows(["a"]).tolist() == [0]


def test_folders_that_are_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError, match="no index at"):
        EmbeddedIndex.open(tmp_path / "nothing")
    with pytest.raises(IndexNotFoundError, match="no index at"):
        EmbeddedIndex.open(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(IndexDamagedError, match="holds no Rankscope index"):
        EmbeddedIndex.open(tmp_path)
    with pytest.raises(IndexDamagedError, match="is a file"):
        EmbeddedIndex.open(tmp_path / "notes.txt")
