"""Adding, replacing, deleting; killed writers; readers beside a writer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from writer_corpus import SPEC, WORDS, documents, update, vectors

from engine.analysis.query import Query
from engine.errors import IndexDamagedError, IndexLockedError, IndexMismatchError, SourceError, StoreError
from engine.records import Document
from engine.settings.schema import LexicalLeg
from engine.stores.base import LegRequest
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.schema import IndexSpec
from engine.stores.embedded.search import Searcher
from engine.stores.embedded.writer import IndexWriter


def state(path: Path) -> list[Any]:
    """Everything that an index answers, for comparing two of them."""
    index = EmbeddedIndex.open(path)
    index.verify()
    searcher = Searcher(index)
    answers: list[Any] = [[(d.id, d.fields) for d in index.documents(range(len(index))).values()]]
    for text in [*WORDS, "path", "sleep fox fox"]:
        hits = searcher.search(LegRequest("lexical", LexicalLeg(), Query.plain(text)))
        answers.append((hits.ids, hits.scores.tolist(), hits.total))
    assert index.vectors is not None
    answers.append(np.nan_to_num(index.vectors, nan=9).tolist())
    answers.append({name: (p.stats, p.pairs.tolist()) for name, p in index.postings.items()})
    answers.append(index.manifest.columns)
    index.close()
    return answers


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(1, 4), st.booleans()), min_size=1, max_size=6))
def test_any_history_of_changes_equals_a_fresh_build(history: list[tuple[bool, int, int, bool]]) -> None:
    with TemporaryDirectory() as folder, patch("os.fsync"):
        grown, fresh = Path(folder) / "grown", Path(folder) / "fresh"
        kept: dict[str, tuple[Document, np.ndarray]] = {}
        with IndexWriter(grown, SPEC) as writer:
            for step, (add, first, count, commit) in enumerate(history):
                numbers = range(first, first + count)
                if add:
                    batch, made = documents(numbers, step % 2), vectors(count, step)
                    writer.add(batch, made)
                    for document, vector in zip(batch, made, strict=True):
                        kept.pop(document.id, None)
                        kept[document.id] = document, vector
                else:
                    writer.delete([f"d{n}" for n in numbers])
                    for n in numbers:
                        kept.pop(f"d{n}", None)
                if commit:
                    writer.commit()
            writer.add(documents(range(20, 21)), vectors(1))
            writer.commit()
        with IndexWriter(fresh, SPEC) as writer:
            for document, vector in kept.values():
                writer.add([document], vector[None])
            writer.add(documents(range(20, 21)), vectors(1))
            writer.commit()
        assert state(grown) == state(fresh)


def test_the_same_id_replaces_and_is_counted(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, SPEC) as writer:
        writer.add([*documents(range(3)), Document("d1", {"title": "last", "text": ""})])
        assert (writer.staged, writer.replaced, len(writer)) == (4, 1, 3)
        assert writer.commit() == 1
        assert (writer.staged, len(writer)) == (0, 0)
        assert writer.commit() == 1, "nothing to commit, nothing new"
    index = EmbeddedIndex.open(tmp_path)
    assert index.ids.ids(np.arange(3)) == ("d0", "d2", "d1")
    assert index.documents([2])[2].fields["title"] == "last"


def test_only_one_writer(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, SPEC), pytest.raises(IndexLockedError, match=f"process {os.getpid()}"):
        IndexWriter(tmp_path, SPEC)
    IndexWriter(tmp_path, SPEC).close()


def test_what_is_staged_waits_for_the_same_source(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, SPEC, fingerprint="one") as writer:
        writer.add(documents(range(5)), vectors(5))
    with IndexWriter(tmp_path, SPEC, fingerprint="one") as writer:
        assert writer.staged == 5
    with IndexWriter(tmp_path, SPEC, fingerprint="two") as writer:
        assert writer.staged == 0
        writer.add(documents(range(2)))
        writer.discard()
        assert len(writer) == 0


def test_another_spec_is_refused_and_fresh_builds_anew(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, SPEC) as writer:
        writer.add(documents(range(5)), vectors(5))
        writer.commit()
    other = IndexSpec({"text": "standard"}, source="corpus dir")
    with pytest.raises(IndexMismatchError) as raised:
        IndexWriter(tmp_path, other)
    assert raised.value.hint == f"Build it anew: rankscope index 'corpus dir' --into {tmp_path} --rebuild"
    with IndexWriter(tmp_path, other, fresh=True) as writer:
        writer.add(documents(range(2)))
        assert len(EmbeddedIndex.open(tmp_path)) == 5
        writer.commit()
    assert len(EmbeddedIndex.open(tmp_path)) == 2
    assert sorted(os.listdir(tmp_path)) == ["gen-0002", "rankscope-index.json", "writer.lock"]


@pytest.mark.parametrize(
    "document",
    [
        Document("", {"text": "x"}),
        Document("a", {"text": "\ud800"}),
        Document("\ud800", {}),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_of_the_batch(tmp_path: Path, document: Document) -> None:
    with IndexWriter(tmp_path, SPEC) as writer:
        with pytest.raises(SourceError):
            writer.add([*documents(range(2)), document])
        assert len(writer) == 0


def test_vectors_of_another_size_are_refused(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, SPEC) as writer, pytest.raises(StoreError, match="takes float32"):
        writer.add(documents(range(2)), np.zeros((2, 4), dtype=np.float32))
    with (
        IndexWriter(tmp_path / "without", IndexSpec({"text": "standard"})) as writer,
        pytest.raises(StoreError, match="without vectors"),
    ):
        writer.add(documents(range(2)), vectors(2))


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(IndexDamagedError, match=r"thesis\.txt"):
        IndexWriter(tmp_path, SPEC)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_reader_stays_on_its_generation_and_hears_of_the_next(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, SPEC) as writer:
        writer.add(documents(range(30)), vectors(30))
        writer.commit()
        index = EmbeddedIndex.open(tmp_path)
        searcher = Searcher(index)
        request = LegRequest("lexical", LexicalLeg(), Query.plain("fox"))
        before = searcher.search(request)
        assert index.newer_generation() is None
        done, found = threading.Event(), []

        def read() -> None:
            while not done.is_set():
                found.append(
                    (searcher.search(request).ids, index.documents([0])[0].id, len(EmbeddedIndex.open(tmp_path)))
                )

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(4):
            writer.delete([f"d{number}"])
            writer.commit()
        done.set()
        reader.join()
    assert {(ids, first) for ids, first, _ in found} == {(before.ids, "d0")}
    assert {count for _, _, count in found} <= {30, 29, 28, 27, 26}
    assert index.newer_generation() == 5
    assert len(EmbeddedIndex.open(tmp_path)) == 26


KILLED = """
import os, signal, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from writer_corpus import update

