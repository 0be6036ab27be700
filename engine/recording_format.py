"""The file of a recording: sections of msgpack behind their lengths, in one gzip stream (RFC 1952).

    head       what the file is, the version of its layout, who wrote it and when
    search …   one per query, in the order they were asked
    shared     what the searches have in common: settings, the store's account of itself, ids, documents

The stream's own checksum and length tell a damaged or truncated file. ``shared`` comes last so that a set of any size
is written search by search. Arrays are raw little-endian bytes, so that every NaN stays what it was.

A change of layout raises ``VERSION`` and puts a row into ``UPGRADES``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from engine.analysis.query import Query
from engine.errors import RecordingError
from engine.records import Analysis, Leg, QueryTerm, RerankerInfo, StageReport
from engine.stores.base import StoreInfo

FORMAT = "rankscope-recording"
VERSION = 1

Sections = list[Any]
"""A whole file as plain data: the head, the searches, what they share."""

UPGRADES: dict[int, Callable[[Sections], Sections]] = {}
"""Version → what makes the sections of that version into those of the next."""

_LENGTH = 4
_GZIP = 31
"""zlib's window bits for a gzip stream."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what stands in the file. Names only ever get added, with a default; else the version is raised."""


class Array(msgspec.Struct, frozen=True, array_like=True):
    """A numpy array."""

    dtype: Literal["<f8", "<i4", "|b1"]
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, values: npt.ArrayLike, dtype: Literal["<f8", "<i4", "|b1"] = "<f8") -> Array:
        array = np.ascontiguousarray(values, dtype=dtype)
        return cls(dtype, array.shape, array.tobytes())

    def get(self) -> npt.NDArray[Any]:
        """A copy that may be written to. Raises ``ValueError`` where bytes and shape do not agree."""
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape).copy()


class Head(Section, frozen=True):
    format: str
    version: int
    rankscope: str = ""
    recorded: str = ""
    """When, ISO 8601 in UTC."""


class LegSection(Section, frozen=True):
    """A leg's column of the pool: ``scores`` float64[n], ``returned`` bool[n], ``field_scores`` float64[n, fields]."""

    leg: Leg
    scores: Array
    returned: Array
    total: int
    field_names: tuple[str, ...] = ()
    field_scores: Array | None = None


class RerankerSection(Section, frozen=True):
    """What one reranker answered, a row per document asked.

    settings          those keys of ``rerank`` that its scores depend on
    ids               int32[k], places in the recording's ids
    blank             bool[k], the document had nothing to score
    usage             of ``info``, kept apart: a count stays a whole number
    stood_in          ``term`` answered in its place
    total             tokens of a whole pair, of which ``tokens`` were seen
    """

    settings: dict[str, Any]
    info: RerankerInfo | None
    usage: dict[str, int | float]
    ids: Array
    raw: Array
    tokens: Array
    truncated: Array
    blank: Array
    token_similarity: Array
    cosine: Array
    stood_in: bool = False
    total: Array | None = None


class SearchSection(Section, frozen=True):
    """One search. ``candidates`` int32[n] are the places of the pool's ids in the recording's, as all int32 here are.

    features        field → float64[n]
    groups          field → value per candidate
    unanswered      int32, documents that were to be reranked and have no answer; ``stages`` says why
    told            int32[d], the documents whose texts and terms are kept
    terms, contributions          what each term gives them, float64[d, t]
    highlights      int32[m, 5]: place in ``told``, place in ``names`` of the field, start, end, place in ``names``
                    of the term
    """

    id: str
    query: Query
    candidates: Array
    legs: list[LegSection]
    features: dict[str, Array]
    groups: dict[str, list[str]]
    analysis: Analysis
    rerankers: list[RerankerSection]
    unanswered: Array
    stages: list[StageReport]
    told: Array
    terms: list[QueryTerm]
    contributions: Array
    highlights: Array
    names: list[str]


class Shared(Section, frozen=True):
    """What the searches have in common. ``documents``: place of the id → the stored fields as JSON."""

    settings: dict[str, Any]
    info: StoreInfo
    ids: list[str]
    documents: dict[int, bytes]
    texts: bool = True


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, content: bytes, /) -> object: ...


class SectionWriter:
    """Writes sections to a binary file; ``close`` ends the stream and leaves the file open."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self._stream = zlib.compressobj(6, zlib.DEFLATED, _GZIP)

    def write(self, section: object) -> None:
        content = msgspec.msgpack.encode(section)
        self._file.write(self._stream.compress(len(content).to_bytes(_LENGTH, "little") + content))

    def close(self) -> None:
        self._file.write(self._stream.flush())


def read_sections(path: Path) -> tuple[Head, list[SearchSection], Shared]:
    """The file's content, brought up to this version. Raises ``RecordingError``, also for a file of a newer one."""
    contents = list(_split(_unzipped(path), path))
    try:
        head = msgspec.msgpack.decode(contents[0], type=Head)
    except (IndexError, msgspec.MsgspecError):
        raise _foreign(path) from None
    if head.format != FORMAT:
        raise _foreign(path)
    if head.version > VERSION:
        raise RecordingError(
            f"{path} was written by Rankscope {head.rankscope}, as a recording of version {head.version}; "
            f"this one reads up to version {VERSION}",
            hint="pip install --upgrade rankscope",
        )
    try:
        contents = _upgraded(contents, head.version)
        searches = [msgspec.msgpack.decode(content, type=SearchSection) for content in contents[1:-1]]
        return head, searches, msgspec.msgpack.decode(contents[-1], type=Shared)
    except (msgspec.MsgspecError, KeyError, IndexError) as error:
        raise damaged(path, str(error)) from None


def damaged(path: Path, reason: str) -> RecordingError:
    return RecordingError(f"{path} is damaged: {reason}", hint="make the recording anew, or copy it again")


def _foreign(path: Path) -> RecordingError:
    return RecordingError(f"{path} is no recording of Rankscope", hint="`rankscope record` makes one")


def _unzipped(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise RecordingError(f"there is no recording {path}", hint="`rankscope record` makes one") from None
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}", hint="check the path and its permissions") from None
    if not raw.startswith(b"\x1f\x8b"):
        raise _foreign(path)
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(raw)
    except zlib.error as error:
        raise damaged(path, str(error)) from None
    if not stream.eof:
        raise damaged(path, "it is cut short")
    if stream.unused_data:
        raise damaged(path, f"{len(stream.unused_data)} bytes too many stand at its end")
    return content


def _split(content: bytes, path: Path) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        start = at + _LENGTH
        at = start + int.from_bytes(content[at:start], "little")
        if at > len(content):
            raise _foreign(path)  # the checksum held, so that nobody cut it: it is another kind of file
        yield content[start:at]


def _upgraded(contents: list[bytes], version: int) -> list[bytes]:
    """The sections as this version writes them."""
    if version == VERSION:
        return contents
    sections: Sections = [msgspec.msgpack.decode(content) for content in contents]
    for older in range(version, VERSION):
        sections = UPGRADES[older](sections)
    return [msgspec.msgpack.encode(section) for section in sections]
