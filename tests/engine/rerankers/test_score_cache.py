"""The score cache: what it remembers, what it lets go, and that it never fails a search."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from engine.rerankers.score_cache import CachedScore, ScoreCache, score_key


def keys(n: int, salt: str = "") -> list[bytes]:
    return [score_key("p", salt, str(i)) for i in range(n)]


def test_scores_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "scores.sqlite3"
    scores = {key: CachedScore(i / 7, i, i % 2 == 0, 2 * i) for i, key in enumerate(keys(1500))}
    first = ScoreCache(path)
    first.put(scores)
    first.close()
    assert ScoreCache(path).get([*scores, b"unknown"]) == scores


def test_every_part_of_the_key_counts_and_parts_do_not_run_together() -> None:
    base = ("cohere", "url", "model", "rev", "fp32", "0/0", "instruction", "query", "text")
    variants = [score_key(*base)] + [score_key(*base[:i], base[i] + "x", *base[i + 1 :]) for i in range(len(base))]
    assert len(set(variants)) == len(variants)
    assert score_key("ab", "c") != score_key("a", "bc")


def test_the_least_recently_used_leave_first(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path / "scores.sqlite3", limit_bytes=64 * 1024)
    old, young = keys(300, "old"), keys(300, "young")
    cache.put({key: CachedScore(1.0) for key in old})
    cache.put({key: CachedScore(2.0) for key in young})
    assert len(cache.get(old)) == 300  # now the old ones are the recently used
    for round_ in range(20):
        cache.put({key: CachedScore(3.0) for key in keys(100, f"fill {round_}")})
        cache.get(old)
    assert len(cache.get(old)) > len(cache.get(young))
    with sqlite3.connect(tmp_path / "scores.sqlite3") as db:
        pages = db.execute("pragma page_count").fetchone()[0]
    db.close()
    assert pages * 4096 < 4 * 64 * 1024


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 40, b""])
def test_a_damaged_file_is_a_miss_and_not_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scores.sqlite3"
    path.write_bytes(content)
    cache = ScoreCache(path)
    cache.put({b"k" * 16: CachedScore(1.0)})
    assert cache.get([b"k" * 16]) in ({}, {b"k" * 16: CachedScore(1.0)})
    cache.close()


def test_a_folder_that_cannot_be_written_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ScoreCache(tmp_path / "file" / "scores.sqlite3")
    cache.put({b"k" * 16: CachedScore(1.0)})
    assert cache.get([b"k" * 16]) == {}


def test_threads_share_it(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path / "scores.sqlite3")
    threads = [
        threading.Thread(target=lambda salt=str(i): cache.put({key: CachedScore(1.0) for key in keys(200, salt)}))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(cache.get(keys(200, str(i)))) for i in range(8)) == 1600
