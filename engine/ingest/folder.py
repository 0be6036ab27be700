"""A folder of text, Markdown and reStructuredText, one document per section.

A document's id is ``path#heading-slug``; a section longer than ``max_chars`` is split between paragraphs, its further
parts being ``…~2``, ``…~3``. Title is the path of headings (``Guide › Install``), ``path`` and ``line`` say where the
text stands.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

from engine.errors import SourceError
from engine.ingest.base import DEFAULT_ANALYZER, Item, Problem, ProblemKind, SourceDocument, SourceOptions, SourceSchema
from engine.ingest.headings import HEADINGS, Section, sections
from engine.ingest.lines import check_encoding, read_lines, unreadable
from engine.records import Document

MAX_FILE_BYTES = 32 << 20
SEPARATOR = " › "

SCHEMA = SourceSchema(
    text_fields={"title": DEFAULT_ANALYZER, "text": DEFAULT_ANALYZER},
    keyword_fields=("path",),
    numeric_fields=("line",),
)


class Folder:
    """The text files below a folder (or one file), hidden ones left out, in the order of their paths."""

    schema = SCHEMA

    def __init__(self, root: Path, options: SourceOptions) -> None:
        check_encoding(options.encoding)
        self.name = root.resolve().name
        self._root = root
        self._base = root if root.is_dir() else root.parent
        self._options = options
        if not any(is_text(path) for path in self._files()):
            raise SourceError(f"{root} holds no text file", hint=f"files ending in {', '.join(HEADINGS)} are read")

    def fingerprint(self) -> str:
        digest = hashlib.sha256(repr(self._options).encode())
        for path in self._files():
            state = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
            digest.update(repr((_shown(path), state.st_size, state.st_mtime_ns)).encode())
        return digest.hexdigest()

    def count(self) -> int | None:
        """Unknown: a file holds any number of sections."""
        return None

    def documents(self) -> Iterator[Item]:
        """Every file's sections, and at the end what kinds of file were not read."""
        others: Counter[str] = Counter()
        for path in self._files():
            if is_text(path):
                yield from self._file(path)
            else:
                others[path.suffix.lower() or "no suffix"] += 1
        if others:
            kinds = ", ".join(f"{suffix} {count}" for suffix, count in others.most_common(8))
            text = f"{others.total()} files of other kinds were not read ({kinds})"
            yield Problem(str(self._root), text, ProblemKind.SKIPPED)

    def _files(self) -> Iterator[Path]:
        if self._root.is_file():
            yield self._root
            return
        for folder, folders, files in os.walk(self._root, onerror=_refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))

    def _file(self, path: Path) -> Iterator[Item]:
        lines = _text_lines(path, self._options.encoding)
        if isinstance(lines, Problem):
            yield lines
            return
        relative = _shown(path.relative_to(self._base).as_posix())
        start = front_matter(lines)
        body = ["" for _ in lines[:start]] + lines[start:]
        headings = list(HEADINGS[path.suffix.lower()](body))
        slugs: Counter[str] = Counter()
        blank = True
        for section in sections(body, headings):
            slug = _unique(section, slugs)
            title = SEPARATOR.join(section.path) or _shown(path.stem)
            for part, (line, text) in enumerate(chunks(section, self._options.max_chars), 1):
                blank = False
                name = f"{relative}{slug}~{part}" if part > 1 else f"{relative}{slug}"
                document = Document(name, {"title": title, "text": text, "path": relative, "line": line + 1})
                yield SourceDocument(document, f"{_shown(path)}:{line + 1}")
        if blank:
            yield Problem(_shown(path), "the file has no text under any heading", ProblemKind.BLANK)


def is_text(path: Path) -> bool:
    return path.suffix.lower() in HEADINGS


def front_matter(lines: Sequence[str]) -> int:
    """The number of lines of a YAML (``---``) or TOML (``+++``) block at the start, 0 where there is none."""
    if not lines or lines[0].rstrip() not in ("---", "+++"):
        return 0
    mark = lines[0].rstrip()
    return next((i + 1 for i, line in enumerate(lines) if i and line.rstrip() == mark), 0)


def slug_of(heading: str) -> str:
    """The anchor that code hosts give a heading: lower case, punctuation removed, spaces as hyphens."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.strip().lower()))


def _unique(section: Section, used: Counter[str]) -> str:
    """``#slug`` of the section's own heading, numbered from its second use in the file; '' before any heading."""
    if not section.path:
        return ""
    slug = slug_of(section.path[-1]) or "section"
    used[slug] += 1
    while (count := used[slug]) > 1:
        slug = f"{slug}-{count - 1}"
        used[slug] += 1
    return f"#{slug}"


def chunks(section: Section, max_chars: int) -> Iterator[tuple[int, str]]:
    """(line index, text) of a section's parts: as many whole paragraphs as ``max_chars`` holds; a paragraph that is
    longer is split between lines, a line that is longer between words. No part is blank."""
    start, held = 0, ""
    for line, unit in _units(section, max_chars):
        if held and len((held + unit).rstrip()) > max_chars:
            yield start, held.rstrip()
            held = ""
        start = start if held else line
        held += unit
    if held:
        yield start, held.rstrip()


def _units(section: Section, max_chars: int) -> Iterator[tuple[int, str]]:
    """(line index, text) of what is not split: paragraphs with the blank lines after them, or parts of long ones."""
    for line, paragraph in _paragraphs(section):
        if len(paragraph.rstrip()) <= max_chars:
            yield line, paragraph
            continue
        for i, text in enumerate(paragraph.splitlines(), line):
            parts = wrap(text, max_chars, break_on_hyphens=False) if len(text) > max_chars else [text]
            yield from ((i, part + "\n") for part in parts)


def _paragraphs(section: Section) -> Iterator[tuple[int, str]]:
    start, held = 0, ""
    for i, text in enumerate(section.lines, section.line):
        if text.strip() and (not held or held.endswith("\n\n")):
            if held:
                yield start, held
            start, held = i, ""
        if held or text.strip():
            held += text.rstrip() + "\n"
    if held:
        yield start, held


def _text_lines(path: Path, encoding: str) -> list[str] | Problem:
    """The file's lines without their endings, or why it is not read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            binary = b"\0" in file.read(8192)
    except OSError as error:
        return Problem(_shown(path), f"cannot be read: {error.strerror}")
    if size > MAX_FILE_BYTES:
        return Problem(_shown(path), f"the file is longer than {MAX_FILE_BYTES >> 20} MiB")
    if binary:
        return Problem(_shown(path), "the file is binary, whatever its name says", ProblemKind.SKIPPED)
    lines = []
    for line in read_lines(path, encoding):
        if line.problem:
            return Problem(f"{_shown(path)}:{line.number}", f"{line.problem}; the file was not read")
        lines.append(line.text.rstrip("\r\n"))
    return lines


def _shown(path: Path | str) -> str:
    """The path as text that any file or screen takes, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _refuse(error: OSError) -> None:
    raise unreadable(Path(error.filename), error) from error
