"""The readers, and which of them reads what the user named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from engine.errors import SourceError
from engine.ingest import python_docs
from engine.ingest.base import Source, SourceOptions
from engine.ingest.beir import CORPUS, open_beir
from engine.ingest.delimited import open_delimited
from engine.ingest.folder import Folder, is_text
from engine.ingest.jsonl import open_jsonl


@dataclass(frozen=True, slots=True)
class Reader:
    """``accepts`` sees the path the user named; ``summary`` is for ``--help`` and error hints."""

    accepts: Callable[[Path], bool]
    open: Callable[[Path, SourceOptions], Source]
    summary: str


def _ends(path: Path, *suffixes: str) -> bool:
    return path.suffix.lower() in suffixes and not path.is_dir()


READERS: dict[str, Reader] = {
    python_docs.NAME: Reader(
        lambda path: str(path) == python_docs.NAME,
        lambda path, options: python_docs.PythonDocs(),
        f"the word {python_docs.NAME} (the docstrings of this Python's standard library)",
    ),
    "beir": Reader(lambda path: (path / CORPUS).is_file(), open_beir, f"a folder with {CORPUS}"),
    "jsonl": Reader(lambda path: _ends(path, ".jsonl", ".ndjson"), open_jsonl, "a .jsonl or .ndjson file"),
    "csv": Reader(lambda path: _ends(path, ".csv", ".tsv"), open_delimited, "a .csv or .tsv file with a header"),
    "folder": Reader(
        lambda path: path.is_dir() or (path.is_file() and is_text(path)),
        Folder,
        "a folder of text, Markdown and reStructuredText",
    ),
}
"""Reader by name; the first that accepts a source reads it."""


def open_source(spec: str, options: SourceOptions | None = None) -> Source:
    """The source that ``spec`` names. Raises SourceError where there is none, or nothing in it can be read."""
    options = options or SourceOptions()
    path = Path(spec).expanduser()
    if options.kind:
        if options.kind not in READERS:
            raise SourceError(f"there is no reader {options.kind!r}", hint=f"the readers are {', '.join(READERS)}")
        return READERS[options.kind].open(path, options)
    for reader in READERS.values():
        if reader.accepts(path):
            return reader.open(path, options)
    known = "; ".join(reader.summary for reader in READERS.values())
    if not path.exists():
        near = get_close_matches(spec, READERS, 1)
        raise SourceError(
            f"there is no source {spec}",
            hint=f"did you mean {near[0]}?" if near else f"a source is one of: {known}",
        )
    if path.suffix.lower() == ".json":
        raise SourceError(f"{spec} is one JSON value", hint="jq -c '.[]' FILE.json > FILE.jsonl makes one line of each")
    raise SourceError(f"no reader knows what {spec} is", hint=f"a source is one of: {known}")