left = int(sys.argv[2])
EVENTS = {{"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"}}

def hook(event, args):
    global left
    if event in EVENTS and sys.argv[1] in str(args):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
update(Path(sys.argv[1]))
print("events", -left)
"""


def run_update(path: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    script = KILLED.format(paths=[str(Path(__file__).parent)])
    command = [sys.executable, "-c", script, str(path), str(kill_at)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[4])


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_writer_killed_anywhere_leaves_the_old_index_or_the_new_one(tmp_path: Path) -> None:
    def base(path: Path) -> Path:
        with IndexWriter(path, SPEC) as writer:
            writer.add(documents(range(50)), vectors(50))
            writer.commit()
        return path

    whole = base(tmp_path / "whole")
    old = state(whole)
    finished = run_update(whole, 0)
    assert finished.returncode == 0, finished.stderr
    new = state(whole)
    events = int(finished.stdout.split()[-1])
    assert events > 60
    seen = set()
    # spread over the whole, and every step around the replacement of the manifest
    for kill_at in sorted({*range(5, events, events // 3), *range(events - 20, events, 6)}):
        path = base(tmp_path / f"killed-{kill_at}")
        killed = run_update(path, kill_at)
        assert killed.returncode == -9, killed.stderr
        after = state(path)
        assert after in (old, new)
        seen.add(after == new)
        update(path)
        # a second run after the commit replaces every document: the same ones, those replaced at the end
        assert sorted(state(path)[0], key=str) == sorted(new[0], key=str)
        assert after == new or state(path) == new
        assert sorted(p.name for p in path.iterdir() if p.name.startswith("staging")) == []
    assert seen == {True, False}


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_first_build_that_was_killed_is_no_index_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "index"
    killed = run_update(path, 25)
    assert killed.returncode == -9, killed.stderr
    with pytest.raises(StoreError, match="never finished"):
        EmbeddedIndex.open(path)
    update(path)
    assert len(EmbeddedIndex.open(path)) == 30
