"""What an embedded index says of itself: its spec, and the manifest that names the current generation.

A folder holds ``rankscope-index.json`` (this manifest), ``gen-NNNN/`` (the current generation's files), and while it
is written ``writer.lock``, ``staging.sqlite`` and ``gen-NNNN.tmp/``. The manifest is replaced in one step, last.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Literal

import msgspec

from engine.errors import IndexDamagedError, IndexNotFoundError
from engine.stores.embedded.files import FileEntry, fsync_folder

MANIFEST = "rankscope-index.json"
FORMAT = "rankscope-embedded-index"
VERSION = 1
LOCK = "writer.lock"
STAGING = "staging.sqlite"
CUT = "cut.npy"
_OWN = frozenset({MANIFEST, MANIFEST + ".tmp", LOCK, STAGING, STAGING + "-wal", STAGING + "-shm"})
_GENERATION = re.compile(r"gen-(\d{4,})(\.tmp)?")


class EmbeddingSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who made the vectors, of what text, and how they compare. Cosine vectors are stored as unit vectors."""

    name: str
    dimension: int
    revision: str = ""
    template: str = "{title}\n{text}"
    similarity: Literal["cosine", "dot"] = "cosine"


class IndexSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an index is built with; another spec means another index.

    text_fields   field → analyser name; every other field is stored, and filterable by its type
    embedding     None for an index without vectors
    source        what the rebuild command names as SOURCE; no part of the comparison
    """

    text_fields: dict[str, str]
    embedding: EmbeddingSpec | None = None
    source: str = ""

    def same_as(self, other: IndexSpec) -> bool:
        """Whether an index of the one can be continued with the other."""
        return (self.text_fields, self.embedding) == (other.text_fields, other.embedding)

    def rebuild_command(self, path: Path, *changes: str) -> str:
        """The ``rankscope index`` line that builds the index anew, with ``--set`` changes."""
        sets = [part for change in changes for part in ("--set", change)]
        return shlex.join(["rankscope", "index", self.source or "SOURCE", "--into", str(path), "--rebuild", *sets])


class TextFieldStats(msgspec.Struct, frozen=True):
    """Of one text field: its terms, postings and tokens, and the documents that have it (N of BM25)."""

    name: str
    terms: int
    postings: int
    tokens: int
    documents: int


class ColumnStats(msgspec.Struct, frozen=True):
    """Of one stored field: ``values`` distinct keywords, 0 for a numeric column."""

    name: str
    kind: Literal["keyword", "numeric"]
    values: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The current generation: its number, counts and files.

    vectors            documents that have one
    max_norm           the greatest length of a vector, which bounds the rounding of a float32 product
    cut                documents whose text is longer than the embedder sees
    """

    format: str = FORMAT
    version: int = VERSION
    generation: int
    documents: int
    spec: IndexSpec
    text: list[TextFieldStats]
    columns: list[ColumnStats]
    vectors: int = 0
    max_norm: float = 0.0
    cut: int = 0
    files: dict[str, FileEntry]

    @property
    def folder(self) -> str:
        return generation_folder(self.generation)


class _Head(msgspec.Struct):
    """The part of a manifest that every format version keeps."""

    format: str = ""
    version: int = 0


def generation_folder(number: int) -> str:
    return f"gen-{number:04d}"


def generation_number(name: str) -> int | None:
    """The number of a generation's folder or half-built folder, None for any other name."""
    found = _GENERATION.fullmatch(name)
    return int(found[1]) if found else None


def read_manifest(path: Path) -> Manifest:
    """The manifest of the index folder ``path``. Raises ``IndexNotFoundError`` or ``IndexDamagedError``."""
    file = path / MANIFEST
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path) from error
    except OSError as error:
        raise IndexDamagedError(f"{file} cannot be read ({error.strerror}).", hint=_hint(path)) from error
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IndexDamagedError(f"{file} is not a manifest of an index ({error}).", hint=_hint(path)) from error
    if head.format != FORMAT:
        raise IndexDamagedError(f"{file} does not belong to a Rankscope index.", hint=_hint(path))
    if head.version > VERSION:
        raise IndexDamagedError(
            f"The index {path} has format version {head.version}; this Rankscope reads up to {VERSION}.",
            hint="Use a newer Rankscope, or build the index again: " + _hint(path),
        )
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise IndexDamagedError(f"{file} is damaged ({error}).", hint=_hint(path)) from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step; whoever reads sees the old one or the new one."""
    aside = path / (MANIFEST + ".tmp")
    with aside.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path / MANIFEST)
    fsync_folder(path)


def _hint(path: Path) -> str:
    return IndexSpec({}).rebuild_command(path)


def foreign_files(path: Path) -> list[str]:
    """Names in the folder that no index writes."""
    return sorted(
        child.name for child in path.iterdir() if child.name not in _OWN and generation_number(child.name) is None
    )


def _missing(path: Path) -> IndexNotFoundError | IndexDamagedError:
    if path.is_file():
        return IndexDamagedError(f"{path} is a file, not an index folder.", hint=_hint(path))
    if path.is_dir() and foreign_files(path):
        return IndexDamagedError(f"The folder {path} holds no Rankscope index.", hint=_hint(path))
    if path.is_dir() and any(path.iterdir()):
        return IndexNotFoundError(
            f"The index {path} was never finished.", hint="Run the same `rankscope index` again: it goes on."
        )
    command = shlex.join(["rankscope", "index", "SOURCE", "--into", str(path)])
    return IndexNotFoundError(f"There is no index at {path}.", hint=command)
