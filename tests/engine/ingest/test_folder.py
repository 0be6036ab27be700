"""Text folders: sections by heading, stable unique ids, nothing lost between the parts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.errors import SourceError
from engine.ingest.base import Problem, ProblemKind, SourceDocument, SourceOptions
from engine.ingest.folder import slug_of
from engine.ingest.headings import markdown_headings, rst_headings
from engine.ingest.registry import open_source
from engine.records import Document


def read(root: Path, options: SourceOptions | None = None) -> dict[str, Document]:
    items = [item for item in open_source(str(root), options).documents() if isinstance(item, SourceDocument)]
    assert len({item.document.id for item in items}) == len(items)
    return {item.document.id: item.document for item in items}


def problems(root: Path) -> list[Problem]:
    return [item for item in open_source(str(root)).documents() if isinstance(item, Problem)]


MARKDOWN = """---
title: front matter
---
Before any heading.

# Guide

Intro.

## Install ##

```sh
# not a heading
```

### Linux & Co.

Use apt.

## Install

Again.

Setext title
============

Under it.

- item
---
after a rule
"""


def test_markdown_sections(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text(MARKDOWN)
    found = read(tmp_path)
    assert {name: (d.title, d.fields["line"]) for name, d in found.items()} == {
        "docs/guide.md": ("guide", 4),
        "docs/guide.md#guide": ("Guide", 8),
        "docs/guide.md#install": ("Guide › Install", 12),
        "docs/guide.md#linux--co": ("Guide › Install › Linux & Co.", 18),
        "docs/guide.md#install-1": ("Guide › Install", 22),
        "docs/guide.md#setext-title": ("Setext title", 27),
    }
    assert found["docs/guide.md#install"].text_of("text") == "```sh\n# not a heading\n```"
    assert found["docs/guide.md#setext-title"].text_of("text") == "Under it.\n\n- item\n---\nafter a rule"
    assert found["docs/guide.md"].fields["path"] == "docs/guide.md"


def test_a_section_keeps_its_id_when_others_come_and_go(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("# One\n\nx\n\n# Two\n\ny\n")
    before = read(tmp_path)["a.md#two"].text_of("text")
    file.write_text("# Zero\n\nnew\n\n# Two\n\ny\n")
    assert read(tmp_path)["a.md#two"].text_of("text") == before == "y"


def test_slugs_that_collide_stay_unique(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# x\n\n1\n\n# x-1\n\n2\n\n# x\n\n3\n\n# !\n\n4\n")
    assert list(read(tmp_path)) == ["a.md#x", "a.md#x-1", "a.md#x-1-1", "a.md#section"]
    assert slug_of("  Was heißt „Über“? ") == "was-heißt-über"


def test_markdown_fences_and_non_titles() -> None:
    text = "````\n```\n# no\n````\n# yes\n    # code\n#no\n> q\n---\n\nTitle\n---\n1. x\n===\n"
    assert [(h.text, h.level) for h in markdown_headings(text.split("\n"))] == [("yes", 1), ("Title", 2)]


def test_rst_titles_and_levels() -> None:
    text = "=====\nTitle\n=====\n\nPart\n====\n\nSub\n---\n\ntext\n--\n\nOther part\n==========\n\n  code\n  ----\n"
    assert [(h.text, h.level) for h in rst_headings(text.split("\n"))] == [
        ("Title", 1),
        ("Part", 2),
        ("Sub", 3),
        ("Other part", 2),
    ]


def test_long_sections_are_split_between_paragraphs(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {n} " + "word " * 20 for n in range(12)]
    wall = "wall " * 200
    (tmp_path / "a.txt").write_text("\n\n".join([*paragraphs, wall, "x" * 700, "line\n" * 100]))
    found = read(tmp_path, SourceOptions(max_chars=300))
    texts = [document.text_of("text") for document in found.values()]
    assert list(found)[:3] == ["a.txt", "a.txt~2", "a.txt~3"]
    assert max(map(len, texts)) <= 300
    assert texts[0].startswith("Paragraph 0")
    assert texts[1].startswith("Paragraph 2")
    assert found["a.txt~2"].fields["line"] == 5
    kept = "".join("".join(texts).split())
    assert kept == "".join((tmp_path / "a.txt").read_text().split())


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "ok.md").write_text("# T\n\nx\n")
    (tmp_path / "binary.md").write_bytes(b"\0\1\2")
    (tmp_path / "latin.txt").write_bytes(b"fine\ncaf\xe9\n")
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "heading.md").write_text("# only a heading\n")
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.md").write_text("# hidden")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.md").write_text("# hidden")
    assert list(read(tmp_path)) == ["ok.md#t"]
    found = {Path(p.where).name: (p.kind, p.text) for p in problems(tmp_path)}
    assert {name: kind for name, (kind, _) in found.items()} == {
        "binary.md": ProblemKind.SKIPPED,
        "blank.txt": ProblemKind.BLANK,
        "heading.md": ProblemKind.BLANK,
        "latin.txt:2": ProblemKind.BAD,
        tmp_path.name: ProblemKind.SKIPPED,
    }
    assert "(.png 2)" in found[tmp_path.name][1]


def test_one_file_is_a_folder_of_one(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"\xef\xbb\xbf# T\r\n\r\nx\r\ny\r\n")
    assert read(tmp_path / "README.md")["README.md#t"].text_of("text") == "x\ny"


def test_a_folder_without_text(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no text file"):
        open_source(str(tmp_path))


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    first = open_source(str(tmp_path)).fingerprint()
    assert open_source(str(tmp_path)).fingerprint() == first
    (tmp_path / "b.md").write_text("y")
    assert open_source(str(tmp_path)).fingerprint() != first


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_names_that_are_not_unicode_and_links_to_nowhere(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("x")
    (tmp_path / "gone.md").symlink_to(tmp_path / "nowhere.md")
    assert list(read(tmp_path)) == ["caf\\xe9.md"]
    (problem,) = problems(tmp_path)
    assert problem.text.startswith("cannot be read")
    assert open_source(str(tmp_path)).fingerprint() == open_source(str(tmp_path)).fingerprint()
