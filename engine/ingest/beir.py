"""A BEIR folder: ``corpus.jsonl`` with ``_id``, ``title``, ``text`` and ``metadata`` (https://github.com/beir-cellar/beir).

Its queries and judgments belong to evaluation and are not read here.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from engine.ingest.base import SourceOptions
from engine.ingest.jsonl import JSONL
from engine.ingest.records_file import RecordsFile

CORPUS = "corpus.jsonl"


def open_beir(folder: Path, options: SourceOptions) -> RecordsFile:
    """The folder's corpus. Options for other field names hold here as well."""
    options = dataclasses.replace(options, encoding="utf-8")
    return RecordsFile(folder / CORPUS, options, JSONL, name=folder.resolve().name)
