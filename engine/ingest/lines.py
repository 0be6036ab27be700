"""Numbered lines of a text file, with what is wrong with each."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.errors import SourceError

MAX_LINE_BYTES = 32 << 20
"""A longer line is no document but an accident (a whole JSON array, a binary file), and must not fill the memory."""

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class Line(NamedTuple):
    """``number`` counts from 1; ``text`` keeps its line ending; ``problem`` says why the text is not to be trusted."""

    number: int
    text: str
    problem: str = ""


def read_lines(path: Path, encoding: str = "utf-8") -> Iterator[Line]:
    """The file's lines. A byte order mark is removed. Raises SourceError where the file cannot be read at all."""
    try:
        with path.open("rb") as file:
            yield from decode_lines(file, encoding, str(path))
    except OSError as error:
        raise unreadable(path, error) from error


def decode_lines(file: BinaryIO, encoding: str, name: str) -> Iterator[Line]:
    """The lines of an open binary file; ``name`` is for messages."""
    check_encoding(encoding)
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            raw = _without_mark(raw, name)
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            _skip_line(file)
            yield Line(number, "", f"the line is longer than {MAX_LINE_BYTES >> 20} MiB")
            continue
        try:
            yield Line(number, raw.decode(encoding))
        except UnicodeDecodeError as error:
            reason = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not {encoding}"
            yield Line(number, raw.decode(encoding, "replace"), reason)


def check_encoding(encoding: str) -> None:
    """Raises SourceError for an encoding that is unknown, or whose lines do not end with the byte 0x0A."""
    try:
        if "\n".encode(encoding) == b"\n":
            return
    except LookupError as error:
        raise SourceError(f"there is no encoding {encoding!r}", hint="for example utf-8, latin-1, cp1252") from error
    raise SourceError(f"files in {encoding} cannot be read line by line", hint=f"iconv -f {encoding} -t utf-8 FILE")


def count_lines(path: Path) -> int:
    """The number of lines, an unfinished last one included; reads at the speed of the disk."""
    lines, last = 0, b"\n"
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                lines += block.count(b"\n")
                last = block[-1:]
    except OSError as error:
        raise unreadable(path, error) from error
    return lines + (last != b"\n")


def file_mark(path: Path) -> str:
    """A digest of size, time of change and both ends of a file: equal marks mean the same content."""
    try:
        state = path.stat()
        digest = hashlib.sha256(f"{state.st_size} {state.st_mtime_ns}".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 16))
            file.seek(max(0, state.st_size - (1 << 16)))
            digest.update(file.read(1 << 16))
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"cannot read {path}: {error.strerror or error}", hint="check the path and its permissions")


def _without_mark(raw: bytes, name: str) -> bytes:
    if raw.startswith(_WIDE_MARKS):
        raise SourceError(f"{name} is UTF-16 or UTF-32", hint=f"iconv -f utf-16 -t utf-8 {name} > NEW")
    return raw.removeprefix(codecs.BOM_UTF8)


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
        pass
